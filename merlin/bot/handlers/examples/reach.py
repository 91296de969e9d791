"""Reach: which datasets and examples a person may edit, asked anew by every button and message.

Anybody can send any data, so that nothing is taken from a keyboard but what is looked up here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.examples.draft import Draft, draft_of
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.topic import Act, Handler
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.editing import DatasetCard, FileText
from merlin.dataset.editor import Editor, editor_of

VERB = "ex"
STEP = "ex-"


def acted(act: Act) -> Handler:
    """Return the handler that shows what `act` says to those who may edit examples."""

    async def handle(kit: Kit, event: Event) -> None:
        await show(kit, event, lambda: act(kit, fresh(kit, event)))

    return handle


def fresh(kit: Kit, event: Event) -> Event:
    """Return the event with the dialog as it is now: messages and buttons run side by side."""
    return replace(event, dialog=kit.rows.dialogs.get(event.chat_id, event.user_id))


async def show(kit: Kit, event: Event, act: Callable[[], Screen]) -> None:
    """Answer by what `act` says to those who may edit examples, and to nobody else."""
    await kit.show(event, lambda: judged(kit, event, act))


def judged(kit: Kit, event: Event, act: Callable[[], Screen]) -> Screen:
    """Return what `act` says; a refusal to who may not, and the reason of what it raises."""
    if not may_edit(kit, event):
        leave(kit, event)
        return panel.refusal(event)
    try:
        screen = kit.store.apart(act)
    except MerlinError as error:
        return trouble(event, error)
    return replace(screen, is_new=screen.is_new or event.args[-1:] == (panel.ANEW,))


def may_edit(kit: Kit, event: Event) -> bool:
    """Return whether the person may edit any examples, and here."""
    return event.is_private and panel.standing(kit, event).may(Permission.EDIT_EXAMPLES)


def trouble(event: Event, error: MerlinError, *rows: tuple[Button, ...]) -> Screen:
    """Return what an error says: over the chat for a button, else as a message with `rows`."""
    words = text(event.language, error.key, **error.arguments)
    return alert(words, is_loud=True) if event.verb else said(words, *rows)


def datasets(kit: Kit, event: Event) -> list[DatasetCard]:
    """Return the datasets that the person may edit, by name."""
    mine = panel.standing(kit, event)
    cards = kit.rows.library.datasets()
    return [each for each in cards if mine.may(Permission.EDIT_EXAMPLES, each.name)]


def dataset(kit: Kit, event: Event, place: int = 1) -> str:
    """Return the dataset that a button names. Raises NotFound, also for one out of reach."""
    for each in datasets(kit, event):
        if panel.short(each.name) == word(event, place):
            return each.name
    raise NotFound("no such dataset", "admin-no-dataset")


def checked(kit: Kit, event: Event, name: str) -> str:
    """Return the dataset's name where the person may edit it. Raises NotFound."""
    if not panel.standing(kit, event).may(Permission.EDIT_EXAMPLES, name):
        raise NotFound("not theirs", "admin-no-dataset")
    return name


def permitted(kit: Kit, event: Event, name: str) -> str:
    """Return the dataset's name where the person may edit it, and here. Raises NotFound."""
    if not may_edit(kit, event):
        raise NotFound("not theirs", "bot-button-old")
    return checked(kit, event, name)


def example(kit: Kit, event: Event) -> FileText:
    """Return the example that a button names behind its dataset. Raises NotFound."""
    name, mark = dataset(kit, event), word(event, 2)
    for example_id in kit.rows.library.example_ids(name):
        if panel.short(example_id) == mark:
            return kit.rows.library.one(name, example_id)
    raise NotFound("no such example", "examples-gone")


def word(event: Event, place: int) -> str:
    """Return a button's argument, "" for none."""
    return event.args[place] if place < len(event.args) else ""


def kept(event: Event, name: str) -> Any:
    """Return what the dialog keeps under this name, None for nothing."""
    is_ours = event.dialog is not None and event.dialog.step.startswith(STEP)
    said_: Mapping[str, Any] = event.dialog.said if event.dialog and is_ours else {}
    return said_.get(name)


def draft(kit: Kit, event: Event) -> Draft:
    """Return the draft that the dialog keeps. Raises NotFound for none, or one out of reach."""
    found = draft_of(kept(event, "draft"))
    if found is None:
        raise NotFound("no draft", "examples-no-draft")
    checked(kit, event, found.dataset)
    return found


def wait(kit: Kit, event: Event, step: str, draft_: Draft | None = None, **more: object) -> None:
    """Wait for the next message at this step, and keep the draft."""
    values = {"draft": draft_.kept()} if draft_ is not None else {}
    kit.wait(event, Dialog(step, {**values, **more}))


def leave(kit: Kit, event: Event) -> None:
    """Wait for no message about examples any more."""
    if event.dialog is not None and event.dialog.step.startswith(STEP):
        kit.rows.dialogs.end(event.chat_id, event.user_id)


def at_step(event: Event, *steps: str) -> None:
    """Raise Refused unless the dialog stands at one of these steps."""
    if event.dialog is None or event.dialog.step not in steps:
        raise Refused("another step", "bot-button-old")


def editor(event: Event) -> Editor:
    """Return in whose name the person's commits are made."""
    return editor_of(event.user_id, event.sender_name)


def to(event: Event, key: str, *words: object, style: str = "") -> Button:
    """Return the button with the label `key` that leads to an action with its arguments."""
    return Button(text(event.language, key), data(*words), style=style)


def data(*words: object) -> str:
    """Return a button's data."""
    return ":".join([VERB, *map(str, words)])


def leaving(event: Event, *back: object) -> tuple[Button, ...]:
    """Return the row with Back and Cancel."""
    return (
        to(event, "button-back", *back),
        Button(text(event.language, "button-cancel"), "cancel"),
    )
