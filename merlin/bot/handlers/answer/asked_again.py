"""Asked again: an answer stopped while it grows, a question answered anew, an edited question."""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.question import answer_question
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import alert
from merlin.chat.prompt import Prompt
from merlin.chat.turn import Turn
from merlin.core.text import text

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


TOPIC = Topic(buttons={"stop": stop, "again": again})
