"""Media: voices, photos and documents as questions: fetched, heard, seen, read.

What is switched off, too much or unreadable ends here as a sentence for the person; nothing of it
is counted. What is found is material for a model and is not kept.
"""

from __future__ import annotations

import asyncio

from telegram.error import NetworkError

from merlin.bot.event import Event
from merlin.bot.handlers.answer.question import Source, answer_question
from merlin.bot.kit import Kit
from merlin.bot.sent import Sent
from merlin.chat.kind import HEAD_BYTES, Kind, image_mime, kind_of, sound_ending
from merlin.chat.media import DocumentReader, Read, Transcriber, Unreadable
from merlin.chat.prompt import Paper, Prompt
from merlin.core.errors import ProviderBusy, ProviderError, Refused
from merlin.core.log import get_logger
from merlin.core.message import Image
from merlin.core.notice import ADMINS
from merlin.core.text import text

log = get_logger(__name__)

MOST_IMAGES = 10
TRIES = 3
LONGEST_PAUSE_S = 10.0
# Files that are something else than they were sent as, by what they should be sent as.
_MISNAMED = {Kind.IMAGE: "photo", Kind.SOUND: "voice"}


async def answer_sent(kit: Kit, event: Event) -> None:
    """Answer a voice, a photo or a document. Raises Unreachable."""
    await answer_question(kit, event, source_of(event))


def source_of(event: Event) -> Source:
    """Return what makes a prompt of the files of an event that has some."""
    return SOURCES[event.format]


async def heard(kit: Kit, event: Event) -> Prompt:
    """Return what a voice or a video note says; a caption makes it material for the caption."""
    transcriber = kit.services.transcriber
    if transcriber is None:
        raise Refused("nobody hears voices", "media-voice-off")
    sounds, note = _alike(event)
    for sound in sounds:
        kit.services.media_limits.check_voice(sound.size, sound.seconds)
    texts = [await _transcribed(kit, transcriber, sound) for sound in sounds]
    said = "\n\n".join(filter(None, texts))
    if not said:
        raise Refused("nothing was said", "media-silence")
    if not event.text:
        return Prompt(said, "voice", note=note)
    return Prompt(event.text, "voice", papers=(Paper("voice", said),), note=note)


async def seen(kit: Kit, event: Event) -> Prompt:
    """Return photos with their caption, to be answered by the model that sees."""
    if kit.services.vision is None:
        raise Refused("nobody sees photos", "media-photo-off")
    photos, note = _alike(event)
    limits = kit.services.media_limits
    for photo in photos:
        limits.check_photo(photo.size)
    images = []
    for photo in photos[:MOST_IMAGES]:
        content = await _fetched(kit, photo, limits.photo_bytes)
        mime = image_mime(content[:HEAD_BYTES])
        if not mime:
            raise Unreadable("media-photo-unknown")
        images.append(Image(content, mime))
    words = event.text or text(event.language, "media-ask-photo")
    return Prompt(words, "photo", tuple(images), kit.services.vision, note=note)


async def read(kit: Kit, event: Event) -> Prompt:
    """Return documents with their caption, to be put before a model as material."""
    reader = kit.services.reader
    if reader is None:
        raise Refused("nobody reads documents", "media-document-off")
    documents, note = _alike(event)
    for document in documents:
        kit.services.media_limits.check_document(document.size)
    found = [await _found(kit, reader, document) for document in documents]
    names = [document.name or "document" for document in documents]
    papers = tuple(Paper(name, each.text) for name, each in zip(names, found, strict=True))
    cut = text(event.language, "media-cut") if any(each.is_cut for each in found) else ""
    words = event.text or text(event.language, "media-ask-document")
    return Prompt(words, "document", papers=papers, note="\n".join(filter(None, [note, cut])))


SOURCES: dict[str, Source] = {"voice": heard, "photo": seen, "document": read}


def _alike(event: Event) -> tuple[list[Sent], str]:
    """Return the files of the first one's kind, with a note where an album has others too.

    The plan counts the question by the first; so nothing else is looked at.
    """
    alike = [each for each in event.files if each.kind == event.files[0].kind]
    if len(alike) == len(event.files):
        return alike, ""
    return alike, text(event.language, "media-left-out", kind=alike[0].kind)


async def _fetched(kit: Kit, sent: Sent, limit_bytes: int) -> bytes:
    try:
        content = await kit.files.fetch(sent.file_id, limit_bytes)
    except NetworkError:
        raise Refused("Telegram hands no file out", "media-not-fetched") from None
    if not content:
        raise Unreadable("media-empty")
    return content


async def _found(kit: Kit, reader: DocumentReader, document: Sent) -> Read:
    content = await _fetched(kit, document, kit.services.media_limits.document_bytes)
    kind = kind_of(document.name, document.mime, content[:HEAD_BYTES])
    if kind in _MISNAMED:
        raise Unreadable("media-misnamed", kind=_MISNAMED[kind])
    return await reader.read(content, document.name)


async def _transcribed(kit: Kit, transcriber: Transcriber, sent: Sent) -> str:
    """Return what is said in one recording, asked for a few times while the provider is busy."""
    sound = await _fetched(kit, sent, kit.services.media_limits.voice_bytes)
    ending = sound_ending(sound[:HEAD_BYTES])
    if not ending:
        raise Unreadable("media-sound-unknown")
    attempt = 0
    while True:
        try:
            return (await transcriber.transcribe(sound, f"voice.{ending}")).text
        except ProviderBusy as busy:
            attempt += 1
            if attempt >= TRIES:
                raise Refused(str(busy), "media-hear-busy") from busy
            pause = busy.retry_after_s or kit.services.patience.first_pause_s * attempt
            await asyncio.sleep(min(pause, LONGEST_PAUSE_S))
        except ProviderError as error:
            await _report(kit, error)
            raise Refused(str(error), "media-hear-failed") from error


async def _report(kit: Kit, error: ProviderError) -> None:
    """Tell admins once an hour that nobody hears voices."""
    provider, model_id = kit.services.transcription or ("", None)
    log.warning("a voice was not heard", provider=provider, reason=str(error))
    told = {"provider": provider, "model": model_id or "", "reason": str(error)}
    once = f"hear:{provider}:{model_id}:{kit.services.clock():%Y-%m-%dT%H}"
    await kit.store.do(
        lambda: kit.rows.notices.tell(ADMINS, "notice-hear-failed", told, once),
    )
