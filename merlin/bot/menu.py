"""Building blocks of screens: cards, paged lists, forms, confirmations.

A screen is a `View`. Its buttons are declared with it, and their callback data selects a handler.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from merlin.app.inbox import Dialog
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import (
    Button,
    FormattedMessage,
    in_entity,
    join_pages,
    prepend,
)

if TYPE_CHECKING:
    from merlin.bot.context import Act, BotContext

PAGE_SIZE = 8
_HASH_LENGTH = 10
YES = "-yes"
# The Cancel button of a confirmation, which has no dialog.
CANCEL = ("button-cancel", "cancel:0")
T = TypeVar("T")
Row = tuple[Button, ...]
# A button, or its label key, callback data and style. False or None: no button.
Entry: TypeAlias = (
    "Button | tuple[str, str] | tuple[str, str, str] | Literal[False] | None"
)
RowOf: TypeAlias = "Entry | Sequence[Entry]"
Rows: TypeAlias = "Iterable[RowOf]"
# A part of a card.
Part: TypeAlias = "str | FormattedMessage"


@dataclass(frozen=True, slots=True)
class View:
    """A message, and for a pressed button the answer to the callback query.

    `page` replaces the message with the pressed button, unless `is_new`; None leaves the chat as it
    is. `is_loud`: `alert` is a dialog that the user must close. `link` is opened for the user;
    Telegram only allows links that start the bot.
    """

    page: FormattedMessage | None
    alert: str = ""
    is_new: bool = False
    is_loud: bool = False
    link: str = ""


def buttons_of(context: BotContext, *rows: RowOf) -> tuple[Row, ...]:
    """Return the rows of buttons; empty entries are left out.

    A row is one button or several. A button is described by the key of its label, its data and
    optionally its style.
    """
    button_rows = []
    for row in rows:
        is_row = isinstance(row, list | tuple) and not (row and isinstance(row[0], str))
        entries = cast("Sequence[Entry]", row if is_row else (row,))
        row_buttons = (
            entry if isinstance(entry, Button) else button(context, *entry)
            for entry in entries
            if entry
        )
        button_rows.append(tuple(row_buttons))
    return tuple(row for row in button_rows if row)


def button(context: BotContext, key: str, data: str, style: str = "") -> Button:
    """Return a button with the text `key` as its label."""
    return Button(context.translate(key), data, style=style)


def message(context: BotContext, text: str, *rows: RowOf) -> View:
    """Return a view of a plain text with rows of buttons, described as for `buttons_of`."""
    return View(FormattedMessage(text, buttons=buttons_of(context, *rows)))


def paragraphs(context: BotContext, *parts: str, rows: Rows = ()) -> View:
    """Return a view of the non-empty parts, separated by empty lines."""
    return message(context, "\n\n".join(filter(None, parts)), *rows)


def text_view(context: BotContext, key: str, *rows: RowOf, **arguments: object) -> View:
    """Return a view of the text `key` with rows of buttons, described as for `buttons_of`."""
    return message(context, context.translate(key, **arguments), *rows)


def alert(text: str, *, is_loud: bool = False) -> View:
    """Return a view that only answers the callback query."""
    return View(None, alert=text, is_loud=is_loud)


def refusal(context: BotContext, key: str, **arguments: object) -> View:
    """Return a view that shows in a dialog why a pressed button does nothing."""
    return alert(context.translate(key, **arguments), is_loud=True)


def outdated_view(context: BotContext) -> View:
    """Return a view that says that the pressed button is outdated."""
    return alert(context.translate("bot-button-old"))


def error_view(context: BotContext, error: MerlinError) -> View:
    """Return a view of an error's reason: as an alert for a button, else as a message.

    A dialog step keeps waiting after an error, so its message has a Cancel button.
    """
    text = context.translate(error.key, **error.arguments)
    if context.verb:
        return alert(text, is_loud=True)
    is_waiting = bool(context.step) and not context.command
    return message(context, text, is_waiting and cancel(context))


def catch_errors(act: Act) -> Act:
    """Return the act that shows the reason of errors raised by `act`.

    An act that raises stores nothing.
    """

    def view_or_error(context: BotContext) -> View:
        try:
            return context.db.transact(lambda: act(context))
        except MerlinError as error:
            return error_view(context, error)

    return view_or_error


def choice_button(label: str, data: str, *, is_chosen: bool) -> Button:
    """Return the button of one of several options; the chosen one is ticked."""
    return Button(f"{'✓ ' if is_chosen else ''}{label}", data)


def code_block(text: str, language: str = "yaml") -> FormattedMessage:
    """Return a text in monospace; `language` is for syntax highlighting."""
    return in_entity("pre", printable(text).rstrip("\n"), language)


def card(context: BotContext, title: str, *parts: Part, rows: Rows = ()) -> View:
    """Return a view: the title in bold, the non-empty parts, rows as for `buttons_of`."""
    pages = (
        FormattedMessage(printable(part).rstrip("\n"))
        if isinstance(part, str)
        else part
        for part in parts
    )
    page = join_pages(in_entity("bold", title), *pages)
    return View(replace(page, buttons=buttons_of(context, *rows)))


def list_card(
    context: BotContext,
    title: str,
    keys: tuple[str, str],
    items: Sequence[T],
    entry: Callable[[T], Button],
    data: str,
    *more_rows: RowOf,
    place: int = 0,
) -> View:
    """Return a card of one page of a list, with further rows below it.

    `keys` are the texts for some items and for none. `data` and a page number are the callback data
    of another page; the number of this page is the button's argument at `place`.
    """
    key = keys[0] if items else keys[1]
    entries = list_rows(items, context.number(place), data, entry)
    text = context.translate(key) if key else ""
    return card(context, title, text, rows=(*entries, *more_rows))


def list_rows(
    items: Sequence[T], number: int, data: str, entry: Callable[[T], Button]
) -> list[Row]:
    """Return the entries of one page of a list, and the row of page buttons.

    `number` is the page, counted from 0; `data` and a number are the callback data of a page.
    """
    page_items, number = paginate(items, number)
    return [
        *((entry(item),) for item in page_items),
        *page_buttons(data, number, len(items)),
    ]


def paginate(items: Sequence[T], number: int) -> tuple[Sequence[T], int]:
    """Return the items of a page, counted from 0, and its number; past the end the last page."""
    number = page_number(number, len(items))
    return items[number * PAGE_SIZE : (number + 1) * PAGE_SIZE], number


def items_to_read(number: int) -> int:
    """Return how many items to read for a page, counted from 0, and to know if another follows."""
    return (number + 1) * PAGE_SIZE + 1


def page_number(number: int, count: int) -> int:
    """Return a page number limited to the pages of so many items."""
    return min(max(number, 0), max(0, (count - 1) // PAGE_SIZE))


def page_buttons(data: str, number: int, count: int) -> tuple[Row, ...]:
    """Return the row of page buttons, () for a single page; `data` and a number lead to a page."""
    previous = (Button("‹", f"{data}:{number - 1}"),) if number > 0 else ()
    following = (
        (Button("›", f"{data}:{number + 1}"),)
        if count > (number + 1) * PAGE_SIZE
        else ()
    )
    return ((*previous, *following),) if previous or following else ()


def back(data: str) -> tuple[str, str]:
    """Return the Back button."""
    return ("button-back", data)


def cancel(context: BotContext) -> tuple[str, str]:
    """Return the Cancel button of the open dialog; it ends no dialog that is opened later."""
    return ("button-cancel", f"cancel:{get_dialog_number(context)}")


def get_dialog_number(context: BotContext) -> int:
    """Return the number of the open dialog for its buttons, 0 without a dialog."""
    dialog = context.read_dialog()
    return dialog.asked_by if dialog else 0


def back_or_cancel(context: BotContext, back_data: str) -> Sequence[Entry]:
    """Return the row with Back and the Cancel button of the open dialog."""
    return (back(back_data), cancel(context))


def confirm(
    context: BotContext, text: str, label: str, back_data: str, *arguments: object
) -> View:
    """Return the confirmation of a dangerous action.

    Yes calls the same act with these arguments; `is_confirmed` is true then.
    """
    sure = (label, ":".join([confirmed_verb(context.verb), *map(str, arguments)]))
    return confirmation_card(context, text, sure, back_data)


def confirmation_card(
    context: BotContext, text: str, sure: tuple[str, str], back_data: str
) -> View:
    """Return a confirmation; `sure` is the label and the data of Yes."""
    row = ((*sure, "danger"), ("button-cancel", back_data))
    return card(context, context.translate("admin-sure"), text, rows=(row,))


def is_confirmed(context: BotContext) -> bool:
    """Return whether Yes was pressed in the confirmation."""
    return context.verb.endswith(YES)


def confirmed_verb(verb: str) -> str:
    """Return the verb of the Yes button in the confirmation of a button."""
    return f"{verb.removesuffix('-ask')}{YES}"


def form(
    context: BotContext,
    key: str,
    back_data: str = "",
    *,
    step: str = "",
    values: Mapping[str, Any] | None = None,
    **arguments: object,
) -> View:
    """Return a view that asks by the text `key` for a message, and wait for it at `step`.

    Without a step the current dialog stays; `values` are stored in the dialog.
    """
    if step:
        context.wait(Dialog(step, values or {}))
    row = back_or_cancel(context, back_data) if back_data else cancel(context)
    return text_view(context, key, row, **arguments)


def with_heading(view: View, text: str) -> View:
    """Return a view with a text above its page, if it has one."""
    if view.page is None:
        return view
    return replace(view, page=prepend(f"{text}\n\n", view.page))


def with_file_note(act: Act) -> Act:
    """Return the act of a form whose view says what of the message is not taken."""

    def act_and_note(context: BotContext) -> View:
        view = act(context)
        if not context.text:
            return view
        dropped = context.translate("bot-file-dropped") if context.has_file else ""
        notes = filter(None, [dropped, context.warn_of_unread()])
        heading = "\n".join(notes)
        return with_heading(view, heading) if heading else view

    return act_and_note


def printable(text: str) -> str:
    """Return a text that Telegram accepts: without NUL and unpaired surrogates."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def short_hash(name: str) -> str:
    """Return a short hash of a name for callback data, which cannot hold long names."""
    return hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]


def find_by_hash(
    context: BotContext,
    items: Iterable[T],
    get_name: Callable[[T], str] = str,
    index: int = 0,
    key: str = "bot-button-old",
) -> T:
    """Return the item whose name has the short hash in the callback data. Raises NotFound."""
    for item in items:
        if short_hash(get_name(item)) == context.argument(index):
            return item
    raise NotFound("nothing of this name", key)
