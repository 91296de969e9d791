"""Answering a question (text, voice, photo or document) exactly once.

    placeholder sent -> stored                     answer stored -> placeholder edited -> stored
    quota reserved -> models asked --------------/

Every step can be resumed after a crash: a stored placeholder is reused, a stored answer is not
requested again, and the final edit may be repeated. No answer is stored or shown before its
placeholder is stored; if that fails, the request is cancelled. A draft is no message: with drafts,
and without streaming, there is no placeholder and the answer goes through the outbox. So does the
answer to a group that became a supergroup, whose placeholder stays in the old chat. An answer can
be stopped while it is generated, and requested again.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from merlin.app import ask
from merlin.app.outbox import QueuedMessage
from merlin.billing.quota import Format
from merlin.bot import answers, menu
from merlin.bot.context import BotContext, Use, build_page_messages, find_target
from merlin.bot.drafts import DraftIndicator
from merlin.bot.handlers.prompts import SOURCES, Source, fit_prompt, quote_above
from merlin.bot.outbox import OnSent
from merlin.bot.registry import Handlers
from merlin.bot.services import DRAFTS, OFF
from merlin.bot.transport import EditSkipped
from merlin.chat.prompt import Prompt
from merlin.chat.sessions import VOICE
from merlin.chat.turns import (
    NO_BUTTONS,
    StoredAnswer,
    Turn,
    UpdateState,
)
from merlin.core.errors import NotFound
from merlin.core.formatted_text import FormattedMessage
from merlin.core.json_fields import get_integer
from merlin.core.killpoint import kill_point

handlers = Handlers()
# How much of a user's name is sent to the model.
NAME_LENGTH = 32


async def read_text(context: BotContext) -> Prompt:
    """Return a text message as a prompt, with the message it replies to."""
    return Prompt(quote_above(context, context.text))


async def answer_message(context: BotContext) -> None:
    """Answer a message that is no command or part of a dialog. Raises ChatUnreachable."""
    context = context.with_replied().with_short_quote()
    context = replace(context, warning=context.warn_of_unread())
    if context.format in SOURCES:
        await answer_question(context, SOURCES[context.format])
    elif context.text:
        await answer_question(context)
    elif context.is_private and not context.is_service:
        # A text of invisible characters, or a sticker.
        text = context.translate("media-other")
        await context.reply(text, UpdateState.REFUSED, "not served: not understood")
    else:
        await context.finish_silently(UpdateState.REFUSED, "not served: no words")


async def answer_question(context: BotContext, source: Source = read_text) -> None:
    """Answer a message, resuming where an earlier attempt stopped. Raises ChatUnreachable."""
    if context.verb and context.dialog is not None:
        await context.store.do(context.leave_form)
    turn = await _find_stored_turn(context)
    if turn is not None and turn.written is not None:
        await _send_answer(context, turn, turn.written)
        return
    observer = _choose_indicator(context, turn)
    question = _make_question(context, partial(_read, context, source, observer))
    try:
        async with observer:
            answer = await ask.answer(context.services, question, observer)
        context.bot_data.placeholders.pop(context.update_id, None)
        await _send_answer(context, answer.turn, answer.written)
    finally:
        context.bot_data.sender.drafting.discard(context.chat_id)


def _choose_indicator(
    context: BotContext, turn: Turn | None
) -> answers.AnswerIndicator:
    """Return what shows the answer while it is made; an earlier attempt's placeholder is reused."""
    streaming = context.services.config.chat.streaming
    has_placeholder = turn is not None and turn.placeholder_id is not None
    if context.moved_from or (streaming == OFF and not has_placeholder):
        return answers.TypingIndicator(context)
    takes_drafts = context.is_private and not context.user.is_plain
    takes_drafts = takes_drafts and context.bot_api.accepts_drafts(context.chat_id)
    if streaming == DRAFTS and takes_drafts and not has_placeholder:
        return DraftIndicator(context)
    return answers.StreamingEditor(context, turn)


async def _read(
    context: BotContext,
    source: Source,
    observer: answers.AnswerIndicator,
    conversation: ask.Conversation,
) -> Prompt:
    """Return the prompt of a message, as long as the conversation's window allows."""
    if context.format != "text":
        observer.on_text(context.translate("media-reading", kind=context.format))
    prompt = await source(context)
    if prompt.format == "text":
        return prompt
    return await fit_prompt(context, conversation, prompt)


async def give_up(context: BotContext) -> None:
    """Reply that no answer will come, in the placeholder if any. Raises ChatUnreachable."""
    failure = StoredAnswer(
        "", context.translate("bot-failed"), UpdateState.FAILED, offer=NO_BUTTONS
    )
    turn = await _find_stored_turn(replace(context, is_resumed=True))

    def store_failure() -> None:
        # A stored answer stays; a failed question is not counted.
        context.turns.write(context.update_id, failure)
        context.quotas.give_back(context.update_id)

    await context.store.do(store_failure)
    placeholder_id = context.bot_data.placeholders.pop(context.update_id, 0)
    if turn is not None and turn.written is None:
        await _send_answer(context, turn, failure)
        return
    target = replace(find_target(context), edit_of=placeholder_id)
    message = build_page_messages(context, [FormattedMessage(failure.note)], target)[0]
    message = replace(message, key=f"update:{context.update_id}:sorry")
    await context.deliver(
        lambda: context.outbox.put([message]), _on_sent(context, failure)
    )


async def _find_stored_turn(context: BotContext) -> Turn | None:
    if not context.is_resumed:
        return None
    return await context.store.read(lambda: context.turns.find(context.update_id))


def _make_question(
    context: BotContext, read: Callable[[ask.Conversation], Awaitable[Prompt]]
) -> ask.ChatQuestion:
    """Return the question of an update with its sender and chat."""
    name = "" if context.is_private else context.sender_name.replace(":", " ")
    return ask.ChatQuestion(
        context.user,
        context.language,
        context.update_id,
        context.place,
        context.text,
        Format(context.format),
        context.message_id,
        name=" ".join(name.split())[:NAME_LENGTH],
        warning=context.warning,
        read=read,
    )


async def _render_answer(
    context: BotContext, turn: Turn, stored_answer: StoredAnswer
) -> list[FormattedMessage]:
    """Return the messages of the answer."""
    if turn.question.format == "voice":
        return await context.store.read(
            lambda: _answer_pages(context, turn, stored_answer)
        )
    return await answers.render_off_loop(
        lambda: answers.render_turn(
            turn, stored_answer, context.language, is_plain=context.is_plain
        ),
        len(stored_answer.answer),
    )


async def _send_answer(
    context: BotContext, turn: Turn, stored_answer: StoredAnswer
) -> None:
    """Send the answer's messages, the first into the placeholder, and finish the update."""
    parts: Sequence[FormattedMessage]
    parts = await _render_answer(context, turn, stored_answer)
    placeholder_id = turn.placeholder_id
    sent = 0
    if placeholder_id is None:
        pass
    elif await _is_moved(context):
        # The placeholder is in the old chat, which may refuse edits.
        note = FormattedMessage(context.translate("groups-moved"))
        with suppress(EditSkipped):
            await context.bot_api.try_edit(context.moved_from, placeholder_id, note)
    else:
        parts, sent = await context.bot_api.edit_first(
            context.chat_id, placeholder_id, parts
        )
    if sent:
        kill_point("answer.sent")

    def prepare() -> Sequence[QueuedMessage]:
        if len(parts) == sent and not context.is_resumed:
            return []
        context.outbox.put(build_page_messages(context, parts[sent:], number=sent))
        return context.outbox.list_of_update(context.update_id)

    await context.deliver(prepare, _on_sent(context, stored_answer))


async def _is_moved(context: BotContext) -> bool:
    """Return whether the group became a supergroup, where the context then answers."""
    if not (context.is_private or context.moved_from):
        await context.follow_move()
    return context.moved_from != 0


def _answer_pages(
    context: BotContext, turn: Turn, stored_answer: StoredAnswer
) -> list[FormattedMessage]:
    """Return the messages of a turn; within the store's work.

    Under the preset for voices the full transcript is part of the answer.
    """
    session = context.sessions.find(context.place, turn.question.session_id)
    is_script = session is not None and session.preset == VOICE
    return answers.render_turn(
        turn,
        stored_answer,
        context.language,
        is_plain=context.is_plain,
        is_script=is_script,
    )


def _on_sent(context: BotContext, stored_answer: StoredAnswer) -> OnSent:
    ending = context.finish_callback(stored_answer.ending)

    def after(is_sure: bool) -> None:  # noqa: FBT001 - an `OnSent`
        context.turns.mark_delivered(context.update_id)
        ending(is_sure)

    return after


@handlers.button("stop", use=Use.URGENT | Use.IN_GROUPS)
async def stop(context: BotContext) -> None:
    """Stop the answer that is being generated; the text so far stays."""
    stop = context.bot_data.stops.get(context.number())
    is_own = stop is not None and stop.user_id == context.user_id
    if stop is not None and is_own:
        stop.press()
    text = context.translate("bot-stopping" if is_own else "bot-stop-late")
    if stop is None and await context.store.read(lambda: _is_orphan(context)):
        await context.bot_api.try_edit(
            context.chat_id, context.message_id, FormattedMessage(text)
        )
    await context.show(lambda: menu.alert(text))


def _is_orphan(context: BotContext) -> bool:
    """Return whether a placeholder was sent by a process that was killed before it stored its id.

    Only the press of its button tells the id: a bot cannot list its messages.
    """
    turn = context.turns.find(context.number())
    return turn is not None and turn.placeholder_id not in (None, context.message_id)


async def stop_draft(context: BotContext) -> None:
    """Stop the answer whose draft has the pressed Stop button; only its person sees that."""
    draft_id = get_integer(context.stored.content, "draft_id")
    stop = context.bot_data.stops.get(draft_id)
    if stop is not None and stop.user_id == context.user_id:
        stop.press()
    await context.finish_silently(UpdateState.ANSWERED, "stop")


@handlers.button("again", use=Use.ASKS_MODEL | Use.IN_GROUPS)
async def answer_again(context: BotContext) -> None:
    """Answer a question again; the old message stays in the chat, the new answer replaces it."""
    turn, refusal = await context.store.read(lambda: _find_turn_to_repeat(context))
    if turn is None or refusal:
        await context.show(lambda: menu.alert(context.translate(refusal), is_loud=True))
        return

    async def repeat_prompt(_context: BotContext) -> Prompt:
        return Prompt(turn.question.text, turn.question.format)

    if not context.is_resumed:
        await context.answer_press()
    question = turn.question
    warning, _ = answers.split_note(turn.written.note) if turn.written else ("", "")
    repeat_context = replace(
        context, text=question.text, message_id=question.message_id, warning=warning
    )
    await answer_question(repeat_context, repeat_prompt)


@handlers.button("near", use=Use.ASKS_MODEL | Use.IN_GROUPS)
async def ask_nearest(context: BotContext) -> None:
    """Ask a taught question that was offered with a refusal, as if the user had sent it."""
    turn = await context.store.read(lambda: find_own_turn(context))
    questions = turn.written.nearest.splitlines() if turn and turn.written else []
    await _ask_offered(context, dict(enumerate(questions)).get(context.number(1), ""))


@handlers.button("more", use=Use.IN_GROUPS)
async def show_more_offers(context: BotContext) -> None:
    """Show the other questions that were offered with a refusal, in place of the button."""
    turn = await context.store.read(lambda: find_own_turn(context))
    if turn is None or turn.written is None:
        await context.show(lambda: menu.refusal(context, "bot-button-old"))
        return
    await context.answer_press()
    buttons = answers.answer_buttons(
        turn.turn_id, turn.written, context.language, is_whole=True
    )
    await context.bot_api.edit_buttons(context.chat_id, context.message_id, buttons)
    await context.finish_silently(UpdateState.ANSWERED, "more")


@handlers.button("starter", use=Use.ASKS_MODEL)
async def ask_starter(context: BotContext) -> None:
    """Ask the question on the button, as if the user had sent it."""
    await _ask_offered(context, context.pressed_label)


async def _ask_offered(context: BotContext, question: str) -> None:
    if not question:
        await context.show(lambda: menu.refusal(context, "bot-button-old"))
        return
    if not context.is_resumed:
        if await context.store.read(lambda: _is_just_answered(context)):
            await context.show(lambda: menu.refusal(context, "bot-offered-done"))
            return
        await context.answer_press()
    context.bot_data.presses.append(_build_press(context, context.update_id))
    # In a group the message with the button quotes the question that was refused. No message has
    # a negative number; it lets a repeated answer replace this one.
    asked = replace(context, text=question, quoted="", message_id=-context.update_id)
    await answer_question(asked)


def _is_just_answered(context: BotContext) -> bool:
    """Return whether the newest answer is to a press of this button: two quick ones are one."""
    session = context.sessions.find_open(context.place)
    newest = context.turns.find_newest(session.session_id) if session else None
    presses = context.bot_data.presses
    return (
        newest is not None
        and _build_press(context, newest.question.update_id) in presses
    )


def _build_press(context: BotContext, update_id: int) -> tuple[object, ...]:
    return (
        update_id,
        context.user_id,
        context.message_id,
        context.verb,
        *context.arguments,
    )


def _find_turn_to_repeat(context: BotContext) -> tuple[Turn | None, str]:
    """Return the turn to answer again and the key of the refusal, "" for none."""
    turn = find_own_turn(context)
    if turn is None:
        return None, "bot-not-yours"
    if turn.question.format == "photo":
        return turn, "bot-again-photo"
    if not turn.question.text.strip():
        # A turn that cannot be decrypted has no question.
        return turn, "bot-button-old"
    return turn, "bot-again-done" if _has_newer_answer(context, turn) else ""


def _has_newer_answer(context: BotContext, turn: Turn) -> bool:
    """Return whether the message has a newer answer: two quick presses count as one."""
    place = context.place
    message_id = turn.question.message_id
    newest = context.turns.of_message(place, message_id) if message_id else None
    if newest is None or newest.turn_id == turn.turn_id:
        return False
    is_own_update = newest.question.update_id == context.update_id
    return (
        not is_own_update and newest.written is not None and bool(newest.written.answer)
    )


def require_own_turn(context: BotContext) -> Turn:
    """Return the user's turn named by the callback data. Raises NotFound."""
    turn = find_own_turn(context)
    if turn is None:
        raise NotFound("not theirs", "bot-not-yours")
    return turn


def find_own_turn(context: BotContext, place: int = 0) -> Turn | None:
    """Return the turn named by the callback data, None if it is not the user's."""
    return context.turns.get_own(context.number(place), context.user_id)
