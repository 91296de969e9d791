"""Media: what the chat needs to read of voices, photos and documents, and how much it takes.

What is too large or too long is refused by what Telegram tells of it, before it is fetched.
Here stand values and Protocols; who hears and who reads is picked by wiring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from merlin.config.settings import MEGABYTE, MediaLimits
from merlin.core.errors import Refused

MINUTE_S = 60


class UnusableFile(Refused):
    """Something sent that cannot be used; `key` with `arguments` is the sentence for the person.

    media-password · media-damaged · media-no-text · media-empty · media-unknown (kinds) ·
    media-too-large (megabytes) · media-too-long (characters) · media-bomb · media-slow ·
    media-voice-too-long (minutes) · media-gone
    """

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(key.removeprefix("media-").replace("-", " "), key, **arguments)


def check_document(limits: MediaLimits, size: int) -> None:
    """Raise UnusableFile when a document of so many bytes is too large."""
    _check_size(size, limits.document_bytes)


def check_photo(limits: MediaLimits, size: int) -> None:
    """Raise UnusableFile when a photo of so many bytes is too large."""
    _check_size(size, limits.photo_bytes)


def check_voice(limits: MediaLimits, size: int, seconds: float) -> None:
    """Raise UnusableFile when a voice or video note is too long or too large."""
    if seconds > limits.voice_s:
        raise UnusableFile("media-voice-too-long", minutes=max(limits.voice_s // MINUTE_S, 1))
    _check_size(size, limits.voice_bytes)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise UnusableFile("media-too-large", megabytes=max(most // MEGABYTE, 1))


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a voice; `text` "" is silence, `seconds` 0 where nobody tells."""

    text: str
    seconds: float = 0.0


class Transcriber(Protocol):
    """Something that writes down what it hears."""

    async def transcribe(self, sound: bytes, name: str, language: str | None = None) -> Transcript:
        """Return the words of a recording; `language` ("ru") is a hint.

        `name` ends as the kind of sound says (`voice.oga`, `note.mp4`). Raises ModelGone when
        the provider does not know the model (any more), ProviderBusy when the same call may pass
        later, ProviderError when asking again changes nothing.
        """


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of a document; `pages` is 0 where the kind has none.

    `is_cut`: some of it could not be read (pages that are pictures, a damaged part).
    """

    text: str
    pages: int = 0
    is_cut: bool = False


class DocumentReader(Protocol):
    """Something that finds the text of a document."""

    async def read(self, content: bytes, name: str) -> DocumentText:
        """Return the text of a PDF, DOCX, TXT, MD or CSV file. Raises UnusableFile."""
