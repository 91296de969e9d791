"""The menu that screens are made of: cards, lists in pages, forms, second questions.

A screen is a `View`. Its buttons are declared with it, and their data leads to a handler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length

if TYPE_CHECKING:
    from merlin.bot.context import BotContext

PAGE_SIZE = 8
T = TypeVar("T")
Row = tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class View:
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


def message(words: str, *rows: Row) -> View:
    """Return a view of plain words with rows of buttons."""
    return View(FormattedMessage(words, buttons=rows))


def alert(words: str, *, is_loud: bool = False) -> View:
    """Return a view that only answers a pressed button."""
    return View(None, alert=words, is_loud=is_loud)


_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Words that are shown in even width; `language` is the one that they are in."""

    words: str
    language: str = "yaml"


def card(title: str, *parts: str | CodeBlock, rows: Iterable[Sequence[Button]] = ()) -> View:
    """Return a view: its title in bold, then the parts that say something."""
    words, marks = title, [Entity("bold", 0, utf16_length(title))]
    for part in parts:
        shown = printable(part.words if isinstance(part, CodeBlock) else part)
        if not shown.strip():
            continue
        if isinstance(part, CodeBlock):
            marks.append(
                Entity("pre", utf16_length(words + _GAP), utf16_length(shown), part.language)
            )
        words = f"{words}{_GAP}{shown}"
    return View(FormattedMessage(words, tuple(marks), tuple(tuple(row) for row in rows if row)))


def list_rows(
    items: Sequence[T], number: int, data: str, entry: Callable[[T], Button]
) -> list[Row]:
    """Return the entries of one page of a list, and the row that turns over to others.

    `number` is the page, counted from 0; `data` and a number lead to one.
    """
    here, number = paginate(items, number)
    return [*((entry(each),) for each in here), *page_buttons(data, number, len(items))]


def paginate(items: Sequence[T], number: int) -> tuple[Sequence[T], int]:
    """Return what stands on a page, counted from 0, and its number; the last for one beyond."""
    number = page_number(number, len(items))
    return items[number * PAGE_SIZE : (number + 1) * PAGE_SIZE], number


def page_number(number: int, count: int) -> int:
    """Return the number of a page of so many items, the last one for one beyond."""
    return min(max(number, 0), max(0, (count - 1) // PAGE_SIZE))


def page_buttons(data: str, number: int, count: int) -> tuple[Row, ...]:
    """Return the row that turns over, none for a single page; `data` and a number lead to one."""
    back = (Button("‹", f"{data}:{number - 1}"),) if number > 0 else ()
    on = (Button("›", f"{data}:{number + 1}"),) if count > (number + 1) * PAGE_SIZE else ()
    return ((*back, *on),) if back or on else ()


def button(context: BotContext, key: str, data: str, style: str = "") -> Button:
    """Return a button with the label `key`."""
    return Button(context.translate(key), data, style=style)


def back(context: BotContext, data: str) -> Row:
    """Return the row that leads back."""
    return (button(context, "button-back", data),)


def confirm(context: BotContext, words: str, yes: Button, way_back: str) -> View:
    """Return the second question before something dangerous."""
    no = button(context, "button-cancel", way_back)
    rows = [(replace(yes, style="danger"), no)]
    return card(context.translate("admin-sure"), words, rows=rows)


def form(context: BotContext, words: str, way_back: str) -> View:
    """Return a view that asks for a message."""
    return message(words, back_or_cancel(context, way_back))


def back_or_cancel(context: BotContext, way_back: str) -> Row:
    """Return the row with Back, and with Cancel, which ends the waiting for a message."""
    cancel = button(context, "button-cancel", "cancel")
    return (button(context, "button-back", way_back), cancel)


def printable(words: str) -> str:
    """Return words as Telegram takes them: without NUL and halves of surrogate pairs."""
    return words.replace("\0", "�").encode("utf-8", "replace").decode("utf-8").rstrip("\n")


def cut(words: str, length: int) -> str:
    """Return words no longer than this, cut with "…"."""
    return words if len(words) <= length else f"{words[: length - 1]}…"
