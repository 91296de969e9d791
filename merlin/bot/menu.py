"""The menu that screens are made of: cards, lists in pages, forms, second questions.

A screen is a `View`. Its buttons are declared with it, and their data leads to a handler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from merlin.app.inbox import Dialog
from merlin.core.errors import ApprovalNeeded, MerlinError
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length

if TYPE_CHECKING:
    from merlin.bot.context import Act, BotContext

PAGE_SIZE = 8
YES = "-yes"
CANCEL = ("button-cancel", "cancel")
T = TypeVar("T")
Row = tuple[Button, ...]
# A button, or what describes it: the key of its label, its data, its style. False or None: none.
Entry: TypeAlias = "Button | tuple[str, str] | tuple[str, str, str] | Literal[False] | None"
RowOf: TypeAlias = "Entry | Sequence[Entry]"
Rows: TypeAlias = "Iterable[RowOf]"


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


def buttons_of(context: BotContext, *wanted: RowOf) -> tuple[Row, ...]:
    """Return rows of buttons from what they are described by; what is not there is left out.

    A row is one button or several. A button is described by the key of its label and its data, and
    where it has one its style.
    """
    found = []
    for row in wanted:
        is_row = isinstance(row, list | tuple) and not (row and isinstance(row[0], str))
        entries = cast("Sequence[Entry]", row if is_row else (row,))
        made = (
            entry if isinstance(entry, Button) else button(context, *entry)
            for entry in entries
            if entry
        )
        found.append(tuple(made))
    return tuple(row for row in found if row)


def button(context: BotContext, key: str, data: str, style: str = "") -> Button:
    """Return a button with the label `key`."""
    return Button(context.translate(key), data, style=style)


def message(context: BotContext, text: str, *wanted: RowOf) -> View:
    """Return a view of plain words with rows of buttons, described as for `buttons_of`."""
    return View(FormattedMessage(text, buttons=buttons_of(context, *wanted)))


def paragraphs(context: BotContext, *parts: str, rows: Rows = ()) -> View:
    """Return a view of the parts that say something, an empty line between them."""
    return message(context, _GAP.join(filter(None, parts)), *rows)


def say(context: BotContext, key: str, *wanted: RowOf, **arguments: object) -> View:
    """Return a view of the text `key` with rows of buttons, described as for `buttons_of`."""
    return message(context, context.translate(key, **arguments), *wanted)


def alert(text: str, *, is_loud: bool = False) -> View:
    """Return a view that only answers a pressed button."""
    return View(None, alert=text, is_loud=is_loud)


def refuse(context: BotContext, key: str, **arguments: object) -> View:
    """Return a view that says in a window why a pressed button does nothing."""
    return alert(context.translate(key, **arguments), is_loud=True)


def outdated(context: BotContext) -> View:
    """Return a view that says that the pressed button leads nowhere any more."""
    return alert(context.translate("bot-button-old"))


def error_view(context: BotContext, error: MerlinError, *wanted: RowOf) -> View:
    """Return a view of an error's reason: over the chat for a button, else with rows."""
    text = context.translate(error.key, **error.arguments)
    return alert(text, is_loud=True) if context.verb else message(context, text, *wanted)


def catch_errors(act: Act) -> Act:
    """Return the act that shows what `act` says, or the reason of what it raises.

    Of an act that raises nothing is stored.
    """

    def judge(context: BotContext) -> View:
        try:
            return context.db.transact(lambda: act(context))
        except MerlinError as error:
            if isinstance(error, ApprovalNeeded):
                context.services.propose(error)
            return error_view(context, error)

    return judge


def by_argument(acts: Mapping[str, Act], usual: str = "") -> Act:
    """Return the act of a button that does what its first argument says, `usual` without one."""
    return lambda context: acts.get(context.argument(0) or usual, outdated)(context)


def choice(label: str, data: str, *, is_chosen: bool) -> Button:
    """Return a button of several of which one is chosen; that one is ticked."""
    return Button(f"{'✓ ' if is_chosen else ''}{label}", data)


_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Words that are shown in even width; `language` is the one that they are in."""

    words: str
    language: str = "yaml"


def card(context: BotContext, title: str, *parts: str | CodeBlock, rows: Rows = ()) -> View:
    """Return a view: its title in bold, the parts that say something, rows as for `buttons_of`."""
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
    return View(FormattedMessage(words, tuple(marks), buttons_of(context, *rows)))


def list_card(
    context: BotContext,
    title: str,
    keys: tuple[str, str],
    items: Sequence[T],
    entry: Callable[[T], Button],
    data: str,
    *wanted: RowOf,
    place: int = 0,
) -> View:
    """Return a card of one page of a list, with further rows below it.

    `keys` are those of what is said of some entries and of none. `data` and a number lead to a
    page; the number of this one is the button's argument at `place`.
    """
    key = keys[0] if items else keys[1]
    entries = list_rows(items, context.number(place), data, entry)
    text = context.translate(key) if key else ""
    return card(context, title, text, rows=(*entries, *wanted))


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


def back(data: str) -> tuple[str, str]:
    """Return the button that leads back."""
    return ("button-back", data)


def back_or_cancel(way_back: str) -> Sequence[Entry]:
    """Return the row with Back, and with Cancel, which ends the waiting for a message."""
    return (back(way_back), CANCEL)


def confirm(context: BotContext, text: str, label: str, way_back: str, *arguments: object) -> View:
    """Return the second question before something dangerous.

    Yes leads to the same act, where `is_sure` then, with these arguments.
    """
    sure = (label, ":".join([verb_of_yes(context.verb), *map(str, arguments)]))
    return second_question(context, text, sure, way_back)


def second_question(context: BotContext, text: str, sure: tuple[str, str], way_back: str) -> View:
    """Return the second question; `sure` is the label and the data of Yes."""
    row = ((*sure, "danger"), ("button-cancel", way_back))
    return card(context, context.translate("admin-sure"), text, rows=(row,))


def is_sure(context: BotContext) -> bool:
    """Return whether Yes was pressed under the second question."""
    return context.verb.endswith(YES)


def verb_of_yes(verb: str) -> str:
    """Return the verb of the Yes under the second question that a button asks."""
    return f"{verb.removesuffix('-ask')}{YES}"


def form(
    context: BotContext,
    key: str,
    way_back: str = "",
    *,
    step: str = "",
    values: Mapping[str, Any] | None = None,
    **arguments: object,
) -> View:
    """Return a view that asks by the text `key` for a message, and wait for it at `step`.

    Without a step the dialog waits as it did; `values` are what it keeps.
    """
    if step:
        context.wait(Dialog(step, values or {}))
    row = back_or_cancel(way_back) if way_back else CANCEL
    return say(context, key, row, **arguments)


def headed(view: View, text: str) -> View:
    """Return a view with these words above its page, where it has one."""
    if view.page is None:
        return view
    return replace(view, page=replace(view.page, text=f"{text}\n\n{view.page.text}"))


def printable(text: str) -> str:
    """Return words as Telegram takes them: without NUL and halves of surrogate pairs."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8").rstrip("\n")


def cut(text: str, length: int) -> str:
    """Return words no longer than this, cut with "…"."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
