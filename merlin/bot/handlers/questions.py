"""A question, answered by exactly one whole answer: text, voice, photo, document, edited.

    placeholder sent -> stored                     answer stored -> placeholder edited -> stored
    reserved -> asked ---------/

Every step is found again after a kill: a stored placeholder is written into, a stored answer is
not asked for again, and the final edit may be repeated. No answer is stored or shown before its
placeholder is stored; where that fails, the asking ends. Without streaming there is no placeholder
and the whole answer goes through the outbox. An answer is stopped while it grows, or asked for
again.

A file that is switched off, too large or unreadable ends here as a sentence for the person; nothing
of it is counted. What is found in one is material for a model and is not kept.

A question that its author corrected is answered anew, under the corrected message. Telegram tells
of edits that change nothing a person sees, too; those are passed over. What was no question before
does not become one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from telegram.error import NetworkError

from merlin.app.inbox import UpdateState
from merlin.app.outbox import Outbox, QueuedMessage
from merlin.bot import menu, rendering
from merlin.bot.context import BotApplication, BotContext, add_handlers, page_letters, spot_of
from merlin.bot.handlers.answering import (
    Answer,
    Talk,
    ask,
    fitted,
    keep,
    name_topic,
    shown_name,
    talk_of,
)
from merlin.bot.handlers.quota import settle
from merlin.bot.outbox import OnSent
from merlin.bot.rendering import draw, pages
from merlin.bot.rendering import written as words_of
from merlin.bot.services import DRAFTS, EDITS
from merlin.bot.streaming import DraftIndicator, DraftText, StreamingEditor, TypingIndicator, both
from merlin.bot.updates import LONG_UNITS, Sent
from merlin.chat.answer import AnswerObserver, Ending, Reply, Stop
from merlin.chat.presets import VOICE
from merlin.chat.prompt import AttachedText, Prompt, text_outside_documents
from merlin.chat.sessions import Sessions
from merlin.chat.turns import Question, StoredAnswer, Turn, Turns
from merlin.config.settings import MediaLimits
from merlin.core.errors import MerlinError, ProviderBusy, ProviderError, Refused
from merlin.core.file_kind import HEAD_BYTES, FileKind, detect_kind, image_mime, recording_extension
from merlin.core.formatted_text import FormattedMessage, utf16_length
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.messages import Image
from merlin.db.notices import ADMINS, Notices
from merlin.providers.documents import ChildReader, DocumentText, UnusableFile, too_large
from merlin.providers.openai_chat import OpenAIAudio

PLACEHOLDER = "…"
QUOTED_LENGTH = 1000
# What makes a prompt of a message: reads files, listens. Raises MerlinError with its text's key.
Source = Callable[[BotContext], Awaitable[Prompt]]


async def words_alone(context: BotContext) -> Prompt:
    """Return a text message as a prompt, with what it replies to."""
    if not context.quoted:
        return Prompt(context.text)
    quoted = "\n".join(f"> {line}" for line in context.quoted[:QUOTED_LENGTH].splitlines())
    return Prompt(f"{quoted}\n\n{context.text}")


async def answer_message(context: BotContext) -> None:
    """Answer what is no command and no part of a dialog. Raises ChatUnreachable."""
    context = context.with_replied()
    if context.stored.kind == "edited_message":
        await answer_edited(context)
    elif context.format in SOURCES:
        await answer_sent(context)
    elif context.sent is not None and context.is_private:
        words = context.translate("media-other")
        await context.say(words, UpdateState.REFUSED, f"not served: {context.sent.kind}")
    elif context.text:
        await answer_question(context)
    else:
        await context.end(UpdateState.REFUSED, "not served: no words")


async def answer_question(context: BotContext, source: Source = words_alone) -> None:
    """Answer a message, wherever it was left. Raises ChatUnreachable."""
    turn = await _stored_turn(context)
    if turn is not None and turn.written is not None:
        await _show(context, turn, turn.written)
    elif _grows(context) or (turn is not None and turn.placeholder_id is not None):
        await _answer_by_edits(context, turn, source)
    else:
        await _answer_at_once(context, source)
    await name_topic(context)


async def give_up(context: BotContext) -> None:
    """Say that no answer will come, in the placeholder if there is one. Raises ChatUnreachable."""
    sorry = StoredAnswer(
        "", context.translate("bot-failed"), UpdateState.FAILED, offer=rendering.NONE
    )
    turn = await _stored_turn(replace(context, is_resumed=True))
    await context.store.do(lambda: _excuse(context, sorry))
    if turn is not None and turn.written is None:
        await _show(context, turn, sorry)
        return
    placeholder_id = context.bot_data.placed.pop(context.update_id, 0)
    spot = replace(spot_of(context), edit_of=placeholder_id)
    letter = page_letters(context, [FormattedMessage(sorry.note)], spot)[0]
    letter = replace(letter, key=f"update:{context.update_id}:sorry")
    await context.bot_data.sender.deliver(
        lambda: Outbox(context.db, context.bot_id).put([letter]),
        _end(context, sorry),
        context.language,
    )


def _excuse(context: BotContext, sorry: StoredAnswer) -> None:
    """Let a question that is given up not count; an answer that is stored already stays."""
    Turns(context.db, context.bot_id).write(context.update_id, sorry)
    settle(context, sorry)


async def _stored_turn(context: BotContext) -> Turn | None:
    if not context.is_resumed:
        return None
    return await context.store.read(
        lambda: Turns(context.db, context.bot_id).find(context.update_id)
    )


async def _answer_by_edits(context: BotContext, turn: Turn | None, source: Source) -> None:
    talk = await talk_of(context)
    editor = _editor(context)
    placing = asyncio.ensure_future(_placed(context, turn, editor))
    try:
        stored, answer = await _ask(context, talk, source, (editor, placing))
    except Exception:
        # One that is on its way is known to the next try.
        await placing
        raise
    finally:
        placing.cancel()
    # Drawn while it is stored, shown once it is.
    storing = context.store.do(lambda: keep(context, answer))
    _, parts = await both(storing, _drawn(context, stored, answer.written))
    await _stand(context, stored, answer.written, parts)


def _editor(context: BotContext) -> StreamingEditor:
    pace = context.services.pace
    gap_s = pace.private_edit_s if context.is_private else pace.group_edit_s
    draft = DraftText(context.chat_id, rendering.stop_button(context.language, context.update_id))
    return StreamingEditor(context.calls, draft, gap_s, context.translate("bot-waiting"))


async def _placed(context: BotContext, turn: Turn | None, editor: StreamingEditor) -> int:
    """Return the placeholder's message, an earlier try's where there is one."""
    message_id = turn.placeholder_id if turn is not None else None
    message_id = (
        message_id or context.bot_data.placed.get(context.update_id) or await _place(context)
    )
    editor.stands(message_id)
    return message_id


async def _place(context: BotContext) -> int:
    stop = rendering.stop_button(context.language, context.update_id)
    page = FormattedMessage(PLACEHOLDER, buttons=((stop,),))
    message_id = await context.calls.place(context.chat_id, page, spot_of(context))
    context.bot_data.placed[context.update_id] = message_id
    kill_point("placeholder.sent")
    return message_id


async def _ask(
    context: BotContext, talk: Talk, source: Source, paper: tuple[StreamingEditor, Awaitable[int]]
) -> tuple[Turn, Answer]:
    """Return the turn and its answer, which is asked for while its placeholder is stored."""
    editor, placing = paper

    async def record(prompt: Prompt) -> Turn:
        question, placeholder_id = _question(context, talk, prompt), await placing
        stored = await context.store.do(
            lambda: Turns(context.db, context.bot_id).ask(question, placeholder_id)
        )
        context.bot_data.placed.pop(context.update_id, None)
        kill_point("placeholder.recorded")
        return stored

    async with editor:
        with _stoppable(context) as stop:
            if context.sent is not None:
                # Fetching, listening and reading take their time.
                await record(Prompt(context.text, context.format))
            prompt, refusal = await _prompt(context, talk, source, (editor, stop))
            if refusal is not None:
                return await record(prompt), refusal
            return await both(record(prompt), ask(context, talk, prompt, (editor, stop)))


async def _answer_at_once(context: BotContext, source: Source) -> None:
    talk = await talk_of(context)
    async with _unseen(context) as onlooker:
        with _stoppable(context) as stop:
            prompt, refusal = await _prompt(context, talk, source, (onlooker, stop))
            answer = refusal or await ask(context, talk, prompt, (onlooker, stop))

    def prepare() -> Sequence[QueuedMessage]:
        turn = Turns(context.db, context.bot_id).ask(_question(context, talk, prompt), None)
        keep(context, answer)
        shown = _pages(context, turn, answer.written)
        return Outbox(context.db, context.bot_id).put(page_letters(context, shown))

    await context.bot_data.sender.deliver(prepare, _end(context, answer.written), context.language)


def _grows(context: BotContext) -> bool:
    """Return whether the answer grows in a message of its own."""
    streaming = context.services.streaming
    return streaming == EDITS or (streaming == DRAFTS and not context.is_private)


def _unseen(context: BotContext) -> DraftIndicator | TypingIndicator:
    """Return what shows that an answer is written for which no message stands yet."""
    pace = context.services.pace
    if context.services.streaming == DRAFTS:
        return DraftIndicator(context.calls, context.place, context.update_id, pace.private_edit_s)
    return TypingIndicator(context.calls, context.place, pace.typing_s)


@contextmanager
def _stoppable(context: BotContext) -> Iterator[Stop]:
    try:
        yield context.bot_data.stops.begin(context.update_id, context.user_id)
    finally:
        context.bot_data.stops.end(context.update_id)


async def _prompt(
    context: BotContext, talk: Talk, source: Source, looks: tuple[AnswerObserver, Stop]
) -> tuple[Prompt, Answer | None]:
    """Return what is asked, and the answer already where there is nothing to ask."""
    plain = Prompt(context.text, context.format)
    if talk.refusal is not None:
        return plain, Answer(talk.refusal, talk.session)
    onlooker, stop = looks
    making = asyncio.ensure_future(_made(context, talk, source, onlooker))
    stop.ends(making)
    try:
        return await making, None
    except MerlinError as error:
        words = context.translate(error.key, **error.arguments)
        refusal = StoredAnswer("", words, UpdateState.REFUSED, offer=rendering.NONE)
    except asyncio.CancelledError:
        if not (stop.is_pressed and making.cancelled()):
            raise
        refusal = words_of(Reply(Ending.STOPPED), context.language, None)
    return plain, Answer(refusal, talk.session)


async def _made(
    context: BotContext, talk: Talk, source: Source, onlooker: AnswerObserver
) -> Prompt:
    if context.format != "text":
        onlooker.wrote(context.translate("media-at-it", kind=context.format))
    return await fitted(context, talk, await source(context), onlooker)


def _question(context: BotContext, talk: Talk, prompt: Prompt) -> Question:
    return Question(
        session_id=talk.session.session_id,
        update_id=context.update_id,
        user_id=context.user_id,
        text=prompt.text,
        message_id=context.message_id,
        format=prompt.format,
        asker=shown_name(context),
    )


async def _drawn(context: BotContext, turn: Turn, written: StoredAnswer) -> list[FormattedMessage]:
    """Return the messages that the answer takes."""
    if turn.question.format == "voice":
        return await context.store.read(lambda: _pages(context, turn, written))
    return await draw(lambda: pages(turn, written, context.language), len(written.answer))


async def _show(context: BotContext, turn: Turn, written: StoredAnswer) -> None:
    """Let a stored answer stand in the chat, and end the update."""
    await _stand(context, turn, written, await _drawn(context, turn, written))


async def _stand(
    context: BotContext, turn: Turn, written: StoredAnswer, parts: Sequence[FormattedMessage]
) -> None:
    """Let the whole answer stand in the chat, and end the update."""
    edited = int(await _is_edited(context, turn.placeholder_id, parts[0]))

    def prepare() -> Sequence[QueuedMessage]:
        if len(parts) == edited and not context.is_resumed:
            return []
        Outbox(context.db, context.bot_id).put(page_letters(context, parts[edited:], number=edited))
        return Outbox(context.db, context.bot_id).of_update(context.update_id)

    await context.bot_data.sender.deliver(prepare, _end(context, written), context.language)


def _pages(context: BotContext, turn: Turn, written: StoredAnswer) -> list[FormattedMessage]:
    """Return the messages of a turn; to be called within the store's work.

    Under the preset for voices the whole of what was heard is part of the answer.
    """
    session = Sessions(context.db, context.bot_id).find(context.place, turn.question.session_id)
    is_script = session is not None and session.preset == VOICE
    return pages(turn, written, context.language, is_script=is_script)


async def _is_edited(
    context: BotContext, placeholder_id: int | None, page: FormattedMessage
) -> bool:
    """Let the placeholder show `page`; False where there is none (any more)."""
    if placeholder_id is None or not await context.calls.edit(
        context.chat_id, placeholder_id, page
    ):
        return False
    kill_point("answer.sent")
    return True


def _end(context: BotContext, written: StoredAnswer) -> OnSent:
    ending = context.ending(written.ending)

    def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
        Turns(context.db, context.bot_id).mark_delivered(context.update_id)
        ending(is_sure)

    return after


async def stop(context: BotContext) -> None:
    """End the answer that is being written; what came until then stays."""
    is_stopped = context.bot_data.stops.press(context.number(), context.user_id)
    words = context.translate("bot-stopping" if is_stopped else "bot-stop-late")
    await context.show(lambda: menu.alert(words))


async def again(context: BotContext) -> None:
    """Answer a question anew; the old answer stays in the chat, the new one counts."""
    turn, refusal = await context.store.read(lambda: _again(context))
    if turn is None or refusal:
        await context.show(lambda: menu.alert(context.translate(refusal), is_loud=True))
        return

    async def same(_context: BotContext) -> Prompt:
        return Prompt(turn.question.text, turn.question.format)

    if not context.is_resumed:
        await context.calls.answer("answerCallbackQuery", {"callback_query_id": context.query_id})
    question = turn.question
    asked = replace(context, text=question.text, message_id=question.message_id)
    await answer_question(asked, same)


def _again(context: BotContext) -> tuple[Turn | None, str]:
    """Return the turn to answer anew, and the key of why it is not, "" where it is."""
    turn = own_turn(context)
    if turn is None:
        return None, "bot-not-yours"
    if turn.question.format == "photo":
        return turn, "bot-again-photo"
    if not turn.question.text.strip():
        # A summary asks nothing; what no key here opens cannot be asked.
        return turn, "bot-button-old"
    return turn, "bot-again-done" if _is_done(context, turn) else ""


def _is_done(context: BotContext, turn: Turn) -> bool:
    """Return whether the same message has a newer answer: two quick presses are one wish."""
    place, message_id = context.place, turn.question.message_id
    newest = Turns(context.db, context.bot_id).of_message(place, message_id) if message_id else None
    if newest is None or newest.turn_id == turn.turn_id:
        return False
    is_this = newest.question.update_id == context.update_id
    return not is_this and newest.written is not None and bool(newest.written.answer)


def own_turn(context: BotContext, place: int = 0) -> Turn | None:
    """Return the turn that a button names at `place`, None where it is not this person's.

    To be called within the store's work.
    """
    turn = Turns(context.db, context.bot_id).get(context.number(place))
    return turn if turn is not None and turn.question.user_id == context.user_id else None


log = get_logger(__name__)

MOST_IMAGES = 10
MINUTE_S = 60
TRIES = 3
LONGEST_PAUSE_S = 10.0
# Files that are something else than they were sent as, by what they should be sent as.
_MISNAMED = {FileKind.IMAGE: "photo", FileKind.SOUND: "voice"}


async def answer_sent(context: BotContext) -> None:
    """Answer a voice, a photo or a document. Raises ChatUnreachable."""
    await answer_question(context, source_of(context))


def source_of(context: BotContext) -> Source:
    """Return what makes a prompt of the files of an update that has some."""
    return SOURCES[context.format]


def check_size(size: int, most: int) -> None:
    """Raise UnusableFile where Telegram tells that a file is too large to be fetched."""
    if size > most:
        raise too_large(most)


def check_voice(limits: MediaLimits, size: int, seconds: float) -> None:
    """Raise UnusableFile when a voice or video note is too long or too large."""
    if seconds > limits.voice_s:
        raise UnusableFile("media-voice-too-long", minutes=max(limits.voice_s // MINUTE_S, 1))
    check_size(size, limits.voice_bytes)


async def heard(context: BotContext) -> Prompt:
    """Return what a voice or a video note says; a caption makes it material for the caption."""
    transcriber = context.services.transcriber
    if transcriber is None:
        raise Refused("nobody hears voices", "media-voice-off")
    sounds, note = _alike(context)
    for sound in sounds:
        check_voice(context.services.media_limits, sound.size, sound.seconds)
    texts = [await _transcribed(context, transcriber, sound) for sound in sounds]
    said = "\n\n".join(filter(None, texts))
    if not said:
        raise Refused("nothing was said", "media-silence")
    if not context.text:
        return Prompt(said, "voice", note=note)
    return Prompt(context.text, "voice", papers=(AttachedText("voice", said),), note=note)


async def seen(context: BotContext) -> Prompt:
    """Return photos with their caption, to be answered by the model that sees."""
    if context.services.vision is None:
        raise Refused("nobody sees photos", "media-photo-off")
    photos, note = _alike(context)
    limits = context.services.media_limits
    for photo in photos:
        check_size(photo.size, limits.photo_bytes)
    images = []
    for photo in photos[:MOST_IMAGES]:
        content = await _fetched(context, photo, limits.photo_bytes)
        mime = image_mime(content[:HEAD_BYTES])
        if not mime:
            raise UnusableFile("media-photo-unknown")
        images.append(Image(content, mime))
    words = context.text or context.translate("media-ask-photo")
    return Prompt(words, "photo", tuple(images), context.services.vision, note=note)


async def read(context: BotContext) -> Prompt:
    """Return documents with their caption, to be put before a model as material."""
    reader = context.services.reader
    if reader is None:
        raise Refused("nobody reads documents", "media-document-off")
    documents, note = _alike(context)
    for document in documents:
        check_size(document.size, context.services.media_limits.document_bytes)
    found = [await _read_document(context, reader, document) for document in documents]
    names = [document.name or "document" for document in documents]
    papers = tuple(AttachedText(name, each.text) for name, each in zip(names, found, strict=True))
    cut = context.translate("media-cut") if any(each.is_cut for each in found) else ""
    words = context.text or context.translate("media-ask-document")
    return Prompt(words, "document", papers=papers, note="\n".join(filter(None, [note, cut])))


SOURCES: dict[str, Source] = {"voice": heard, "photo": seen, "document": read}


def _alike(context: BotContext) -> tuple[list[Sent], str]:
    """Return the files of the first one's kind, with a note where an album has others too.

    The plan counts the question by the first; so nothing else is looked at.
    """
    alike = [each for each in context.attachments if each.kind == context.attachments[0].kind]
    if len(alike) == len(context.attachments):
        return alike, ""
    return alike, context.translate("media-left-out", kind=alike[0].kind)


async def _fetched(context: BotContext, sent: Sent, limit_bytes: int) -> bytes:
    try:
        content = await context.bot_data.files.fetch(sent.file_id, limit_bytes)
    except NetworkError:
        raise Refused("Telegram hands no file out", "media-not-fetched") from None
    if not content:
        raise UnusableFile("media-empty")
    return content


async def _read_document(context: BotContext, reader: ChildReader, document: Sent) -> DocumentText:
    content = await _fetched(context, document, context.services.media_limits.document_bytes)
    kind = detect_kind(document.name, document.mime, content[:HEAD_BYTES])
    if kind in _MISNAMED:
        raise UnusableFile("media-misnamed", kind=_MISNAMED[kind])
    return await reader.read(content, document.name)


async def _transcribed(context: BotContext, transcriber: OpenAIAudio, sent: Sent) -> str:
    """Return what is said in one recording, asked for a few times while the provider is busy."""
    sound = await _fetched(context, sent, context.services.media_limits.voice_bytes)
    ending = recording_extension(sound[:HEAD_BYTES])
    if not ending:
        raise UnusableFile("media-sound-unknown")
    attempt = 0
    while True:
        try:
            return (await transcriber.transcribe(sound, f"voice.{ending}")).text
        except ProviderBusy as busy:
            attempt += 1
            if attempt >= TRIES:
                raise Refused(str(busy), "media-hear-busy") from busy
            pause = busy.retry_after_s or context.services.patience.first_pause_s * attempt
            await asyncio.sleep(min(pause, LONGEST_PAUSE_S))
        except ProviderError as error:
            await _report(context, error)
            raise Refused(str(error), "media-hear-failed") from error


async def _report(context: BotContext, error: ProviderError) -> None:
    """Tell admins once an hour that nobody hears voices."""
    provider, model_id = context.services.transcription or ("", None)
    log.warning("a voice was not heard", provider=provider, reason=str(error))
    told = {"provider": provider, "model": model_id or "", "reason": str(error)}
    once = f"hear:{provider}:{model_id}:{context.services.clock():%Y-%m-%dT%H}"
    await context.store.do(
        lambda: Notices(context.db).tell(ADMINS, "notice-hear-failed", told, once)
    )


# Whoever corrects an older message is not waiting for an answer to it.
LATEST_S = 3600


async def answer_edited(context: BotContext) -> None:
    """Answer a corrected question. Raises ChatUnreachable."""
    turn = await context.store.read(
        lambda: Turns(context.db, context.bot_id).of_message(context.place, context.message_id)
    )
    source = source_of(context) if context.format in SOURCES else words_alone
    if turn is not None and turn.question.update_id == context.update_id:
        await answer_question(context, source)
        return
    if turn is None or context.command or not await _is_changed(context, turn):
        await context.end(UpdateState.REFUSED, "an edit that asks nothing")
        return
    key = _refusal(context, turn)
    if key:
        await context.say(context.translate(key), UpdateState.REFUSED, key)
        return
    await answer_question(context, source)


async def _is_changed(context: BotContext, turn: Turn) -> bool:
    """Return whether the person's own words are others than those that were asked."""
    if context.sent is not None:
        return (
            bool(context.text)
            and text_outside_documents(turn.question.text).strip() != context.text
        )
    asked, before = (await words_alone(context)).text, turn.question.text
    is_part = utf16_length(before) > LONG_UNITS and before.startswith(asked)
    return bool(context.text) and asked != before and not is_part


def _refusal(context: BotContext, turn: Turn) -> str:
    """Return the key of why the correction is not answered, "" where it is."""
    if context.sent is None and utf16_length(turn.question.text) > LONG_UNITS:
        # One part of a joined paste alone is not the question.
        return "edited-long"
    return "edited-late" if _age_s(context.stored.body) > LATEST_S else ""


def _age_s(body: Mapping[str, Any]) -> int:
    """Return how old the message was when it was corrected."""
    message = body.get("edited_message")
    if not isinstance(message, Mapping):
        return 0
    sent, edited = message.get("date"), message.get("edit_date")
    return edited - sent if isinstance(sent, int) and isinstance(edited, int) else 0


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(application, buttons={"stop": stop, "again": again})
