"""People: who writes to the bot; found, looked at, blocked, given another plan.

    list | find (a step) -> card -> block (asked twice) | plan | role | gift

Roles are in `roles`, gifts in `gifting`.
"""

from __future__ import annotations

from dataclasses import replace

from merlin.account import audit
from merlin.account.role import Permission
from merlin.account.user import User
from merlin.account.zone import zone_of
from merlin.billing.plan import UNLIMITED, plan_of
from merlin.billing.quota import Left
from merlin.bot.deeds import deed, named
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.admin import to_home
from merlin.bot.handlers.office.panel import AT_ONCE, guarded
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.chat.dialog import Dialog
from merlin.core import moment
from merlin.core.errors import NotFound, Refused
from merlin.core.page import Button
from merlin.core.text import text

FINDING = f"{panel.STEP}find"
_DEEDS = 5


def listed(kit: Kit, event: Event) -> Screen:
    """Show a page of the people, the newest first."""
    register = kit.rows.register
    count = register.count()
    page = min(number(event), max(count - 1, 0) // AT_ONCE)
    people = register.listed(page * AT_ONCE, AT_ONCE)
    more = panel.turning("a-users", page, has_more=count > (page + 1) * AT_ONCE)
    find = panel.button(event, "people-find", "a-find")
    words = text(event.language, "people-count", count=count)
    rows = [*_entries(event, people), more, (find,), to_home(event)]
    return panel.panel(text(event.language, "admin-users"), words, rows=rows)


def _entries(event: Event, people: list[User]) -> list[tuple[Button, ...]]:
    return [(Button(called(event, each), f"a-user:{each.user_id}"),) for each in people]


def called(event: Event, person: User) -> str:
    """Return how a person is named in lists."""
    name = person.shown_name or text(event.language, "people-nameless")
    mark = "🚫 " if person.is_blocked else ""
    return f"{mark}{name} · {person.user_id}"


def find(kit: Kit, event: Event) -> Screen:
    """Ask whom to look for."""
    kit.wait(event, Dialog(FINDING))
    return panel.waits_for(event, text(event.language, "people-ask-find"), "a-users:0")


def found(kit: Kit, event: Event) -> Screen:
    """Show whom the words fit; the next message looks again."""
    people = kit.rows.register.find(event.text, AT_ONCE)
    words = text(event.language, "people-found" if people else "people-found-none")
    title = text(event.language, "admin-users")
    back = panel.back(event, "a-users:0")
    return panel.panel(title, words, rows=[*_entries(event, people), back])


def person_of(kit: Kit, event: Event) -> User:
    """Return the person that a button names. Raises NotFound."""
    person = kit.rows.users.get(number(event))
    if person is None:
        raise NotFound("nobody", "account-no-user", user=str(number(event)))
    return person


def another(kit: Kit, event: Event) -> User:
    """Return the person that a button names. Raises NotFound, Refused for oneself."""
    person = person_of(kit, event)
    if person.user_id == event.user_id:
        raise Refused("themselves", "people-not-self")
    return person


def shown(kit: Kit, event: Event) -> Screen:
    """Show one person."""
    return card(kit, event, person_of(kit, event))


def card(kit: Kit, event: Event, person: User) -> Screen:
    """Return the screen of one person, with what can be done."""
    user_id = person.user_id
    block = ("people-unblock", "a-unblock") if person.is_blocked else ("people-block", "a-block")
    has_plans = bool(kit.services.plans)
    return panel.panel(
        called(event, person),
        _words(kit, event, person),
        "\n".join(_left(kit, event, person)),
        "\n".join(_deeds(kit, event, person)),
        rows=[
            (
                panel.button(event, "people-role", f"a-role:{user_id}"),
                panel.button(event, block[0], f"{block[1]}:{user_id}"),
            ),
            (
                panel.button(event, "people-plan", f"a-plan:{user_id}"),
                panel.button(event, "people-gift", f"a-gift:{user_id}"),
            )
            if has_plans
            else (),
            (
                panel.button(event, "people-term", f"a-term:{user_id}"),
                panel.button(event, "people-purchases", f"a-buys:{user_id}:0"),
            )
            if has_plans
            else (),
            panel.back(event, "a-users:0"),
        ],
    )


def _words(kit: Kit, event: Event, person: User) -> str:
    standing = kit.rows.roles.standing(person.user_id)
    plan = plan_of(kit.services.plans, person.plans)
    role = panel.word(event, "role", standing.role.value)
    marks = [
        text(event.language, f"account-{name}")
        for name, is_so in (
            ("blocked", person.is_blocked),
            ("unreachable", not person.is_reachable),
        )
        if is_so
    ]
    return panel.lines(
        text(
            event.language,
            "people-what",
            role=" ".join([role, *sorted(standing.scopes)]),
            plan=plan.titled(event.language) or text(event.language, "people-no-plans"),
            speaks=person.speaks(kit.services.language),
        ),
        ", ".join(marks),
    )


def _left(kit: Kit, event: Event, person: User) -> list[str]:
    """Return what the person has used of the plan, a line a format."""
    plan = plan_of(kit.services.plans, person.plans)
    if plan is UNLIMITED:
        return []
    zone = zone_of(person.zone or kit.services.timezone)
    left = kit.rows.quotas.left(person.user_id, plan, zone)
    return [_left_line(event, each) for each in left.values() if each.limit is not None]


def _left_line(event: Event, left: Left) -> str:
    return text(
        event.language,
        "people-left",
        format=panel.word(event, "format", left.kind.value),
        used=left.used,
        limit=left.limit or 0,
        gifts=left.gifts,
    )


def _deeds(kit: Kit, event: Event, person: User) -> list[str]:
    """Return what was lately done to the person, and by whom."""
    entries = kit.rows.audit.newest(_DEEDS, audit.user(person.user_id))
    zone = zone_for(kit, event)
    return [
        text(
            event.language,
            "people-deed",
            at=moment.brief(each.at, zone, event.language),
            deed=deed(each.action, event.language),
            by=named(kit.services, each.by, event.language),
        )
        for each in entries
    ]


def ask_block(kit: Kit, event: Event) -> Screen:
    """Ask whether the person is to be shut out."""
    person = another(kit, event)
    words = text(event.language, "people-ask-block", who=called(event, person))
    yes = panel.button(event, "people-block", f"a-block-yes:{person.user_id}")
    return panel.asks(event, words, yes, f"a-user:{person.user_id}")


def block(kit: Kit, event: Event) -> Screen:
    """Stop answering the person. Raises Refused for another admin."""
    person = another(kit, event)
    if kit.rows.roles.standing(person.user_id).may(Permission.USERS):
        raise Refused("an admin", "people-not-admin")
    kit.rows.register.block(person.user_id, panel.by(event))
    return replace(shown(kit, event), alert=text(event.language, "people-blocked"))


def unblock(kit: Kit, event: Event) -> Screen:
    """Answer the person again."""
    kit.rows.register.block(person_of(kit, event).user_id, panel.by(event), is_blocked=False)
    return replace(shown(kit, event), alert=text(event.language, "people-unblocked"))


def choose_plan(kit: Kit, event: Event) -> Screen:
    """Show the plans."""
    person = person_of(kit, event)
    now = plan_of(kit.services.plans, person.plans)
    rows = [
        (
            Button(
                f"{'▸ ' if plan is now else ''}{plan.titled(event.language)}",
                f"a-plan-set:{person.user_id}:{panel.short(plan.name)}",
            ),
        )
        for plan in kit.services.plans
    ]
    words = text(event.language, "people-ask-plan")
    title = called(event, person)
    return panel.panel(title, words, rows=[*rows, panel.back(event, f"a-user:{person.user_id}")])


def set_plan(kit: Kit, event: Event) -> Screen:
    """Give the person a plan. Raises NotFound for one that the config has no more."""
    person, mark = person_of(kit, event), "".join(event.args[1:2])
    for place, plan in enumerate(kit.services.plans):
        if panel.short(plan.name) == mark:
            # The first plan is everybody's: who has it follows the config.
            name = plan.name if place else None
            kit.rows.register.set_plan(person.user_id, name, panel.by(event))
            return replace(shown(kit, event), alert=text(event.language, "people-plan-set"))
    raise NotFound("no such plan", "quota-no-plan", plan=mark)


TOPIC = Topic(
    buttons={
        "a-users": guarded(Permission.USERS, listed),
        "a-find": guarded(Permission.USERS, find),
        "a-user": guarded(Permission.USERS, shown),
        "a-block": guarded(Permission.USERS, ask_block),
        "a-block-yes": guarded(Permission.USERS, block),
        "a-unblock": guarded(Permission.USERS, unblock),
        "a-plan": guarded(Permission.USERS, choose_plan),
        "a-plan-set": guarded(Permission.USERS, set_plan),
    },
    steps={FINDING: guarded(Permission.USERS, found)},
)
