"""Admin: /admin, the home of those who keep Merlin.

    home -> examples | jobs | models | users | payments | broadcast | health

Everybody sees the doors they may open, a teacher those of the own datasets.
"""

from __future__ import annotations

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.page import Button, rows
from merlin.core.text import text

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


def home(kit: Kit, event: Event) -> Screen:
    """Show where the person may go."""
    mine = panel.standing(kit, event)
    doors = [panel.button(event, key, data) for key, data, wish in _DOORS if mine.may(wish)]
    if not doors or not event.is_private:
        return panel.refusal(event)
    if event.dialog is not None and event.verb:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    role = panel.word(event, "role", mine.role.value)
    title = text(event.language, "admin-title")
    words = text(event.language, "admin-home", role=role)
    if mine.scopes:
        scopes = ", ".join(sorted(mine.scopes))
        words = text(event.language, "admin-home-scopes", role=role, scopes=scopes)
    return panel.panel(title, words, _serving(kit, event), rows=rows(doors, 2))


def _serving(kit: Kit, event: Event) -> str:
    """Return what serves now, of the datasets that the person may watch."""
    status = kit.services.office.reports.status()["datasets"]
    names = panel.datasets(kit, event, Permission.WATCH)[:_MOST_TOLD]
    return "\n".join(_line(kit, event, name, status[name]["serving"]) for name in names)


def _line(kit: Kit, event: Event, name: str, serving: dict[str, str] | None) -> str:
    if serving is None:
        return text(event.language, "admin-serves-none", dataset=name)
    since = panel.when(kit, event, serving["since"])
    told_ = {"build": serving["build"], "since": since}
    return text(event.language, "admin-serves", dataset=name, **told_)


def to_home(event: Event) -> tuple[Button, ...]:
    """Return the row that leads home."""
    return panel.back(event, "a-home")


TOPIC = Topic(
    commands={"admin": told(home)},
    buttons={"a-home": told(home)},
    staff={"admin": Permission.EDIT_EXAMPLES},
)
