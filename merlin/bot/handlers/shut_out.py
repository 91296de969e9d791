"""Shut out: whom an admin has blocked gets no answers, but keeps the right to their own data."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.bot.screen import alert
from merlin.core.text import text
from merlin.inbox.update import UpdateState

_COMMANDS = frozenset({"export", "delete_me", "privacy", "terms", "paysupport"})
_BUTTONS = frozenset({"forget", "cancel"})
_KINDS = frozenset({"message", "edited_message", "callback_query"})


def is_turned_away(event: Event) -> bool:
    """Return whether this person is blocked and asks for more than their own data."""
    if not event.user.is_blocked or event.update.kind not in _KINDS:
        return False
    return event.command not in _COMMANDS and event.verb not in _BUTTONS


async def turn_away(kit: Kit, event: Event) -> None:
    """Say that no answers are given; in groups nothing is said."""
    words = text(event.language, "bot-blocked")
    if event.verb:
        await kit.show(event, lambda: alert(words), UpdateState.REFUSED, "blocked")
    elif event.is_private:
        await kit.say(event, words, UpdateState.REFUSED, "blocked")
    else:
        await kit.end(event, UpdateState.REFUSED, "blocked")
