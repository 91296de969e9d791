"""Roles: what a person may do, given and taken; each asked twice, noted, and told to the person.

role -> student | editor | admin (asked twice)
     -> teacher: datasets, given and taken one by one (asked twice)
"""

from __future__ import annotations

from dataclasses import replace

from merlin.account.role import Permission, Role
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.office.people import another, called, shown
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import NotFound
from merlin.core.page import Button
from merlin.core.text import text


def choose(kit: Kit, event: Event) -> Screen:
    """Show the roles that can be given."""
    person = another(kit, event)
    now = kit.rows.roles.role_of(person.user_id)
    rows = []
    for role in Role:
        mark = "▸ " if role is now else ""
        data = f"a-role-ask:{person.user_id}:{role.value}"
        if role is Role.TEACHER:
            data = f"a-scopes:{person.user_id}:0"
        rows.append((Button(f"{mark}{panel.word(event, 'role', role.value)}", data),))
    words = text(event.language, "people-ask-role")
    back = panel.back(event, f"a-user:{person.user_id}")
    return panel.panel(called(event, person), words, rows=[*rows, back])


def scopes(kit: Kit, event: Event) -> Screen:
    """Show the datasets that a teacher may have or has."""
    person = another(kit, event)
    has = kit.rows.roles.standing(person.user_id).scopes
    rows: list[tuple[Button, ...]] = []
    here, page, has_more = panel.page_of(sorted({*_datasets(kit), *has}), number(event, 1))
    for name in here:
        verb, mark = ("a-scope-off", "✅ ") if name in has else ("a-role-ask", "")
        role = "" if name in has else f":{Role.TEACHER.value}"
        data = f"{verb}:{person.user_id}{role}:{panel.short(name)}"
        rows.append((Button(f"{mark}{name}", data),))
    words = text(event.language, "people-ask-scope" if rows else "admin-no-datasets")
    back = panel.back(event, f"a-role:{person.user_id}")
    more = panel.turning(f"a-scopes:{person.user_id}", page, has_more=has_more)
    return panel.panel(called(event, person), words, rows=[*rows, more, back])


def _datasets(kit: Kit) -> list[str]:
    return list(kit.services.office.reports.status()["datasets"])


def _scope(kit: Kit, event: Event, place: int, known: frozenset[str] = frozenset()) -> str:
    """Return the dataset that a button names. Raises NotFound."""
    mark = "".join(event.args[place : place + 1])
    for name in {*_datasets(kit), *known}:
        if panel.short(name) == mark:
            return name
    raise NotFound("no such dataset", "admin-no-dataset")


def _role(event: Event) -> Role:
    """Return the role that a button names. Raises NotFound."""
    try:
        return Role("".join(event.args[1:2]))
    except ValueError:
        raise NotFound("no such role", "bot-button-old") from None


def ask_role(kit: Kit, event: Event) -> Screen:
    """Ask whether the role is meant."""
    person, role = another(kit, event), _role(event)
    scope = _scope(kit, event, 2) if role is Role.TEACHER else None
    told = panel.word(event, "role", role.value) + (f" ({scope})" if scope else "")
    words = text(event.language, "people-ask-grant", who=called(event, person), role=told)
    data = f"a-role-yes:{person.user_id}:{role.value}"
    data += f":{panel.short(scope)}" if scope else ""
    yes = panel.button(event, "people-grant", data)
    return panel.asks(event, words, yes, f"a-role:{person.user_id}")


def grant(kit: Kit, event: Event) -> Screen:
    """Give the role."""
    person, role = another(kit, event), _role(event)
    scope = _scope(kit, event, 2) if role is Role.TEACHER else None
    if kit.rows.roles.grant(person.user_id, role, panel.by(event), scope):
        _tell(kit, person.user_id)
    return replace(shown(kit, event), alert=text(event.language, "people-granted"))


def ask_off(kit: Kit, event: Event) -> Screen:
    """Ask whether a teacher is to lose a dataset."""
    person = another(kit, event)
    scope = _scope(kit, event, 1, kit.rows.roles.standing(person.user_id).scopes)
    words = text(event.language, "people-ask-scope-off", who=called(event, person), scope=scope)
    data = f"a-scope-off-yes:{person.user_id}:{panel.short(scope)}"
    yes = panel.button(event, "people-revoke", data)
    return panel.asks(event, words, yes, f"a-scopes:{person.user_id}")


def take_off(kit: Kit, event: Event) -> Screen:
    """Take a dataset from a teacher."""
    person = another(kit, event)
    scope = _scope(kit, event, 1, kit.rows.roles.standing(person.user_id).scopes)
    if kit.rows.roles.revoke(person.user_id, panel.by(event), scope):
        _tell(kit, person.user_id)
    return replace(shown(kit, event), alert=text(event.language, "people-granted"))


def _tell(kit: Kit, user_id: int) -> None:
    """Tell the person what they are now."""
    standing = kit.rows.roles.standing(user_id)
    role = {"key": f"role-{standing.role.value}", "arguments": {}}
    scopes_ = ", ".join(sorted(standing.scopes)) or "–"
    key = "notice-role-scopes" if standing.scopes else "notice-role"
    kit.rows.notices.tell(str(user_id), key, {"role": role, "scopes": scopes_})


TOPIC = Topic(
    buttons={
        "a-role": guarded(Permission.USERS, choose),
        "a-scopes": guarded(Permission.USERS, scopes),
        "a-role-ask": guarded(Permission.USERS, ask_role),
        "a-role-yes": guarded(Permission.USERS, grant),
        "a-scope-off": guarded(Permission.USERS, ask_off),
        "a-scope-off-yes": guarded(Permission.USERS, take_off),
    },
)
