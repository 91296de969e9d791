"""/admin and what the admins' screens are made of, and who may see which.

    home -> examples | jobs | models | users | payments | broadcast | health

Everybody sees the doors they may open, a teacher those of the own datasets. Anybody can send a
button's data, so that what is asked for is judged where it is carried out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from merlin.app.actor import Actor
from merlin.app.datasets import ServingView, names, serving
from merlin.bot.context import Act, BotApplication, Event, Handler, Kit, add_handlers, told
from merlin.bot.handlers.quota import zone_for
from merlin.bot.menu import Screen, alert, said
from merlin.core import i18n
from merlin.core.clock import from_iso
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import Button, Entity, FormattedMessage, button_rows, utf16_length
from merlin.core.i18n import keys, text
from merlin.core.permissions import Authority, Permission
from merlin.db import audit

T = TypeVar("T")

AT_ONCE = 8
# The mark of a button under a message that is to stay: what it shows comes as a new one.
ANEW = "n"
_SHORT = 10
# Of a line among others.
LONGEST = 200
STEP = "admin-"


def guarded(permission: Permission, act: Act) -> Handler:
    """Return the handler that shows what `act` says to those who may, and to nobody else."""
    return told(lambda kit, event: admin_judged(kit, event, permission, act))


def admin_judged(kit: Kit, event: Event, permission: Permission, act: Act) -> Screen:
    """Return what `act` says; a refusal to who may not, and the reason of what it raises."""
    if not event.is_private or not standing(kit, event).may(permission):
        if event.dialog is not None and event.dialog.step.startswith(STEP):
            kit.rows.dialogs.end(event.chat_id, event.user_id)
        return admin_refusal(event)
    if event.verb and event.dialog is not None and event.dialog.step.startswith(STEP):
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    try:
        screen = kit.store.apart(lambda: act(kit, event))
    except MerlinError as error:
        words = text(event.language, error.key, **error.arguments)
        return alert(words, is_loud=True) if event.verb else said(words)
    return replace(screen, is_new=screen.is_new or event.args[-1:] == (ANEW,))


def admin_refusal(event: Event) -> Screen:
    """Return what somebody sees who may not: there is no such thing for them."""
    if event.verb:
        return alert(text(event.language, "bot-button-old"))
    if not event.command:
        return said(text(event.language, "admin-not-yours"))
    command = f"/{event.command[:32]}"
    return said(text(event.language, "bot-unknown-command", command=command))


def standing(kit: Kit, event: Event) -> Authority:
    """Return what the person may do."""
    return kit.rows.roles.standing(event.user_id)


def actor(kit: Kit, event: Event) -> Actor:
    """Return who performs the acts that an update asks for."""
    return Actor.person(event.user_id, standing(kit, event))


def by(event: Event) -> str:
    """Return how requests and the audit name the person."""
    return audit.person_reference(event.user_id)


def short(name: str) -> str:
    """Return a name as a button's data carries it; names may be longer than that can be."""
    return hashlib.sha256(name.encode()).hexdigest()[:_SHORT]


def dataset_of(kit: Kit, event: Event, permission: Permission, place: int = 0) -> str:
    """Return the dataset that a button names. Raises NotFound, also for one out of reach."""
    word = event.args[place] if place < len(event.args) else ""
    for name in datasets(kit, event, permission):
        if short(name) == word:
            return name
    raise NotFound("no such dataset", "admin-no-dataset")


def datasets(kit: Kit, event: Event, permission: Permission) -> list[str]:
    """Return the datasets in which the person may do this, by name."""
    return names(kit.services.context, actor(kit, event), permission)


def panel_screen(title: str, *parts: str, rows: Iterable[Sequence[Button]] = ()) -> Screen:
    """Return a screen: its title in bold, then the parts that say something."""
    words = "\n\n".join([title, *filter(None, parts)])
    buttons = tuple(tuple(row) for row in rows if row)
    return Screen(FormattedMessage(words, (Entity("bold", 0, utf16_length(title)),), buttons))


def block(screen: Screen, words: str) -> Screen:
    """Return the screen with words of even width below."""
    if screen.page is None or not words:
        return screen
    page = screen.page
    start = utf16_length(page.text) + 2
    mark = Entity("pre", start, utf16_length(words))
    shown = replace(page, text=f"{page.text}\n\n{words}", marks=(*page.marks, mark))
    return replace(screen, page=shown)


def button(event: Event, key: str, data: str, style: str = "") -> Button:
    """Return a button with the label `key`."""
    return Button(text(event.language, key), data, style=style)


def back(event: Event, data: str) -> tuple[Button, ...]:
    """Return the row that leads back."""
    return (button(event, "button-back", data),)


def asks(event: Event, words: str, yes: Button, way_back: str) -> Screen:
    """Return the second question before something dangerous."""
    title = text(event.language, "admin-sure")
    no = button(event, "button-cancel", way_back)
    return panel_screen(title, words, rows=[(replace(yes, style="danger"), no)])


def waits_for(event: Event, words: str, way_back: str) -> Screen:
    """Return what asks for a message."""
    cancel = button(event, "button-cancel", "cancel")
    return said(words, (button(event, "button-back", way_back), cancel))


def turning(data: str, page: int, *, has_more: bool) -> tuple[Button, ...]:
    """Return the buttons to the pages before and behind."""
    ways = [("‹", page - 1, page > 0), ("›", page + 1, has_more)]
    return tuple(Button(sign, f"{data}:{to}") for sign, to, is_there in ways if is_there)


def page_of(items: Sequence[T], wanted: int) -> tuple[Sequence[T], int, bool]:
    """Return the items of a page, which one it is, and whether more follow."""
    page = min(wanted, max(len(items) - 1, 0) // AT_ONCE)
    here = items[page * AT_ONCE : (page + 1) * AT_ONCE]
    return here, page, len(items) > (page + 1) * AT_ONCE


def word(event: Event, family: str, name: object) -> str:
    """Return the text `<family>-<name>`; a name without one stays as it is."""
    key = f"{family}-{name}"
    return text(event.language, key) if key in keys(event.language) else str(name)


def when(kit: Kit, event: Event, at: datetime | str | None) -> str:
    """Return a time, maybe as it is stored, as the person reads it; "" for none."""
    if not at:
        return ""
    moment = from_iso(at) if isinstance(at, str) else at
    return i18n.format_moment_briefly(moment, zone_for(kit, event), event.language)


def lines(*found: str) -> str:
    """Return lines that say something, one below the other."""
    return "\n".join(filter(None, found))


# What leads where, for whom.
_DOORS = (
    ("admin-examples", "ex", Permission.EDIT_EXAMPLES),
    ("admin-jobs", "a-jobs:0", Permission.WATCH),
    ("admin-models", "a-models", Permission.WATCH),
    ("admin-users", "a-users:0", Permission.USERS),
    ("admin-payments", "a-pay", Permission.REFUNDS),
    ("admin-broadcast", "a-casts", Permission.BROADCAST),
    ("admin-health", "a-health", Permission.USERS),
)

_MOST_TOLD = 10


def admin_home(kit: Kit, event: Event) -> Screen:
    """Show where the person may go."""
    mine = standing(kit, event)
    doors = [button(event, key, data) for key, data, wish in _DOORS if mine.may(wish)]
    if not doors or not event.is_private:
        return admin_refusal(event)
    if event.dialog is not None and event.verb:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    role = word(event, "role", mine.role.value)
    title = text(event.language, "admin-title")
    words = text(event.language, "admin-home", role=role)
    if mine.scopes:
        scopes = ", ".join(sorted(mine.scopes))
        words = text(event.language, "admin-home-scopes", role=role, scopes=scopes)
    return panel_screen(title, words, _serving(kit, event), rows=button_rows(doors, 2))


def _serving(kit: Kit, event: Event) -> str:
    """Return what serves now, of the datasets that the person may watch."""
    serves = serving(kit.services.context, actor(kit, event))
    found = datasets(kit, event, Permission.WATCH)[:_MOST_TOLD]
    return "\n".join(_line(kit, event, name, serves.get(name)) for name in found)


def _line(kit: Kit, event: Event, name: str, serves: ServingView | None) -> str:
    if serves is None:
        return text(event.language, "admin-serves-none", dataset=name)
    told_ = {"build": serves.build, "since": when(kit, event, serves.since)}
    return text(event.language, "admin-serves", dataset=name, **told_)


def to_admin_home(event: Event) -> tuple[Button, ...]:
    """Return the row that leads home."""
    return back(event, "a-home")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application, commands={"admin": told(admin_home)}, buttons={"a-home": told(admin_home)}
    )
