"""Sent: what a message holds besides text: a voice, a photo, a document, or something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What people send besides text, and by which word we speak of it. A GIF is a document too, so
# that older clients show it: what it really is comes first.
_KINDS = {
    "animation": "other",
    "voice": "voice",
    "audio": "voice",
    "video_note": "voice",
    "photo": "photo",
    "document": "document",
    "sticker": "other",
    "video": "other",
    "location": "other",
    "venue": "other",
    "contact": "other",
    "poll": "other",
    "dice": "other",
    "story": "other",
    "paid_media": "other",
    "checklist": "other",
}
# Files sent as documents that are something else, by the beginning of their mime type.
_DOCUMENTS = {"image/": "photo", "audio/": "voice"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of a message; `kind` is voice, photo, document or other.

    `size` is in bytes and `seconds` of a sound, 0 where Telegram does not say; `album` is the
    group that it was sent with, "" for none.
    """

    kind: str
    file_id: str = ""
    name: str = ""
    mime: str = ""
    size: int = 0
    seconds: int = 0
    album: str = ""


def sent_of(message: Mapping[str, Any]) -> Sent | None:
    """Return what a message holds besides text, None for nothing."""
    for name, kind in _KINDS.items():
        if name in message:
            return _sent(kind, name, message)
    return None


def _sent(kind: str, name: str, message: Mapping[str, Any]) -> Sent:
    found = message[name]
    if isinstance(found, list):  # a photo in several sizes, the largest last
        found = found[-1] if found else {}
    file: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    if kind == "other":
        return Sent(kind)
    mime = str(file.get("mime_type", ""))
    if kind == "document":
        kind = next((word for mark, word in _DOCUMENTS.items() if mime.startswith(mark)), kind)
    return Sent(
        kind=kind,
        file_id=str(file.get("file_id", "")),
        name=str(file.get("file_name", "")),
        mime=mime,
        size=_number(file, "file_size"),
        seconds=_number(file, "duration"),
        album=str(message.get("media_group_id", "")),
    )


def _number(within: Mapping[str, Any], name: str) -> int:
    found = within.get(name)
    return found if isinstance(found, int) else 0
