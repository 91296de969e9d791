"""Links: addresses that open the private chat with the bot, and what they lead to there.

t.me/<bot>?start=go_<command> | ask_<token>; the others are known to `basics`.
"""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.core.page import Button
from merlin.core.text import text

# Commands that a link may carry out: those that only show something. A link is pressed blindly.
PRIVATE = frozenset(
    {
        "admin",
        "course",
        "delete_me",
        "export",
        "lang",
        "model",
        "paysupport",
        "plan",
        "preset",
        "privacy",
        "sessions",
        "system",
        "terms",
    }
)
_GO = "go_"
_ASK = "ask_"


def to_private(kit: Kit, event: Event, command: str = "") -> Button:
    """Return the button that opens the private chat, and there a command."""
    label = text(event.language, "groups-button-private")
    return Button(label, url=kit.me.link(f"{_GO}{command}" if command else "group"))


def led_to(event: Event) -> Event:
    """Return what a link leads to: /start go_plan is /plan."""
    command = event.words.removeprefix(_GO)
    if event.command != "start" or not event.words.startswith(_GO) or command not in PRIVATE:
        return event
    return replace(event, command=command, words="")


def asking(token: str) -> str:
    """Return the payload of a link that asks a kept question."""
    return f"{_ASK}{token}"


def asked_token(event: Event) -> str:
    """Return the token of the question that a link asks, "" for none."""
    is_link = event.command == "start" and event.words.startswith(_ASK)
    return event.words.removeprefix(_ASK) if is_link else ""
