"""What files ask of a model: voices, photos, documents, short enough for its window.

A file that is switched off, too large or unreadable ends here as a sentence for the person; nothing
of it is counted. What is found in one is material for a model and is not kept. A long document is
told in short part by part, and the person sees how far that has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from telegram.error import NetworkError

from merlin.app.ask import Talk, window_of
from merlin.bot.context import BotContext
from merlin.bot.updates import Sent
from merlin.chat.answer import AnswerObserver, Reply
from merlin.chat.model_catalogue import Candidate, CandidateKind, only_candidate
from merlin.chat.prompt import (
    MAX_PARTS,
    AttachedText,
    Prompt,
    attach_texts,
    fits_into,
    shorten_text,
    wrap_document,
)
from merlin.chat.sessions import count_window_tokens, estimate_tokens
from merlin.config.settings import MediaLimits
from merlin.core.errors import ProviderBusy, ProviderError, Refused
from merlin.core.file_kind import HEAD_BYTES, FileKind, detect_kind, image_mime, recording_extension
from merlin.core.log import get_logger
from merlin.core.messages import Image, Message
from merlin.db.notices import ADMINS, Notices
from merlin.providers.documents import too_large, unusable_file
from merlin.providers.openai_chat import OpenAIAudio

log = get_logger(__name__)

MAX_IMAGES = 10
MINUTE_S = 60
TRIES = 3
MAX_PAUSE_S = 10.0
# Files that are something else than they were sent as, by what they should be sent as.
_MISNAMED = {FileKind.IMAGE: "photo", FileKind.SOUND: "voice"}
# What makes a prompt of a message: reads files, listens. Raises MerlinError with its text's key.
Source = Callable[[BotContext], Awaitable[Prompt]]


def check_size(size: int, most: int) -> None:
    """Raise Refused where Telegram tells that a file is too large to be fetched."""
    if size > most:
        raise too_large(most)


def check_voice(limits: MediaLimits, size: int, seconds: float) -> None:
    """Raise Refused when a voice or video note is too long or too large."""
    if seconds > limits.voice_s:
        raise unusable_file("media-voice-too-long", minutes=max(limits.voice_s // MINUTE_S, 1))
    check_size(size, limits.voice_bytes)


async def read_voices(context: BotContext) -> Prompt:
    """Return what a voice or a video note says; a caption makes it material for the caption."""
    transcriber = context.services.transcriber
    if transcriber is None:
        raise Refused("nobody hears voices", "media-voice-off")
    sounds, note = _alike(context)
    for sound in sounds:
        check_voice(context.services.config.chat.limits, sound.size, sound.seconds)
    texts = [await _transcribed(context, transcriber, sound) for sound in sounds]
    transcript = "\n\n".join(filter(None, texts))
    if not transcript:
        raise Refused("nothing was said", "media-silence")
    if not context.text:
        return Prompt(transcript, "voice", note=note)
    return Prompt(context.text, "voice", papers=(AttachedText("voice", transcript),), note=note)


async def read_photos(context: BotContext) -> Prompt:
    """Return photos with their caption, to be answered by the model that sees."""
    vision = context.services.config.chat.vision
    if vision is None:
        raise Refused("nobody sees photos", "media-photo-off")
    photos, note = _alike(context)
    limits = context.services.config.chat.limits
    for photo in photos:
        check_size(photo.size, limits.photo_bytes)
    images = []
    for photo in photos[:MAX_IMAGES]:
        content = await _fetched(context, photo, limits.photo_bytes)
        mime = image_mime(content[:HEAD_BYTES])
        if not mime:
            raise unusable_file("media-photo-unknown")
        images.append(Image(content, mime))
    words = context.text or context.translate("media-ask-photo")
    return Prompt(words, "photo", tuple(images), vision.pair, note=note)


async def read_documents(context: BotContext) -> Prompt:
    """Return documents with their caption, to be put before a model as material."""
    reader = context.services.reader
    if reader is None:
        raise Refused("nobody reads documents", "media-document-off")
    documents, note = _alike(context)
    limit = context.services.config.chat.limits.document_bytes
    for document in documents:
        check_size(document.size, limit)
    papers, is_cut = [], False
    for document in documents:
        content = await _fetched(context, document, limit)
        kind = detect_kind(document.name, document.mime, content[:HEAD_BYTES])
        if kind in _MISNAMED:
            raise unusable_file("media-misnamed", kind=_MISNAMED[kind])
        words, has_gaps = await reader.read(content, document.name)
        papers.append(AttachedText(document.name or "document", words))
        is_cut = is_cut or has_gaps
    note = "\n".join(filter(None, [note, context.translate("media-cut") if is_cut else ""]))
    words = context.text or context.translate("media-ask-document")
    return Prompt(words, "document", papers=tuple(papers), note=note)


SOURCES: dict[str, Source] = {
    "voice": read_voices,
    "photo": read_photos,
    "document": read_documents,
}


def _alike(context: BotContext) -> tuple[list[Sent], str]:
    """Return the files of the first one's kind, with a note where an album has others too.

    The plan counts the question by the first; so nothing else is looked at.
    """
    alike = [
        attachment
        for attachment in context.attachments
        if attachment.kind == context.attachments[0].kind
    ]
    if len(alike) == len(context.attachments):
        return alike, ""
    return alike, context.translate("media-left-out", kind=alike[0].kind)


async def fetch(context: BotContext, file_id: str, limit_bytes: int) -> bytes:
    """Return a file by its id. Raises Refused where it cannot be had."""
    try:
        return await context.bot_data.files.fetch(file_id, limit_bytes)
    except NetworkError:
        raise Refused("Telegram hands no file out", "media-not-fetched") from None


async def _fetched(context: BotContext, sent: Sent, limit_bytes: int) -> bytes:
    content = await fetch(context, sent.file_id, limit_bytes)
    if not content:
        raise unusable_file("media-empty")
    return content


async def _transcribed(context: BotContext, transcriber: OpenAIAudio, sent: Sent) -> str:
    """Return what is said in one recording, asked for a few times while the provider is busy."""
    sound = await _fetched(context, sent, context.services.config.chat.limits.voice_bytes)
    ending = recording_extension(sound[:HEAD_BYTES])
    if not ending:
        raise unusable_file("media-sound-unknown")
    attempt = 0
    while True:
        try:
            return await transcriber.transcribe(sound, f"voice.{ending}")
        except ProviderBusy as busy:
            attempt += 1
            if attempt >= TRIES:
                raise Refused(str(busy), "media-hear-busy") from busy
            pause = busy.retry_after_s or context.services.patience.first_pause_s * attempt
            await asyncio.sleep(min(pause, MAX_PAUSE_S))
        except ProviderError as error:
            await _report(context, error)
            raise Refused(str(error), "media-hear-failed") from error


async def _report(context: BotContext, error: ProviderError) -> None:
    """Tell admins once an hour that nobody hears voices."""
    named = context.services.config.chat.transcription
    provider, model_id = named.pair if named is not None else ("", "")
    log.warning("a voice was not heard", provider=provider, reason=str(error))
    arguments = {"provider": provider, "model": model_id, "reason": str(error)}
    once = f"hear:{provider}:{model_id}:{context.services.clock():%Y-%m-%dT%H}"
    await context.store.do(
        lambda: Notices(context.db).tell(ADMINS, "notice-hear-failed", arguments, once)
    )


# The rest of the window is for the answer and for what the estimate is wrong by.
MATERIAL_SHARE = 0.75
# However much was said before, a document gets so much; what does not fit then is left behind.
MIN_SHARE = 0.25
PART_SHARE = 0.5
QUESTION_LENGTH = 500


async def fitted(
    context: BotContext, talk: Talk, prompt: Prompt, onlooker: AnswerObserver
) -> Prompt:
    """Return the prompt with its papers as a part of its text, in short where they are long.

    Raises Refused when the model that tells parts in short does not answer.
    """
    prompt = _for_papers(context, talk, prompt)
    if prompt.format == "text" or prompt.images:
        return prompt
    room, part_tokens = await context.store.read(lambda: _room(context, talk, prompt))
    if prompt.format == "voice" and not prompt.papers and not fits_into(prompt.text, room):
        message = context.translate("media-ask-voice")
        prompt = replace(prompt, text=message, papers=(AttachedText("voice", prompt.text),))
    if fits_into("".join(paper.text for paper in prompt.papers), room):
        return attach_texts(prompt)
    return await _in_short(context, prompt, part_tokens, room, onlooker)


def _for_papers(context: BotContext, talk: Talk, prompt: Prompt) -> Prompt:
    """Let a model that reads answer for documents, unless the session has chosen its own.

    Under a preset the system text says what is to be done with a document without a caption.
    """
    if not prompt.papers and prompt.format != "document":
        return prompt
    if talk.wish.system:
        return prompt if context.text else replace(prompt, text="")
    return prompt if talk.wish.chosen else replace(prompt, model=context.services.config.assistant)


def _room(context: BotContext, talk: Talk, prompt: Prompt) -> tuple[int, int]:
    """Return the tokens for the papers, and for a part of one; within the store's work."""
    choice = Candidate(CandidateKind.CHOSEN, *prompt.model) if prompt.model else talk.first
    window = min(window_of(context.services, choice), talk.limit)
    own = 0 if prompt.format == "voice" else estimate_tokens(Message("user", prompt.text))
    room = int(window * MATERIAL_SHARE) - count_window_tokens(talk.before) - own
    helper = _helper(context, prompt)
    part = int(window_of(context.services, helper) * PART_SHARE) if helper else window
    return max(room, int(window * MIN_SHARE), 1), max(part, 1)


def _helper(context: BotContext, prompt: Prompt) -> Candidate | None:
    """Return the model that tells parts in short."""
    services = context.services
    named = prompt.model or services.config.assistant or next(iter(services.general), None)
    return Candidate(CandidateKind.CHOSEN, *named) if named else None


async def _in_short(
    context: BotContext,
    prompt: Prompt,
    part_tokens: int,
    room_tokens: int,
    onlooker: AnswerObserver,
) -> Prompt:
    """Return the prompt with its long papers in short, and with what that took.

    They share the room, and the parts that may be read.
    """
    count = len(prompt.papers)
    room_tokens, most_parts = max(room_tokens // count, 1), max(MAX_PARTS // count, 1)
    spent: list[Reply] = []
    papers: list[AttachedText] = []
    notes = [prompt.note]

    def progress(done: int, count: int) -> None:
        part = min(done + 1, count)
        onlooker.wrote(context.translate("media-progress", part=part, parts=count))

    for paper in prompt.papers:
        if fits_into(paper.text, room_tokens):
            papers.append(paper)
            continue
        tell = partial(_summarize_part, context, prompt, paper.name, spent)
        short = await shorten_text(paper.text, part_tokens, room_tokens, tell, progress, most_parts)
        papers.append(replace(paper, text=short.text))
        key = "media-parts" if short.read == short.parts else "media-parts-cut"
        notes.append(context.translate(key, parts=short.parts, read=short.read))
    note = "\n".join(dict.fromkeys(filter(None, notes)))
    return replace(attach_texts(prompt, papers), note=note, spent=tuple(spent))


async def _summarize_part(
    context: BotContext,
    prompt: Prompt,
    name: str,
    spent: list[Reply],
    number: int,
    count: int,
    part: str,
) -> str:
    """Return what a model says of a part. Raises Refused where it says nothing."""
    helper = _helper(context, prompt)
    if helper is None:
        raise Refused("no model to read with", "bot-nobody")
    question = prompt.text[:QUESTION_LENGTH] or "—"
    task = context.translate("media-part-wish", part=number, parts=count, question=question)
    message = Message("user", f"{task}\n\n{wrap_document(part, name)}")
    models = only_candidate(helper)
    reply = await context.bot_data.desk.reply(models, (message,), AnswerObserver())
    spent.append(reply)
    if not reply.text:
        raise Refused("a part was not told", "media-part-failed", part=number)
    return reply.text
