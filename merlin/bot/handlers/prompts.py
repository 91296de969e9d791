"""Prompts from files: voices, photos and documents, shortened to the model's window.

A file that is disabled, too large or unreadable raises an error with its text, and is not counted.
File contents are not stored. Of a long document the beginning is read, and the answer says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from telegram.error import NetworkError

from merlin.app.ask import Conversation, window_of
from merlin.bot.context import BotContext
from merlin.bot.message_parts import ReceivedAttachment
from merlin.chat.model_catalogue import Candidate, CandidateKind
from merlin.chat.prompt import (
    AttachedText,
    Prompt,
    append_documents,
    fits_into,
    split_text,
)
from merlin.chat.sessions import count_window_tokens, estimate_tokens
from merlin.config.settings import MEGABYTE
from merlin.core.errors import ProviderBusy, ProviderError, Refused
from merlin.core.file_kind import (
    HEAD_BYTES,
    MIN_RECORDING_BYTES,
    FileKind,
    detect_kind,
    image_mime,
    recording_extension,
)
from merlin.core.log import get_logger
from merlin.core.messages import Image, Message
from merlin.db.notices import Notices
from merlin.providers.documents import MAX_DOCUMENT_BYTES, file_error, file_size_error
from merlin.providers.openai_chat import OpenAIAudio

log = get_logger(__name__)

MAX_IMAGES = 10
# Telegram delivers files of up to 20 MB; what models take of photos is less.
MAX_PHOTO_BYTES = 10 * MEGABYTE
MAX_VOICE_BYTES = 20 * MEGABYTE
MAX_VOICE = timedelta(hours=1)
MAX_ATTEMPTS = 3
MAX_PAUSE_S = 10.0
# Files sent as the wrong kind, with the kind to send them as.
_MISNAMED = {FileKind.IMAGE: "photo", FileKind.SOUND: "voice"}
# Makes a prompt of a message: reads its files. Raises MerlinError with its text's key.
Source = Callable[[BotContext], Awaitable[Prompt]]


def check_size(size: int, limit: int) -> None:
    """Raise Refused if the file is larger than `limit` bytes."""
    if size > limit:
        raise file_size_error(limit)


def check_voice(size: int, duration: timedelta) -> None:
    """Raise Refused if a voice or video note is too long or too large."""
    if duration > MAX_VOICE:
        raise file_error(
            "media-voice-too-long", minutes=MAX_VOICE // timedelta(minutes=1)
        )
    check_size(size, MAX_VOICE_BYTES)


def quote_above(context: BotContext, question: str) -> str:
    """Return a question below the text of the message that it replies to."""
    quoted = "\n".join(f"> {line}" for line in context.quoted.splitlines())
    return "\n\n".join(filter(None, [quoted, question]))


async def read_voices(context: BotContext) -> Prompt:
    """Return the transcript of voices as the question, or as material for the caption."""
    transcriber = context.services.transcriber
    if transcriber is None:
        raise Refused("no model transcribes voice messages", "media-voice-off")
    recordings, note = _select_first_kind(context)
    for recording in recordings:
        check_voice(recording.size, recording.duration)
    texts = [
        await _transcribe(context, transcriber, recording) for recording in recordings
    ]
    transcript = "\n\n".join(filter(None, texts))
    if not transcript:
        raise Refused("nothing was said", "media-silence")
    if "" in texts:
        silent = context.translate("media-silent")
        note = "\n".join(filter(None, [note, silent]))
    question = quote_above(context, context.text)
    if not question:
        return Prompt(transcript, "voice", note=note)
    return Prompt(
        question, "voice", documents=(AttachedText("voice", transcript),), note=note
    )


async def read_photos(context: BotContext) -> Prompt:
    """Return photos with their caption for the vision model."""
    vision = context.services.config.chat.vision
    if vision is None:
        raise Refused("no model reads photos", "media-photo-off")
    photos, note = _select_first_kind(context)
    for photo in photos:
        check_size(photo.size, MAX_PHOTO_BYTES)
    images = []
    for photo in photos[:MAX_IMAGES]:
        content = await _fetch_content(context, photo, MAX_PHOTO_BYTES)
        mime = image_mime(content)
        if not mime:
            raise file_error("media-photo-unknown")
        images.append(Image(content, mime))
    if len(photos) > MAX_IMAGES:
        left_out = context.translate("media-first-photos", count=MAX_IMAGES)
        note = "\n".join(filter(None, [note, left_out]))
    question = context.text or context.translate("media-ask-photo")
    return Prompt(
        quote_above(context, question), "photo", tuple(images), vision, note=note
    )


async def read_documents(context: BotContext) -> Prompt:
    """Return documents with their caption as material for a model."""
    reader = context.services.reader
    documents, note = _select_first_kind(context)
    for document in documents:
        check_size(document.size, MAX_DOCUMENT_BYTES)
    attached = []
    is_cut = False
    for document in documents:
        content = await _fetch_content(context, document, MAX_DOCUMENT_BYTES)
        kind = detect_kind(document.name, document.mime, content[:HEAD_BYTES])
        if kind in _MISNAMED:
            raise file_error("media-misnamed", kind=_MISNAMED[kind])
        text, has_gaps = await reader.read(content, document.name)
        attached.append(AttachedText(document.name or "document", text))
        is_cut = is_cut or has_gaps
    note = "\n".join(
        filter(None, [note, context.translate("media-cut") if is_cut else ""])
    )
    question = context.text or context.translate("media-ask-document")
    question = quote_above(context, question)
    return Prompt(question, "document", documents=tuple(attached), note=note)


SOURCES: dict[str, Source] = {
    "voice": read_voices,
    "photo": read_photos,
    "document": read_documents,
}


def _select_first_kind(context: BotContext) -> tuple[list[ReceivedAttachment], str]:
    """Return the attachments of the first one's kind, with a note if others were left out.

    The plan counts the question by the first attachment, so the others are ignored.
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
    """Download a file by its id. Raises Refused."""
    try:
        return await context.bot_data.files.fetch(file_id, limit_bytes)
    except NetworkError:
        raise Refused("Telegram hands no file out", "media-not-fetched") from None


async def _fetch_content(
    context: BotContext, sent: ReceivedAttachment, limit_bytes: int
) -> bytes:
    content = await fetch(context, sent.file_id, limit_bytes)
    if not content:
        raise file_error("media-empty")
    return content


async def _transcribe(
    context: BotContext, transcriber: OpenAIAudio, sent: ReceivedAttachment
) -> str:
    """Return the transcript of a recording, retried while the provider is busy."""
    content = await _fetch_content(context, sent, MAX_VOICE_BYTES)
    extension = recording_extension(content[:HEAD_BYTES])
    if not extension or len(content) < MIN_RECORDING_BYTES:
        raise file_error("media-sound-unknown")
    attempt = 0
    while True:
        try:
            return await transcriber.transcribe(content, f"voice.{extension}")
        except ProviderBusy as busy:
            attempt += 1
            if attempt >= MAX_ATTEMPTS:
                raise Refused(str(busy), "media-transcription-busy") from busy
            pause = (
                busy.retry_after_s
                or context.services.answer_service.retry_policy.first_pause_s * attempt
            )
            await asyncio.sleep(min(pause, MAX_PAUSE_S))
        except ProviderError as error:
            await _notify_admins(context, error)
            raise Refused(str(error), "media-transcription-failed") from error


async def _notify_admins(context: BotContext, error: ProviderError) -> None:
    """Notify the admins, once an hour, that transcription fails."""
    transcription = context.services.config.chat.transcription
    provider, model_id = transcription if transcription is not None else ("", "")
    log.warning(
        "a voice message was not transcribed", provider=provider, reason=str(error)
    )
    arguments = {"provider": provider, "model": model_id, "reason": str(error)}
    notify = Notices(context.db, context.services.clock).notify_hourly
    await context.store.do(
        lambda: notify("notice-hear-failed", arguments, provider, model_id)
    )


# The rest of the window is for the answer and for errors of the estimate.
MATERIAL_SHARE = 0.75
# The minimum share for a document; older turns that do not fit are left out.
MIN_MATERIAL_SHARE = 0.25


async def fit_prompt(
    context: BotContext, conversation: Conversation, prompt: Prompt
) -> Prompt:
    """Return the prompt with its attached texts; of those that are too long, the beginning.

    Texts that do not fit together get equal shares of the room.
    """
    prompt = _with_document_model(context, conversation, prompt)
    if prompt.format == "text" or prompt.images:
        return prompt
    room_tokens = await context.store.read(
        lambda: _available_tokens(context, conversation, prompt)
    )
    is_voice = prompt.format == "voice" and not prompt.documents
    if is_voice and not fits_into(prompt.text, room_tokens):
        message = context.translate("media-ask-voice")
        prompt = replace(
            prompt, text=message, documents=(AttachedText("voice", prompt.text),)
        )
    if fits_into("".join(document.text for document in prompt.documents), room_tokens):
        return append_documents(prompt)
    room_tokens = max(room_tokens // len(prompt.documents), 1)
    beginnings = tuple(
        replace(document, text="".join(split_text(document.text, room_tokens)[:1]))
        for document in prompt.documents
    )
    note = "\n".join(filter(None, [prompt.note, context.translate("media-beginning")]))
    return append_documents(replace(prompt, documents=beginnings, note=note))


def _with_document_model(
    context: BotContext, conversation: Conversation, prompt: Prompt
) -> Prompt:
    """Select the assistant model for documents, unless the session has its own model.

    With a preset, the system prompt says what to do with a document without a caption.
    """
    if not prompt.documents and prompt.format != "document":
        return prompt
    if conversation.request.system:
        asked = context.text or context.quoted
        return prompt if asked else replace(prompt, text="")
    if conversation.request.chosen:
        return prompt
    assistant = context.services.config.assistant
    note = prompt.note
    if assistant and conversation.first is not None and conversation.first.version:
        note = "\n".join(filter(None, [note, context.translate("media-next")]))
    return replace(prompt, model=assistant, note=note)


def _available_tokens(
    context: BotContext, conversation: Conversation, prompt: Prompt
) -> int:
    """Return the tokens for the attached texts; within the store's work."""
    choice = (
        Candidate(CandidateKind.CHOSEN, *prompt.model)
        if prompt.model
        else conversation.first
    )
    window = min(window_of(context.services, choice), conversation.limit)
    room_tokens = int(window * MATERIAL_SHARE) - count_window_tokens(
        conversation.before
    )
    if prompt.format != "voice":
        room_tokens -= estimate_tokens(Message("user", prompt.text))
    return max(room_tokens, int(window * MIN_MATERIAL_SHARE), 1)
