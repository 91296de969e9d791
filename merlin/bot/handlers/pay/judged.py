"""Judged: what a button of the shop leads to, or why it leads nowhere, kindly."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.topic import Act, Handler, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.core.errors import MerlinError
from merlin.core.text import text


def judged(act: Act) -> Handler:
    """Return the handler that shows what `act` says, or the reason of what it raises."""

    def judge(kit: Kit, event: Event) -> Screen:
        try:
            return kit.store.apart(lambda: act(kit, event))
        except MerlinError as error:
            return refusal(event, error)

    return told(judge)


def refusal(event: Event, error: MerlinError) -> Screen:
    """Return the reason of an error, over the chat for a pressed button."""
    words = text(event.language, error.key, **error.arguments)
    return alert(words, is_loud=True) if event.verb else said(words)
