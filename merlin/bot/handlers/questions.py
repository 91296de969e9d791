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
from merlin.app.outbox import QueuedMessage
from merlin.bot import rendering
from merlin.bot.addressing import LONG_UNITS
from merlin.bot.context import BotApplication, Event, Kit, add_handlers, page_letters, spot_of
from merlin.bot.files import Sent
from merlin.bot.handlers.asking import (
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
from merlin.bot.menu import alert
from merlin.bot.outbox import OnSent
from merlin.bot.rendering import draw, pages
from merlin.bot.rendering import written as words_of
from merlin.bot.services import DRAFTS, EDITS
from merlin.bot.streaming import DraftIndicator, DraftText, StreamingEditor, TypingIndicator, both
from merlin.chat.answer import AnswerObserver, Ending, Reply, Stop
from merlin.chat.media import DocumentReader, DocumentText, Transcriber, UnusableFile
from merlin.chat.preset import VOICE
from merlin.chat.prompt import AttachedText, Prompt, text_outside_documents
from merlin.chat.turns import Question, StoredAnswer, Turn
from merlin.core.errors import MerlinError, ProviderBusy, ProviderError, Refused
from merlin.core.file_kind import HEAD_BYTES, FileKind, detect_kind, image_mime, recording_extension
from merlin.core.formatted_text import FormattedMessage, utf16_length
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.messages import Image
from merlin.db.notices import ADMINS

PLACEHOLDER = "…"
QUOTED_LENGTH = 1000
# What makes a prompt of a message: reads files, listens. Raises MerlinError with its text's key.
Source = Callable[[Kit, Event], Awaitable[Prompt]]


async def words_alone(_kit: Kit, event: Event) -> Prompt:
    """Return a text message as a prompt, with what it replies to."""
    if not event.quoted:
        return Prompt(event.text)
    quoted = "\n".join(f"> {line}" for line in event.quoted[:QUOTED_LENGTH].splitlines())
    return Prompt(f"{quoted}\n\n{event.text}")


async def answer_message(kit: Kit, event: Event) -> None:
    """Answer what is no command and no part of a dialog. Raises ChatUnreachable."""
    event = event.with_replied()
    if event.update.kind == "edited_message":
        await answer_edited(kit, event)
    elif event.format in SOURCES:
        await answer_sent(kit, event)
    elif event.sent is not None and event.is_private:
        words = text(event.language, "media-other")
        await kit.say(event, words, UpdateState.REFUSED, f"not served: {event.sent.kind}")
    elif event.text:
        await answer_question(kit, event)
    else:
        await kit.end(event, UpdateState.REFUSED, "not served: no words")


async def answer_question(kit: Kit, event: Event, source: Source = words_alone) -> None:
    """Answer a message, wherever it was left. Raises ChatUnreachable."""
    turn = await _stored_turn(kit, event)
    if turn is not None and turn.written is not None:
        await _show(kit, event, turn, turn.written)
    elif _grows(kit, event) or (turn is not None and turn.placeholder_id is not None):
        await _answer_by_edits(kit, event, turn, source)
    else:
        await _answer_at_once(kit, event, source)
    await name_topic(kit, event)


async def give_up(kit: Kit, event: Event) -> None:
    """Say that no answer will come, in the placeholder if there is one. Raises ChatUnreachable."""
    sorry = StoredAnswer(
        "", text(event.language, "bot-failed"), UpdateState.FAILED, offer=rendering.NONE
    )
    turn = await _stored_turn(kit, replace(event, is_resumed=True))
    await kit.store.do(lambda: _excuse(kit, event, sorry))
    if turn is not None and turn.written is None:
        await _show(kit, event, turn, sorry)
        return
    placeholder_id = kit.placed.pop(event.update_id, 0)
    spot = replace(spot_of(event), edit_of=placeholder_id)
    letter = page_letters(event, [FormattedMessage(sorry.note)], spot)[0]
    letter = replace(letter, key=f"update:{event.update_id}:sorry")
    await kit.sender.deliver(
        lambda: kit.rows.outbox.put([letter]), _end(kit, event, sorry), event.language
    )


def _excuse(kit: Kit, event: Event, sorry: StoredAnswer) -> None:
    """Let a question that is given up not count; an answer that is stored already stays."""
    kit.rows.turns.write(event.update_id, sorry)
    settle(kit, event, sorry)


async def _stored_turn(kit: Kit, event: Event) -> Turn | None:
    if not event.is_resumed:
        return None
    return await kit.store.read(lambda: kit.rows.turns.find(event.update_id))


async def _answer_by_edits(kit: Kit, event: Event, turn: Turn | None, source: Source) -> None:
    talk = await talk_of(kit, event)
    pen = _pen(kit, event)
    placing = asyncio.ensure_future(_placed(kit, event, turn, pen))
    try:
        stored, answer = await _asked(kit, event, talk, source, (pen, placing))
    except Exception:
        # One that is on its way is known to the next try.
        await placing
        raise
    finally:
        placing.cancel()
    # Drawn while it is stored, shown once it is.
    storing = kit.store.do(lambda: keep(kit, event, answer))
    _, parts = await both(storing, _drawn(kit, event, stored, answer.written))
    await _stand(kit, event, stored, answer.written, parts)


def _pen(kit: Kit, event: Event) -> StreamingEditor:
    pace = kit.services.pace
    gap_s = pace.private_edit_s if event.is_private else pace.group_edit_s
    sheet = DraftText(event.chat_id, rendering.stop_button(event.language, event.update_id))
    return StreamingEditor(kit.calls, sheet, gap_s, text(event.language, "bot-waiting"))


async def _placed(kit: Kit, event: Event, turn: Turn | None, pen: StreamingEditor) -> int:
    """Return the placeholder's message, an earlier try's where there is one."""
    message_id = turn.placeholder_id if turn is not None else None
    message_id = message_id or kit.placed.get(event.update_id) or await _place(kit, event)
    pen.stands(message_id)
    return message_id


async def _place(kit: Kit, event: Event) -> int:
    stop = rendering.stop_button(event.language, event.update_id)
    page = FormattedMessage(PLACEHOLDER, buttons=((stop,),))
    message_id = await kit.calls.place(event.chat_id, page, spot_of(event))
    kit.placed[event.update_id] = message_id
    kill_point("placeholder.sent")
    return message_id


async def _asked(
    kit: Kit,
    event: Event,
    talk: Talk,
    source: Source,
    paper: tuple[StreamingEditor, Awaitable[int]],
) -> tuple[Turn, Answer]:
    """Return the turn and its answer, which is asked for while its placeholder is stored."""
    pen, placing = paper

    async def record(prompt: Prompt) -> Turn:
        question, placeholder_id = _question(event, talk, prompt), await placing
        stored = await kit.store.do(lambda: kit.rows.turns.ask(question, placeholder_id))
        kit.placed.pop(event.update_id, None)
        kill_point("placeholder.recorded")
        return stored

    async with pen:
        with _stoppable(kit, event) as stop:
            if event.sent is not None:
                # Fetching, listening and reading take their time.
                await record(Prompt(event.text, event.format))
            prompt, refusal = await _prompt(kit, event, talk, source, (pen, stop))
            if refusal is not None:
                return await record(prompt), refusal
            return await both(record(prompt), ask(kit, event, talk, prompt, (pen, stop)))


async def _answer_at_once(kit: Kit, event: Event, source: Source) -> None:
    talk = await talk_of(kit, event)
    async with _unseen(kit, event) as onlooker:
        with _stoppable(kit, event) as stop:
            prompt, refusal = await _prompt(kit, event, talk, source, (onlooker, stop))
            answer = refusal or await ask(kit, event, talk, prompt, (onlooker, stop))

    def prepare() -> Sequence[QueuedMessage]:
        turn = kit.rows.turns.ask(_question(event, talk, prompt), None)
        keep(kit, event, answer)
        shown = _pages(kit, event, turn, answer.written)
        return kit.rows.outbox.put(page_letters(event, shown))

    await kit.sender.deliver(prepare, _end(kit, event, answer.written), event.language)


def _grows(kit: Kit, event: Event) -> bool:
    """Return whether the answer grows in a message of its own."""
    streaming = kit.services.streaming
    return streaming == EDITS or (streaming == DRAFTS and not event.is_private)


def _unseen(kit: Kit, event: Event) -> DraftIndicator | TypingIndicator:
    """Return what shows that an answer is written for which no message stands yet."""
    pace = kit.services.pace
    if kit.services.streaming == DRAFTS:
        return DraftIndicator(kit.calls, event.place, event.update_id, pace.private_edit_s)
    return TypingIndicator(kit.calls, event.place, pace.typing_s)


@contextmanager
def _stoppable(kit: Kit, event: Event) -> Iterator[Stop]:
    try:
        yield kit.stops.begin(event.update_id, event.user_id)
    finally:
        kit.stops.end(event.update_id)


async def _prompt(
    kit: Kit, event: Event, talk: Talk, source: Source, looks: tuple[AnswerObserver, Stop]
) -> tuple[Prompt, Answer | None]:
    """Return what is asked, and the answer already where there is nothing to ask."""
    plain = Prompt(event.text, event.format)
    if talk.refusal is not None:
        return plain, Answer(talk.refusal, talk.session)
    onlooker, stop = looks
    making = asyncio.ensure_future(_made(kit, event, talk, source, onlooker))
    stop.ends(making)
    try:
        return await making, None
    except MerlinError as error:
        words = text(event.language, error.key, **error.arguments)
        refusal = StoredAnswer("", words, UpdateState.REFUSED, offer=rendering.NONE)
    except asyncio.CancelledError:
        if not (stop.is_pressed and making.cancelled()):
            raise
        refusal = words_of(Reply(Ending.STOPPED), event.language, None)
    return plain, Answer(refusal, talk.session)


async def _made(
    kit: Kit, event: Event, talk: Talk, source: Source, onlooker: AnswerObserver
) -> Prompt:
    if event.format != "text":
        onlooker.wrote(text(event.language, "media-at-it", kind=event.format))
    return await fitted(kit, event, talk, await source(kit, event), onlooker)


def _question(event: Event, talk: Talk, prompt: Prompt) -> Question:
    return Question(
        session_id=talk.session.session_id,
        update_id=event.update_id,
        user_id=event.user_id,
        text=prompt.text,
        message_id=event.message_id,
        format=prompt.format,
        asker=shown_name(event),
    )


async def _drawn(
    kit: Kit, event: Event, turn: Turn, written: StoredAnswer
) -> list[FormattedMessage]:
    """Return the messages that the answer takes."""
    if turn.question.format == "voice":
        return await kit.store.read(lambda: _pages(kit, event, turn, written))
    return await draw(lambda: pages(turn, written, event.language), len(written.answer))


async def _show(kit: Kit, event: Event, turn: Turn, written: StoredAnswer) -> None:
    """Let a stored answer stand in the chat, and end the update."""
    await _stand(kit, event, turn, written, await _drawn(kit, event, turn, written))


async def _stand(
    kit: Kit, event: Event, turn: Turn, written: StoredAnswer, parts: Sequence[FormattedMessage]
) -> None:
    """Let the whole answer stand in the chat, and end the update."""
    edited = int(await _is_edited(kit, event, turn.placeholder_id, parts[0]))

    def prepare() -> Sequence[QueuedMessage]:
        if len(parts) == edited and not event.is_resumed:
            return []
        kit.rows.outbox.put(page_letters(event, parts[edited:], number=edited))
        return kit.rows.outbox.of_update(event.update_id)

    await kit.sender.deliver(prepare, _end(kit, event, written), event.language)


def _pages(kit: Kit, event: Event, turn: Turn, written: StoredAnswer) -> list[FormattedMessage]:
    """Return the messages of a turn; to be called within the store's work.

    Under the preset for voices the whole of what was heard is part of the answer.
    """
    session = kit.rows.session_list.find(event.place, turn.question.session_id)
    is_script = session is not None and session.preset == VOICE
    return pages(turn, written, event.language, is_script=is_script)


async def _is_edited(
    kit: Kit, event: Event, placeholder_id: int | None, page: FormattedMessage
) -> bool:
    """Let the placeholder show `page`; False where there is none (any more)."""
    if placeholder_id is None or not await kit.calls.edit(event.chat_id, placeholder_id, page):
        return False
    kill_point("answer.sent")
    return True


def _end(kit: Kit, event: Event, written: StoredAnswer) -> OnSent:
    ending = kit.ending(event, written.ending)

    def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
        kit.rows.turns.told(event.update_id)
        ending(is_sure)

    return after


MOST_DIGITS = 17


async def stop(kit: Kit, event: Event) -> None:
    """End the answer that is being written; what came until then stays."""
    is_stopped = kit.stops.press(number(event), event.user_id)
    words = text(event.language, "bot-stopping" if is_stopped else "bot-stop-late")
    await kit.show(event, lambda: alert(words))


async def again(kit: Kit, event: Event) -> None:
    """Answer a question anew; the old answer stays in the chat, the new one counts."""
    turn, refusal = await kit.store.read(lambda: _again(kit, event))
    if turn is None or refusal:
        await kit.show(event, lambda: alert(text(event.language, refusal), is_loud=True))
        return

    async def same(_kit: Kit, _event: Event) -> Prompt:
        return Prompt(turn.question.text, turn.question.format)

    if not event.is_resumed:
        await kit.calls.answer("answerCallbackQuery", {"callback_query_id": event.query_id})
    question = turn.question
    asked = replace(event, text=question.text, message_id=question.message_id)
    await answer_question(kit, asked, same)


def _again(kit: Kit, event: Event) -> tuple[Turn | None, str]:
    """Return the turn to answer anew, and the key of why it is not, "" where it is."""
    turn = own_turn(kit, event)
    if turn is None:
        return None, "bot-not-yours"
    if turn.question.format == "photo":
        return turn, "bot-again-photo"
    if not turn.question.text.strip():
        # A summary asks nothing; what no key here opens cannot be asked.
        return turn, "bot-button-old"
    return turn, "bot-again-done" if _is_done(kit, event, turn) else ""


def _is_done(kit: Kit, event: Event, turn: Turn) -> bool:
    """Return whether the same message has a newer answer: two quick presses are one wish."""
    place, message_id = event.place, turn.question.message_id
    newest = kit.rows.corrections.of_message(place, message_id) if message_id else None
    if newest is None or newest.turn_id == turn.turn_id:
        return False
    is_this = newest.question.update_id == event.update_id
    return not is_this and newest.written is not None and bool(newest.written.answer)


def own_turn(kit: Kit, event: Event, place: int = 0) -> Turn | None:
    """Return the turn that a button names at `place`, None where it is not this person's.

    To be called within the store's work.
    """
    turn = kit.rows.turns.get(number(event, place))
    return turn if turn is not None and turn.question.user_id == event.user_id else None


def number(event: Event, place: int = 0) -> int:
    """Return a button's argument as a number, 0 for none: anybody can send any data."""
    word = event.args[place] if place < len(event.args) else ""
    return int(word) if word.isascii() and word.isdecimal() and len(word) < MOST_DIGITS else 0


log = get_logger(__name__)

MOST_IMAGES = 10
TRIES = 3
LONGEST_PAUSE_S = 10.0
# Files that are something else than they were sent as, by what they should be sent as.
_MISNAMED = {FileKind.IMAGE: "photo", FileKind.SOUND: "voice"}


async def answer_sent(kit: Kit, event: Event) -> None:
    """Answer a voice, a photo or a document. Raises ChatUnreachable."""
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
    return Prompt(event.text, "voice", papers=(AttachedText("voice", said),), note=note)


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
            raise UnusableFile("media-photo-unknown")
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
    found = [await _read_document(kit, reader, document) for document in documents]
    names = [document.name or "document" for document in documents]
    papers = tuple(AttachedText(name, each.text) for name, each in zip(names, found, strict=True))
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
        raise UnusableFile("media-empty")
    return content


async def _read_document(kit: Kit, reader: DocumentReader, document: Sent) -> DocumentText:
    content = await _fetched(kit, document, kit.services.media_limits.document_bytes)
    kind = detect_kind(document.name, document.mime, content[:HEAD_BYTES])
    if kind in _MISNAMED:
        raise UnusableFile("media-misnamed", kind=_MISNAMED[kind])
    return await reader.read(content, document.name)


async def _transcribed(kit: Kit, transcriber: Transcriber, sent: Sent) -> str:
    """Return what is said in one recording, asked for a few times while the provider is busy."""
    sound = await _fetched(kit, sent, kit.services.media_limits.voice_bytes)
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


# Whoever corrects an older message is not waiting for an answer to it.
LATEST_S = 3600


async def answer_edited(kit: Kit, event: Event) -> None:
    """Answer a corrected question. Raises ChatUnreachable."""
    turn = await kit.store.read(
        lambda: kit.rows.corrections.of_message(event.place, event.message_id)
    )
    source = source_of(event) if event.format in SOURCES else words_alone
    if turn is not None and turn.question.update_id == event.update_id:
        await answer_question(kit, event, source)
        return
    if turn is None or event.command or not await _is_changed(kit, event, turn):
        await kit.end(event, UpdateState.REFUSED, "an edit that asks nothing")
        return
    key = _refusal(event, turn)
    if key:
        await kit.say(event, text(event.language, key), UpdateState.REFUSED, key)
        return
    await answer_question(kit, event, source)


async def _is_changed(kit: Kit, event: Event, turn: Turn) -> bool:
    """Return whether the person's own words are others than those that were asked."""
    if event.sent is not None:
        return bool(event.text) and text_outside_documents(turn.question.text).strip() != event.text
    asked, before = (await words_alone(kit, event)).text, turn.question.text
    is_part = utf16_length(before) > LONG_UNITS and before.startswith(asked)
    return bool(event.text) and asked != before and not is_part


def _refusal(event: Event, turn: Turn) -> str:
    """Return the key of why the correction is not answered, "" where it is."""
    if event.sent is None and utf16_length(turn.question.text) > LONG_UNITS:
        # One part of a joined paste alone is not the question.
        return "edited-long"
    return "edited-late" if _age_s(event.update.body) > LATEST_S else ""


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
