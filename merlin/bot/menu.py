"""What a screen is made of: its page and alert, long lists in pages, code blocks and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length

PAGE_SIZE = 8
T = TypeVar("T")


def paginate(items: Sequence[T], number: int) -> tuple[Sequence[T], int]:
    """Return what stands on a leaf, counted from 0, and its number; the last for one beyond."""
    last = max(0, (len(items) - 1) // PAGE_SIZE)
    number = min(max(number, 0), last)
    return items[number * PAGE_SIZE : (number + 1) * PAGE_SIZE], number


def page_buttons(data: str, number: int, count: int) -> tuple[tuple[Button, ...], ...]:
    """Return the row that turns over, none for a single leaf; `data` and a number lead to one."""
    last = max(0, (count - 1) // PAGE_SIZE)
    back = (Button("‹", f"{data}:{number - 1}"),) if number > 0 else ()
    on = (Button("›", f"{data}:{number + 1}"),) if number < last else ()
    return ((*back, *on),) if back or on else ()


@dataclass(frozen=True, slots=True)
class Screen:
    """A page, and for a pressed button what stands over the chat for a moment.

    The page of a button takes the place of the message it stood under, unless `is_new`. Without a
    page nothing in the chat changes. `is_loud`: the alert is a window that must be closed. `link`
    is opened at whoever pressed; Telegram opens none there but those that start the bot.
    """

    page: FormattedMessage | None
    alert: str = ""
    is_new: bool = False
    is_loud: bool = False
    link: str = ""


def said(words: str, *rows: tuple[Button, ...]) -> Screen:
    """Return a screen of plain words with rows of buttons."""
    return Screen(FormattedMessage(words, buttons=rows))


def alert(words: str, *, is_loud: bool = False) -> Screen:
    """Return a screen that only answers a pressed button."""
    return Screen(None, alert=words, is_loud=is_loud)


_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class File:
    """Words that are shown in even width; `kind` is the language that they are in."""

    words: str
    kind: str = "yaml"


def sheet(title: str, *parts: str | File, rows: Iterable[Sequence[Button]] = ()) -> Screen:
    """Return a screen: its title in bold, then the parts that say something."""
    words, marks = title, [Entity("bold", 0, utf16_length(title))]
    for part in parts:
        said = code_block(part.words if isinstance(part, File) else part)
        if not said.strip():
            continue
        if isinstance(part, File):
            marks.append(Entity("pre", utf16_length(words + _GAP), utf16_length(said), part.kind))
        words = f"{words}{_GAP}{said}"
    buttons = tuple(tuple(row) for row in rows if row)
    return Screen(FormattedMessage(words, tuple(marks), buttons))


def code_block(words: str) -> str:
    """Return words as Telegram takes them: without NUL and halves of surrogate pairs."""
    return words.replace("\0", "�").encode("utf-8", "replace").decode("utf-8").rstrip("\n")


def cut(words: str, length: int) -> str:
    """Return words no longer than this, cut with "…"."""
    return words if len(words) <= length else f"{words[: length - 1]}…"
