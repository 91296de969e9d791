"""/admin and what the admins' screens are made of, and who may see which.

    home -> examples | jobs | models | users | payments | broadcast | health

Everybody sees the doors they may open, a teacher those of the own datasets. Anybody can send a
button's data, so that what is asked for is checked where it is carried out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.datasets import ServingView, names, serving
from merlin.bot import menu
from merlin.bot.context import Act, BotApplication, BotContext, add_handlers
from merlin.bot.menu import View
from merlin.core import i18n
from merlin.core.clock import from_iso
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import Button, button_rows
from merlin.core.i18n import keys
from merlin.core.permissions import Authority, Permission
from merlin.db import audit

# The mark of a button under a message that is to stay: what it shows comes as a new one.
ANEW = "n"
_SHORT = 10
HOME = menu.back("a-home")
# Of a line among others.
_LONGEST = 200
STEP = "admin-"


def require_role(permission: Permission, act: Act) -> Act:
    """Return the act for those who may do this, in the private chat; nobody else finds it there.

    What it raises is said as the reason.
    """

    def checked(context: BotContext) -> View:
        is_allowed = context.is_private and authority(context).may(permission)
        is_waiting = context.dialog is not None and context.dialog.step.startswith(STEP)
        if is_waiting and (context.verb or not is_allowed):
            context.stop_waiting()
        if not is_allowed:
            return admin_refusal(context)
        try:
            screen = context.store.apart(lambda: act(context))
        except MerlinError as error:
            return menu.error_view(context, error)
        return replace(screen, is_new=screen.is_new or context.arguments[-1:] == (ANEW,))

    return checked


def add_admin_handlers(
    application: BotApplication,
    permission: Permission,
    buttons: Mapping[str, Act],
    steps: Mapping[str, Act] | None = None,
) -> None:
    """Add what only those may do who have this permission."""
    add_handlers(
        application,
        buttons={verb: require_role(permission, act) for verb, act in buttons.items()},
        steps={step: require_role(permission, act) for step, act in (steps or {}).items()},
    )


def admin_refusal(context: BotContext) -> View:
    """Return what somebody sees who may not: there is no such thing for them."""
    if context.verb:
        return menu.outdated(context)
    if not context.command:
        return menu.say(context, "admin-not-yours")
    return menu.say(context, "bot-unknown-command", command=f"/{context.command[:32]}")


def authority(context: BotContext) -> Authority:
    """Return what the person may do."""
    return context.roles.authority(context.user_id)


def actor(context: BotContext) -> Actor:
    """Return who performs the acts that an update asks for."""
    return Actor.person(context.user_id, authority(context))


def performer(context: BotContext) -> tuple[Context, Actor]:
    """Return what every act begins with: what it works with, and who performs it."""
    return context.services, actor(context)


def by(context: BotContext) -> str:
    """Return how requests and the audit name the person."""
    return audit.person_reference(context.user_id)


def short(name: str) -> str:
    """Return a name as a button's data carries it; names may be longer than that can be."""
    return hashlib.sha256(name.encode()).hexdigest()[:_SHORT]


def dataset_of(context: BotContext, permission: Permission, place: int = 0) -> str:
    """Return the dataset that a button names. Raises NotFound, also for one out of reach."""
    for name in datasets(context, permission):
        if short(name) == context.argument(place):
            return name
    raise NotFound("no such dataset", "admin-no-dataset")


def datasets(context: BotContext, permission: Permission) -> list[str]:
    """Return the datasets in which the person may do this, by name."""
    return names(context.services, actor(context), permission)


def state_text(context: BotContext, family: str, name: object) -> str:
    """Return the text `<family>-<name>`; a name without one stays as it is."""
    key = f"{family}-{name}"
    return context.translate(key) if key in keys(context.language) else str(name)


def when(context: BotContext, at: datetime | str | None) -> str:
    """Return a time, maybe as it is stored, as the person reads it; "" for none."""
    if not at:
        return ""
    moment = from_iso(at) if isinstance(at, str) else at
    return i18n.format_moment_briefly(moment, context.zone, context.language)


def cut(words: str) -> str:
    """Return words as a line among others."""
    return menu.cut(words, _LONGEST)


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


def admin_home(context: BotContext) -> View:
    """Show where the person may go, and what serves now of what they may watch."""
    mine = authority(context)
    doors = [menu.button(context, key, data) for key, data, wish in _DOORS if mine.may(wish)]
    if not doors or not context.is_private:
        return admin_refusal(context)
    if context.dialog is not None and context.verb:
        context.stop_waiting()
    role = state_text(context, "role", mine.role.value)
    words = context.translate("admin-home", role=role)
    if mine.scopes:
        scopes = ", ".join(sorted(mine.scopes))
        words = context.translate("admin-home-scopes", role=role, scopes=scopes)
    serves = serving(*performer(context))
    found = datasets(context, Permission.WATCH)[:_MOST_TOLD]
    shown = "\n".join(_serving_line(context, name, serves.get(name)) for name in found)
    return menu.card(context.translate("admin-title"), words, shown, rows=button_rows(doors, 2))


def _serving_line(context: BotContext, name: str, serves: ServingView | None) -> str:
    if serves is None:
        return context.translate("admin-serves-none", dataset=name)
    since = when(context, serves.since)
    return context.translate("admin-serves", dataset=name, build=serves.build, since=since)


def to_admin_home(context: BotContext) -> tuple[Button, ...]:
    """Return the row that leads home."""
    return (menu.button(context, *HOME),)


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(application, commands={"admin": admin_home}, buttons={"a-home": admin_home})
