"""Rating: 👍 and 👎 under an answer, or as reactions; a second press takes it back.

A rating is stored once, whatever happens; that the pressed button shows it is a courtesy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number, own_turn
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert
from merlin.bot.shown import pages
from merlin.chat.rating import Rating, after_press, of_reactions, rating_of
from merlin.chat.turn import Turn
from merlin.core.page import Button, Page
from merlin.core.text import text
from merlin.inbox.update import UpdateState

_PRESSED = {Rating.UP: "success", Rating.DOWN: "danger"}
Counted = tuple[Turn, Rating | None]


async def rate(kit: Kit, event: Event) -> None:
    """Keep what the person thinks of their answer, or forget it."""
    counted: list[Counted] = []

    def act() -> Screen:
        turn = own_turn(kit, event, place=1) or _shared_turn(kit, event)
        pressed = rating_of(event.args[0] if event.args else "")
        if turn is None or pressed is None:
            return alert(text(event.language, "bot-not-yours"), is_loud=True)
        rating = after_press(kit.rows.ratings.of(turn.turn_id, event.user_id), pressed)
        kit.rows.ratings.rate(turn.turn_id, event.user_id, rating)
        counted[:] = [(turn, rating)]
        return _thanked(event, turn, rating)

    await kit.show(event, act)
    for turn, rating in counted:
        await _mark(kit, event, turn, rating)


def _shared_turn(kit: Kit, event: Event) -> Turn | None:
    """Return the turn under which a button of a group stands: there everybody may rate it."""
    turn = None if event.is_private else _turn_here(kit, event)
    return turn if turn is not None and turn.turn_id == number(event, 1) else None


def _thanked(event: Event, turn: Turn, rating: Rating | None) -> Screen:
    words = text(event.language, f"rating-{rating.value if rating else 'none'}")
    if rating is not Rating.DOWN or not event.is_private:
        return alert(words)
    fix = Button(text(event.language, "rating-fix"), f"fix:{turn.turn_id}", style="primary")
    asked = Page(text(event.language, "rating-how-better"), buttons=((fix,),))
    return Screen(asked, alert=words, is_new=True)


async def reacted(kit: Kit, event: Event) -> None:
    """Keep what a reaction under an answer says; one that was taken away takes the rating back."""
    rating = of_reactions(_emojis(event, "new_reaction"))
    is_about_us = rating is not None or of_reactions(_emojis(event, "old_reaction")) is not None

    def work() -> Counted | None:
        turn = _turn_here(kit, event) if is_about_us else None
        if turn is not None:
            kit.rows.ratings.rate(turn.turn_id, event.user_id, rating)
        state = UpdateState.REFUSED if turn is None else UpdateState.ANSWERED
        kit.finish(event, state, "reaction")
        return None if turn is None else (turn, rating)

    counted = await kit.store.do(work)
    if counted is not None:
        await _mark(kit, event, *counted)


def _turn_here(kit: Kit, event: Event) -> Turn | None:
    turn_id = kit.rows.ratings.turn_at(event.chat_id, event.message_id)
    turn = None if turn_id is None else kit.rows.turns.get(turn_id)
    is_theirs = turn is not None and turn.question.user_id == event.user_id
    return turn if is_theirs or not event.is_private else None


def _emojis(event: Event, name: str) -> list[str]:
    body = event.update.body.get(event.update.kind)
    found = body.get(name) if isinstance(body, Mapping) else None
    each: list[Any] = found if isinstance(found, list) else []
    said = [one.get("emoji") for one in each if isinstance(one, Mapping)]
    return [emoji for emoji in said if isinstance(emoji, str)]


async def _mark(kit: Kit, event: Event, turn: Turn, rating: Rating | None) -> None:
    """Let the buttons show what counts now, where the message has them."""
    if turn.written is None or not event.is_private:
        # A group has one keyboard and many opinions.
        return
    shown = pages(turn, turn.written, event.language)
    # A reaction may stand under a part of the answer that has no buttons.
    if event.verb or len(shown) == 1:
        buttons = tuple(
            tuple(_marked(button, rating) for button in row) for row in shown[-1].buttons
        )
        await kit.calls.mark(event.chat_id, event.message_id, buttons)


def _marked(button: Button, rating: Rating | None) -> Button:
    if rating is None or not button.data.startswith(f"rate:{rating.value}:"):
        return button
    return replace(button, label=f"{button.label} ✓", style=_PRESSED[rating])


TOPIC = Topic(buttons={"rate": rate})
