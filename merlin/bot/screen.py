"""Screen: what a command, a pressed button or a step of a dialog shows."""

from __future__ import annotations

from dataclasses import dataclass

from merlin.core.page import Button, Page


@dataclass(frozen=True, slots=True)
class Screen:
    """A page, and for a pressed button what stands over the chat for a moment.

    The page of a button takes the place of the message it stood under, unless `is_new`. Without a
    page nothing in the chat changes. `is_loud`: the alert is a window that must be closed. `link`
    is opened at whoever pressed; Telegram opens none there but those that start the bot.
    """

    page: Page | None
    alert: str = ""
    is_new: bool = False
    is_loud: bool = False
    link: str = ""


def said(words: str, *rows: tuple[Button, ...]) -> Screen:
    """Return a screen of plain words with rows of buttons."""
    return Screen(Page(words, buttons=rows))


def alert(words: str, *, is_loud: bool = False) -> Screen:
    """Return a screen that only answers a pressed button."""
    return Screen(None, alert=words, is_loud=is_loud)
