"""Beside: which updates do not wait for the answer that is being written in their chat.

A pressed button, a payment that is about to be made or was made, and an inline query are dealt
with at once: Telegram or the payer waits for them, and a stop button behind its own answer would
stop nothing. What changes no message waits for no message either: a chat that must cool down
holds up no payment. Buttons that ask a model keep their place in the chat's order.
Talk in a group that is for nobody but its people is passed over here, so that it takes no
question's room.
"""

from __future__ import annotations

from enum import IntEnum

from merlin.bot.address import is_passing
from merlin.bot.event import pressed
from merlin.bot.stars.told import is_of_money
from merlin.inbox.update import Update

_KINDS = frozenset(
    {
        "callback_query",
        "pre_checkout_query",
        "inline_query",
        "chosen_inline_result",
        "message_reaction",
    }
)
# What is answered beside the chat, by a call that waits for no limit.
_URGENT = frozenset({"pre_checkout_query", "inline_query"})
_STOP = "stop"
# Buttons whose press is a question to a model, or must not meet an answer that is being written.
ASKING = frozenset({"again", "sum", "forget"})
_FORGET = "forget"
_QUESTIONS = frozenset({"message", "edited_message"})


class Way(IntEnum):
    """The queues of one chat: its order, beside it, and ahead of everything."""

    ORDER = 0
    BESIDE = 1
    AHEAD = 2


def way_of(update: Update) -> Way:
    """Return in which of its chat's queues an update is dealt with."""
    verb, _ = pressed(update)
    if update.kind in _URGENT or verb == _STOP:
        return Way.AHEAD
    if update.kind not in _KINDS:
        is_beside = is_of_money(update) or is_passing(update)
        return Way.BESIDE if is_beside else Way.ORDER
    return Way.ORDER if verb in ASKING else Way.BESIDE


def takes_room(update: Update) -> bool:
    """Return whether this is, or may be, a question to a model, of which a few may wait."""
    # Who wants everything deleted is never turned away.
    if is_of_money(update):
        return False
    return update.kind in _QUESTIONS or pressed(update)[0] in ASKING - {_FORGET}
