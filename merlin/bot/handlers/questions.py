"""A question, answered by exactly one whole answer: text, voice, photo, document, edited.

    placeholder sent -> stored                     answer stored -> placeholder edited -> stored
    reserved -> asked ---------/

Every step is found again after a kill: a stored placeholder is written into, a stored answer is
not asked for again, and the final edit may be repeated. No answer is stored or shown before its
placeholder is stored; where that fails, the asking ends. Without streaming there is no placeholder
and the whole answer goes through the outbox. An answer is stopped while it grows, or asked for
again.

A question that its author corrected is answered anew, under the corrected message. Telegram tells
of edits that change nothing a person sees, too; those are passed over. What was no question before
does not become one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from merlin.app import ask
from merlin.app.inbox import UpdateState
from merlin.app.outbox import QueuedMessage
from merlin.billing.quota import Format
from merlin.bot import answers, menu
from merlin.bot.answers import (
    AnswerIndicator,
    DraftIndicator,
    StreamingEditor,
    TypingIndicator,
    both,
    draw,
    pages,
    window_note,
)
from merlin.bot.answers import written as words_of
from merlin.bot.context import BotContext, page_letters, spot_of
from merlin.bot.handlers.answering import left_note, name_topic, refusal_of
from merlin.bot.handlers.prompts import SOURCES, Source, fitted
from merlin.bot.outbox import OnSent
from merlin.bot.registry import Handlers
from merlin.bot.services import DRAFTS, EDITS
from merlin.bot.updates import LONG_UNITS
from merlin.chat.answer import AnswerObserver, Ending, Reply, Stop
from merlin.chat.model_catalogue import first_candidate
from merlin.chat.prompt import Prompt, text_outside_documents
from merlin.chat.sessions import VOICE, WindowCounter, title_of
from merlin.chat.turns import Question, StoredAnswer, Turn, with_author
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import FormattedMessage, utf16_length
from merlin.core.killpoint import kill_point
from merlin.core.messages import Message
from merlin.core.tracing import open_span

handlers = Handlers()
PLACEHOLDER = "…"
QUOTED_LENGTH = 1000
# How much of a name a model is told.
NAME_LENGTH = 32


async def read_text(context: BotContext) -> Prompt:
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
        await answer_question(context, SOURCES[context.format])
    elif context.sent is not None and context.is_private:
        text = context.translate("media-other")
        await context.say(text, UpdateState.REFUSED, f"not served: {context.sent.kind}")
    elif context.text:
        await answer_question(context)
    else:
        await context.end(UpdateState.REFUSED, "not served: no words")


async def answer_question(context: BotContext, source: Source = read_text) -> None:
    """Answer a message, wherever it was left. Raises ChatUnreachable."""
    streaming = context.services.config.chat.streaming
    # In a message of its own.
    grows = streaming == EDITS or (streaming == DRAFTS and not context.is_private)
    with open_span("turn", {"merlin.format": context.format}):
        turn = await _stored_turn(context)
        if turn is not None and turn.written is not None:
            await _show(context, turn, turn.written)
        elif grows or (turn is not None and turn.placeholder_id is not None):
            await _answer_by_edits(context, turn, source)
        else:
            await _answer_at_once(context, source)
    if context.is_private and context.thread_id:
        await name_topic(context)


async def give_up(context: BotContext) -> None:
    """Say that no answer will come, in the placeholder if there is one. Raises ChatUnreachable."""
    sorry = StoredAnswer(
        "", context.translate("bot-failed"), UpdateState.FAILED, offer=answers.NONE
    )
    turn = await _stored_turn(replace(context, is_resumed=True))

    def excuse() -> None:
        # An answer that is stored already stays; a question that is given up does not count.
        context.turns.write(context.update_id, sorry)
        context.quotas.give_back(context.update_id)

    await context.store.do(excuse)
    if turn is not None and turn.written is None:
        await _show(context, turn, sorry)
        return
    placeholder_id = context.bot_data.placed.pop(context.update_id, 0)
    spot = replace(spot_of(context), edit_of=placeholder_id)
    letter = page_letters(context, [FormattedMessage(sorry.note)], spot)[0]
    letter = replace(letter, key=f"update:{context.update_id}:sorry")
    await context.bot_data.sender.deliver(
        lambda: context.outbox.put([letter]),
        _end(context, sorry),
        context.language,
    )


async def _stored_turn(context: BotContext) -> Turn | None:
    if not context.is_resumed:
        return None
    return await context.store.read(lambda: context.turns.find(context.update_id))


async def _answer_by_edits(context: BotContext, turn: Turn | None, source: Source) -> None:
    talk = await ask.begin(context.services, question_of(context))
    pace, waiting = context.services.pace, context.translate("bot-waiting")
    gap_s = pace.private_edit_s if context.is_private else pace.group_edit_s
    stop = answers.stop_button(context.language, context.update_id)
    editor = StreamingEditor(context.calls, context.place, gap_s, stop, waiting)
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
    storing = context.store.do(lambda: ask.finish(context.services, talk.asker, answer))
    _, parts = await both(storing, _drawn(context, stored, answer.written))
    await _stand(context, stored, answer.written, parts)


async def _placed(context: BotContext, turn: Turn | None, editor: StreamingEditor) -> int:
    """Return the placeholder's message, an earlier try's where there is one."""
    message_id = turn.placeholder_id if turn is not None else None
    message_id = message_id or context.bot_data.placed.get(context.update_id)
    if not message_id:
        stop = answers.stop_button(context.language, context.update_id)
        page = FormattedMessage(PLACEHOLDER, buttons=((stop,),))
        message_id = await context.calls.place(context.chat_id, page, spot_of(context))
        context.bot_data.placed[context.update_id] = message_id
        kill_point("placeholder.sent")
    editor.stands(message_id)
    return message_id


async def _ask(
    context: BotContext,
    talk: ask.Talk,
    source: Source,
    paper: tuple[StreamingEditor, Awaitable[int]],
) -> tuple[Turn, ask.Answer]:
    """Return the turn and its answer, which is asked for while its placeholder is stored."""
    editor, placing = paper

    async def record(prompt: Prompt) -> Turn:
        question, placeholder_id = _question(context, talk, prompt), await placing
        stored = await context.store.do(lambda: context.turns.ask(question, placeholder_id))
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
            return await both(record(prompt), _reply(context, talk, prompt, (editor, stop)))


async def _answer_at_once(context: BotContext, source: Source) -> None:
    talk = await ask.begin(context.services, question_of(context))
    # No message stands yet that the answer could grow in.
    calls, place, pace = context.calls, context.place, context.services.pace
    indicator: AnswerIndicator = TypingIndicator(calls, place, pace.typing_s)
    if context.services.config.chat.streaming == DRAFTS:
        indicator = DraftIndicator(calls, place, pace.private_edit_s, context.update_id)
    async with indicator as onlooker:
        with _stoppable(context) as stop:
            prompt, refusal = await _prompt(context, talk, source, (onlooker, stop))
            answer = refusal or await _reply(context, talk, prompt, (onlooker, stop))

    def prepare() -> Sequence[QueuedMessage]:
        turn = context.turns.ask(_question(context, talk, prompt), None)
        ask.finish(context.services, talk.asker, answer)
        shown = _pages(context, turn, answer.written)
        return context.outbox.put(page_letters(context, shown))

    await context.bot_data.sender.deliver(prepare, _end(context, answer.written), context.language)


@contextmanager
def _stoppable(context: BotContext) -> Iterator[Stop]:
    stop = context.bot_data.stops[context.update_id] = Stop(context.user_id)
    try:
        yield stop
    finally:
        del context.bot_data.stops[context.update_id]


async def _prompt(
    context: BotContext, talk: ask.Talk, source: Source, looks: tuple[AnswerObserver, Stop]
) -> tuple[Prompt, ask.Answer | None]:
    """Return what is asked, and the answer already where there is nothing to ask."""
    plain = Prompt(context.text, context.format)
    if talk.refusal is not None:
        return plain, ask.Answer(refusal_of(context, talk.refusal), talk.session)
    onlooker, stop = looks
    making = asyncio.ensure_future(_made(context, talk, source, onlooker))
    stop.ends(making)
    try:
        return await making, None
    except MerlinError as error:
        text = context.translate(error.key, **error.arguments)
        refusal = StoredAnswer("", text, UpdateState.REFUSED, offer=answers.NONE)
    except asyncio.CancelledError:
        if not (stop.is_pressed and making.cancelled()):
            raise
        refusal = words_of(Reply(Ending.STOPPED), context.language, None)
    return plain, ask.Answer(refusal, talk.session)


async def _made(
    context: BotContext, talk: ask.Talk, source: Source, onlooker: AnswerObserver
) -> Prompt:
    if context.format != "text":
        onlooker.wrote(context.translate("media-at-it", kind=context.format))
    prompt = await source(context)
    return prompt if prompt.format == "text" else await fitted(context, talk, prompt, onlooker)


async def _reply(
    context: BotContext, talk: ask.Talk, prompt: Prompt, looks: tuple[AnswerObserver, Stop]
) -> ask.Answer:
    """Ask the models of the session's route, as they stand at this moment."""
    wish, first = talk.wish, talk.first
    if prompt.model is not None:
        wish = replace(wish, chosen=prompt.model)
        first = await context.store.read(lambda: first_candidate(context.catalogue, wish))
    message = Message("user", with_author(prompt.text, talk.name), images=prompt.images)
    models = ask.route(context.services, wish, first, has_images=bool(prompt.images))
    conversation = (*talk.summary, *talk.history, message)
    sources = ask.ground(context.services, first, prompt.text, context.language)
    asking = context.bot_data.desk.reply(
        models, conversation, *looks, ground=None if prompt.images else sources
    )
    return _answer(context, talk, prompt, await asking)


def _answer(context: BotContext, talk: ask.Talk, prompt: Prompt, reply: Reply) -> ask.Answer:
    """Return the answer with what is to be told of its window, and the session as it then is."""
    ctx = context.services
    words = words_of(reply, context.language, ask.cost_of(ctx, reply))
    words = ask.with_spent(ctx, words, prompt.spent)
    gauge = WindowCounter(ask.used_tokens(talk, prompt.text, reply), talk.limit)
    if reply.limit_tokens:
        # The talk before this question is what did not fit.
        gauge = WindowCounter(reply.limit_tokens, reply.limit_tokens)
    note, offer = "", ""
    if reply.text:
        note, offer = window_note(gauge, context.language, is_warned=talk.session.is_warned)
        offer = answers.SHARED if offer and not context.is_private else offer
    key = "bot-renewed" if context.is_private else "groups-renewed"
    renewed = context.translate(key) if talk.is_renewed else ""
    left = left_note(context, talk.left) if reply.text and talk.left is not None else ""
    newer = context.translate("models-newer", model=talk.newer) if reply.text and talk.newer else ""
    notes = [words.note, prompt.note if reply.text else "", note, renewed, left, newer]
    session = replace(
        talk.session,
        title=talk.session.title or title_of(context.text or text_outside_documents(prompt.text)),
        used_tokens=gauge.used,
        is_warned=talk.session.is_warned or bool(note),
        is_full=bool(offer),
    )
    if reply.text and talk.left_behind:
        offer = offer or f"{answers.RENEWED}{talk.left_behind}"
    offer = offer or (answers.NEWER if newer else answers.WORDED if talk.is_first else "")
    shown = replace(words, note="\n".join(filter(None, notes)), offer=offer)
    return ask.Answer(shown, session, reply)


def question_of(context: BotContext) -> ask.ChatQuestion:
    """Return what an update asks, by whom and where."""
    return ask.ChatQuestion(
        user=context.user,
        language=context.language,
        number=context.update_id,
        place=context.place,
        text=context.text,
        kind=Format(context.format),
        message_id=context.message_id,
        name=_shown_name(context),
    )


def _shown_name(context: BotContext) -> str:
    """Return who asks in a group as a model is told of them, "" in private chats."""
    if context.is_private:
        return ""
    return " ".join(context.sender_name.replace(":", " ").split())[:NAME_LENGTH]


def _question(context: BotContext, talk: ask.Talk, prompt: Prompt) -> Question:
    return Question(
        session_id=talk.session.session_id,
        update_id=context.update_id,
        user_id=context.user_id,
        text=prompt.text,
        message_id=context.message_id,
        format=prompt.format,
        asker=_shown_name(context),
    )


async def _drawn(
    context: BotContext, turn: Turn, stored_answer: StoredAnswer
) -> list[FormattedMessage]:
    """Return the messages that the answer takes."""
    if turn.question.format == "voice":
        return await context.store.read(lambda: _pages(context, turn, stored_answer))
    return await draw(
        lambda: pages(turn, stored_answer, context.language), len(stored_answer.answer)
    )


async def _show(context: BotContext, turn: Turn, stored_answer: StoredAnswer) -> None:
    """Let a stored answer stand in the chat, and end the update."""
    await _stand(context, turn, stored_answer, await _drawn(context, turn, stored_answer))


async def _stand(
    context: BotContext, turn: Turn, stored_answer: StoredAnswer, parts: Sequence[FormattedMessage]
) -> None:
    """Let the whole answer stand in the chat, and end the update."""
    chat_id, place_id, edited = context.chat_id, turn.placeholder_id, 0
    if place_id is not None and await context.calls.edit(chat_id, place_id, parts[0]):
        kill_point("answer.sent")
        edited = 1

    def prepare() -> Sequence[QueuedMessage]:
        if len(parts) == edited and not context.is_resumed:
            return []
        context.outbox.put(page_letters(context, parts[edited:], number=edited))
        return context.outbox.of_update(context.update_id)

    await context.bot_data.sender.deliver(prepare, _end(context, stored_answer), context.language)


def _pages(context: BotContext, turn: Turn, stored_answer: StoredAnswer) -> list[FormattedMessage]:
    """Return the messages of a turn; to be called within the store's work.

    Under the preset for voices the whole of what was heard is part of the answer.
    """
    session = context.sessions.find(context.place, turn.question.session_id)
    is_script = session is not None and session.preset == VOICE
    return pages(turn, stored_answer, context.language, is_script=is_script)


def _end(context: BotContext, stored_answer: StoredAnswer) -> OnSent:
    ending = context.ending(stored_answer.ending)

    def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
        context.turns.mark_delivered(context.update_id)
        ending(is_sure)

    return after


@handlers.button("stop")
async def stop(context: BotContext) -> None:
    """End the answer that is being written; what came until then stays."""
    found = context.bot_data.stops.get(context.number())
    is_theirs = found is not None and found.user_id == context.user_id
    if found is not None and is_theirs:
        found.press()
    text = context.translate("bot-stopping" if is_theirs else "bot-stop-late")
    await context.show(lambda: menu.alert(text))


@handlers.button("again")
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
    repeated = replace(context, text=question.text, message_id=question.message_id)
    await answer_question(repeated, same)


@handlers.button("near")
async def ask_nearest(context: BotContext) -> None:
    """Ask a taught question that was offered with a refusal, as if it were typed."""
    turn = await context.store.read(lambda: own_turn(context))
    offered = turn.written.nearest.splitlines() if turn and turn.written else []
    await _ask_offered(context, dict(enumerate(offered)).get(context.number(1), ""))


@handlers.button("starter")
async def ask_starter(context: BotContext) -> None:
    """Ask the question that stands on the button, as if it were typed."""
    await _ask_offered(context, context.pressed_label)


async def _ask_offered(context: BotContext, question: str) -> None:
    if not question:
        await context.show(lambda: menu.refuse(context, "bot-button-old"))
        return
    if not context.is_resumed:
        await context.calls.answer("answerCallbackQuery", {"callback_query_id": context.query_id})
    await answer_question(replace(context, text=question, message_id=0))


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
    newest = context.turns.of_message(place, message_id) if message_id else None
    if newest is None or newest.turn_id == turn.turn_id:
        return False
    is_this = newest.question.update_id == context.update_id
    return not is_this and newest.written is not None and bool(newest.written.answer)


def own_turn(context: BotContext, place: int = 0) -> Turn | None:
    """Return the turn that a button names at `place`, None where it is not this person's."""
    turn = context.turns.get(context.number(place))
    return turn if turn is not None and turn.question.user_id == context.user_id else None


# Whoever corrects an older message is not waiting for an answer to it.
LATEST_S = 3600


async def answer_edited(context: BotContext) -> None:
    """Answer a corrected question. Raises ChatUnreachable."""
    turn = await context.store.read(
        lambda: context.turns.of_message(context.place, context.message_id)
    )
    source = SOURCES.get(context.format, read_text)
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
    edited, before = (await read_text(context)).text, turn.question.text
    is_part = utf16_length(before) > LONG_UNITS and before.startswith(edited)
    return bool(context.text) and edited != before and not is_part


def _refusal(context: BotContext, turn: Turn) -> str:
    """Return the key of why the correction is not answered, "" where it is."""
    if context.sent is None and utf16_length(turn.question.text) > LONG_UNITS:
        # One part of a joined paste alone is not the question.
        return "edited-long"
    message = context.stored.content
    sent, edited = message.get("date"), message.get("edit_date")
    if isinstance(sent, int) and isinstance(edited, int) and edited - sent > LATEST_S:
        return "edited-late"
    return ""
