"""Who writes to the bot; found, looked at, blocked, given a role, a plan or questions.

    list | find (a step) -> card -> block (asked twice) | plan | role | gift
    role -> student | editor | admin (asked twice)
         -> teacher: datasets, given and taken one by one (asked twice)
    gift of questions: format -> amount (a button or a step) -> days -> sure -> given
    gift of a plan: plan -> days -> sure -> given

What was given or taken is noted, and told to the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from operator import attrgetter
from typing import TypeVar

from merlin.app import users
from merlin.app.inbox import Dialog
from merlin.app.payments import list_payments
from merlin.app.users import UserView
from merlin.billing.promo_codes import MAX_DAYS
from merlin.billing.purchases import Purchase
from merlin.billing.quota import MOST, Format, Plan, plan_named
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import performer, short_hash
from merlin.bot.handlers.payments import purchase_button
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import ADMIN_STEP, Handlers
from merlin.bot.rendering import audit_text, reference_name
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, button_rows
from merlin.core.permissions import Permission, Role

handlers = Handlers()
E = TypeVar("E", bound=StrEnum)
FINDING = f"{ADMIN_STEP}find"
_ENTRIES = 5
handlers.button("a-find", needs=Permission.USERS)(
    lambda context: menu.form(context, "people-ask-find", "a-users:0", step=FINDING)
)


@handlers.button("a-users", needs=Permission.USERS)
def list_people(context: BotContext) -> View:
    """Show a page of the people, the newest first."""
    page = context.number()
    found = users.list_users(*performer(context), "", page * PAGE_SIZE, PAGE_SIZE)
    if page != menu.page_number(page, found.count):
        page = menu.page_number(page, found.count)
        found = users.list_users(*performer(context), "", page * PAGE_SIZE, PAGE_SIZE)
    turn = menu.page_buttons("a-users", page, found.count)
    text = context.translate("people-count", count=found.count)
    rows: menu.Rows = (
        *_entries(context, found.users),
        *turn,
        ("people-find", "a-find"),
        admin.HOME,
    )
    return menu.card(context, context.translate("admin-users"), text, rows=rows)


def _entries(context: BotContext, people: list[UserView]) -> list[Button]:
    return [Button(called(context, person), f"a-user:{person.id}") for person in people]


def called(context: BotContext, person: UserView) -> str:
    """Return how a person is named in lists."""
    name = person.shown_name or context.translate("people-nameless")
    mark = "🚫 " if person.blocked else ""
    return f"{mark}{name} · {person.id}"


@handlers.step(FINDING, needs=Permission.USERS)
def person_found(context: BotContext) -> View:
    """Show whom the words fit; the next message looks again."""
    words, people, orders = context.text.strip(), list[UserView](), list[Purchase]()
    if words:
        people = users.list_users(*performer(context), words, 0, PAGE_SIZE).users
    if words and not people and admin.actor(context).may(Permission.REFUNDS):
        orders = list_payments(*performer(context), PAGE_SIZE, whose=words)
    message = context.translate("people-found" if people or orders else "people-found-none")
    found = (*_entries(context, people), *(purchase_button(context, order) for order in orders))
    rows: menu.Rows = (*found, menu.back("a-users:0"))
    return menu.card(context, context.translate("admin-users"), message, rows=rows)


def person_of(context: BotContext) -> UserView:
    """Return the person that a button names. Raises NotFound."""
    return users.get(*performer(context), context.number())


def another(context: BotContext) -> UserView:
    """Return the person that a button names. Raises NotFound, Refused for oneself."""
    return users.require_another(*performer(context), context.number())


@handlers.button("a-user", needs=Permission.USERS)
def show_person(context: BotContext, alert: str = "") -> View:
    """Show one person, with what can be done."""
    person = users.details(*performer(context), context.number(), _ENTRIES)
    role = admin.state_text(context, "role", person.role.value)
    notes = (("blocked", person.blocked), ("unreachable", not person.reachable))
    plan = plan_named(context.services.plans, person.current_plan)
    what = context.translate(
        "people-what",
        role=" ".join([role, *person.scopes]),
        plan=plan.titled(context.language) if plan else context.translate("people-no-plans"),
        speaks=person.language,
    )
    limited = (
        context.translate(
            "people-left",
            format=admin.state_text(context, "format", each.kind.value),
            used=each.used,
            limit=each.limit,
            gifts=each.gifts,
        )
        for each in person.left.values()
        if each.limit is not None
    )
    done = (
        context.translate(
            "people-deed",
            at=admin.when(context, entry.at),
            deed=audit_text(entry.action, context.language),
            by=reference_name(context.services, entry.by, context.language),
        )
        for entry in person.entries
    )
    marks = ", ".join(context.translate(f"account-{name}") for name, is_so in notes if is_so)
    number, block = person.id, "unblock" if person.blocked else "block"
    plans = (
        (("people-plan", f"a-plan:{number}"), ("people-gift", f"a-gift:{number}")),
        (("people-term", f"a-term:{number}"), ("people-purchases", f"a-buys:{number}:0")),
    )
    rows: menu.Rows = (
        (("people-role", f"a-role:{number}"), (f"people-{block}", f"a-{block}:{number}")),
        *(plans if context.services.plans else ()),
        menu.back("a-users:0"),
    )
    parts = (admin.join_lines(what, marks), "\n".join(limited), "\n".join(done))
    view = menu.card(context, called(context, person), *parts, rows=rows)
    return replace(view, alert=context.translate(alert)) if alert else view


def _choose(
    context: BotContext,
    person: UserView,
    key: str,
    choices: Iterable[tuple[str, str]],
    back: str,
    columns: int = 1,
) -> View:
    """Return the card of a person with a question and its answers in columns."""
    buttons = [Button(label, data) for label, data in choices]
    rows: menu.Rows = (*button_rows(buttons, columns), menu.back(back))
    return menu.card(context, called(context, person), context.translate(key), rows=rows)


@handlers.button("a-block", needs=Permission.USERS, twice=True)
def block_person(context: BotContext) -> View:
    """Stop answering the person. Raises Refused for oneself and for another admin."""
    person = another(context)
    if not menu.is_sure(context):
        text = context.translate("people-ask-block", who=called(context, person))
        return menu.confirm(context, text, "people-block", f"a-user:{person.id}", person.id)
    users.block(*performer(context), person.id)
    return show_person(context, "people-blocked")


@handlers.button("a-unblock", needs=Permission.USERS)
def unblock_person(context: BotContext) -> View:
    """Answer the person again."""
    users.unblock(*performer(context), context.number())
    return show_person(context, "people-unblocked")


@handlers.button("a-plan", needs=Permission.USERS)
def choose_plan(context: BotContext) -> View:
    """Show the plans."""
    person = person_of(context)
    choices = [
        (
            f"{'▸ ' if plan.name == person.current_plan else ''}{plan.titled(context.language)}",
            f"a-plan-set:{person.id}:{short_hash(plan.name)}",
        )
        for plan in context.services.plans
    ]
    return _choose(context, person, "people-ask-plan", choices, f"a-user:{person.id}")


@handlers.button("a-plan-set", needs=Permission.USERS)
def set_plan(context: BotContext) -> View:
    """Give the person a plan. Raises NotFound for one that the config has no more."""
    mark = context.argument(1)
    name = next((e.name for e in context.services.plans if short_hash(e.name) == mark), mark)
    users.set_plan(*performer(context), context.number(), name)
    return show_person(context, "people-plan-set")


AMOUNT = f"{ADMIN_STEP}gift"
_AMOUNTS = (5, 10, 25, 50, 100, 500)
_QUESTION_DAYS = (7, 30, 90, 365)
_MAX_QUESTION_DAYS = 36_500


@handlers.button("a-gift", needs=Permission.GIFTS)
def choose_format(context: BotContext) -> View:
    """Ask which questions to give."""
    person = person_of(context)
    choices = [
        (admin.state_text(context, "format", kind.value), f"a-gift-n:{person.id}:{kind.value}")
        for kind in Format
    ]
    return _choose(context, person, "people-ask-format", choices, f"a-user:{person.id}", 2)


@handlers.button("a-gift-n", needs=Permission.GIFTS)
def choose_amount(context: BotContext) -> View:
    """Ask how many; a number may be written too."""
    person, kind = person_of(context), _named(context, Format)
    context.wait(Dialog(AMOUNT, {"user": person.id, "format": kind.value}))
    return _asks_amount(context, person, kind, "people-ask-amount")


def _asks_amount(context: BotContext, person: UserView, kind: Format, key: str) -> View:
    place = f"a-gift-d:{person.id}:{kind.value}"
    amounts = [Button(str(amount), f"{place}:{amount}") for amount in _AMOUNTS]
    rows: menu.Rows = (*button_rows(amounts, 3), menu.back_or_cancel(f"a-gift:{person.id}"))
    return menu.card(context, called(context, person), context.translate(key, most=MOST), rows=rows)


def _named(context: BotContext, kind: type[E]) -> E:
    """Return the format or role that a button names. Raises NotFound."""
    try:
        return kind(context.argument(1))
    except ValueError:
        raise NotFound(f"no such {kind.__name__}", "bot-button-old") from None


@handlers.step(AMOUNT, needs=Permission.GIFTS)
def written_amount(context: BotContext) -> View:
    """Take the amount that was written."""
    values, words = context.dialog_values, context.text.strip()
    person, kind = (
        users.get(*performer(context), int(values.get("user", 0))),
        Format(values["format"]),
    )
    is_number = words.isascii() and words.isdecimal() and len(words) < len(str(MOST)) + 1
    if not is_number or not 1 <= int(words) <= MOST:
        return _asks_amount(context, person, kind, "people-amount-wrong")
    context.stop_waiting()
    return _asks_days(context, person, kind, int(words))


def _amount(context: BotContext) -> int:
    """Return the amount that a button names. Raises Refused."""
    amount = context.number(2)
    if not 1 <= amount <= MOST:
        raise Refused(f"a gift of {amount}", "quota-gift-amount", most=MOST)
    return amount


@handlers.button("a-gift-d", needs=Permission.GIFTS)
def choose_question_days(context: BotContext) -> View:
    """Ask for how long the questions are given."""
    return _asks_days(context, person_of(context), _named(context, Format), _amount(context))


def _asks_days(context: BotContext, person: UserView, kind: Format, amount: int) -> View:
    place = f"a-gift-ask:{person.id}:{kind.value}:{amount}"
    days = [*_days(context, place, _QUESTION_DAYS)]
    days.append((context.translate("people-for-ever"), f"{place}:0"))
    back = f"a-gift-n:{person.id}:{kind.value}"
    return _choose(context, person, "people-ask-days", days, back, 2)


def _days(context: BotContext, place: str, counts: Sequence[int]) -> list[tuple[str, str]]:
    return [(context.translate("people-days", days=count), f"{place}:{count}") for count in counts]


@handlers.button("a-gift-ask", needs=Permission.GIFTS, twice=True)
def give_questions(context: BotContext) -> View:
    """Give the questions, and tell the person."""
    person, kind, amount = person_of(context), _named(context, Format), _amount(context)
    days = min(context.number(3), _MAX_QUESTION_DAYS)
    if not menu.is_sure(context):
        text = context.translate(
            "people-ask-gift",
            who=called(context, person),
            format=admin.state_text(context, "format", kind.value),
            amount=amount,
            long=context.translate("people-days" if days else "people-for-ever", days=days),
        )
        # Which question this is stands in the button: pressed twice it gives once.
        data = (person.id, kind.value, amount, days, context.update_id)
        return menu.confirm(context, text, "people-gift", f"a-user:{person.id}", *data)
    once = f"update:{context.number(4) or context.update_id}"
    users.give_questions(*performer(context), person.id, kind, amount, days, once=once)
    return show_person(context, "people-given")


_PLAN_DAYS = (3, 7, 14, 30, 90, 365)


def _gift_plans(context: BotContext) -> list[Plan]:
    """Return the plans that can be given; the first one everybody has."""
    return [plan for plan in context.services.plans[1:] if not plan.is_pack]


@handlers.button("a-term", needs=Permission.GIFTS)
def choose_gift_plan(context: BotContext) -> View:
    """Ask which plan to give."""
    person, plans = person_of(context), _gift_plans(context)
    key = "people-ask-term" if plans else "people-no-terms"
    choices = [
        (plan.titled(context.language), f"a-term-d:{person.id}:{short_hash(plan.name)}")
        for plan in plans
    ]
    return _choose(context, person, key, choices, f"a-user:{person.id}")


def _plan(context: BotContext) -> Plan:
    """Return the plan that a button names. Raises NotFound."""
    return admin.find_by_hash(context, _gift_plans(context), attrgetter("name"), 1)


@handlers.button("a-term-d", needs=Permission.GIFTS)
def choose_plan_days(context: BotContext) -> View:
    """Ask for how long."""
    person, plan = person_of(context), _plan(context)
    days = _days(context, f"a-term-ask:{person.id}:{short_hash(plan.name)}", _PLAN_DAYS)
    return _choose(context, person, "people-ask-days", days, f"a-term:{person.id}", 3)


@handlers.button("a-term-ask", needs=Permission.GIFTS, twice=True)
def give_plan(context: BotContext) -> View:
    """Give the plan, and tell the person. Raises Refused for days that nobody means."""
    person, plan, days = person_of(context), _plan(context), context.number(2)
    if not 1 <= days <= MAX_DAYS:
        raise Refused(f"a plan for {days} days", "bot-button-old")
    if not menu.is_sure(context):
        title = plan.titled(context.language)
        who = called(context, person)
        text = context.translate("people-ask-term-gift", who=who, title=title, days=days)
        # Which question this is stands in the button: pressed twice it gives once.
        data = (person.id, short_hash(plan.name), days, context.update_id)
        return menu.confirm(context, text, "people-term", f"a-user:{person.id}", *data)
    once = f"update:{context.number(3) or context.update_id}"
    users.give_plan(*performer(context), person.id, plan.name, days, once)
    return show_person(context, "people-term-given")


@handlers.button("a-role", needs=Permission.USERS)
def choose_role(context: BotContext) -> View:
    """Show the roles that can be given."""
    person, choices = another(context), []
    for role in Role:
        mark = "▸ " if role is person.role else ""
        label = f"{mark}{admin.state_text(context, 'role', role.value)}"
        is_scoped = role is Role.TEACHER
        data = f"a-scopes:{person.id}:0" if is_scoped else f"a-role-ask:{person.id}:{role.value}"
        choices.append((label, data))
    return _choose(context, person, "people-ask-role", choices, f"a-user:{person.id}")


@handlers.button("a-scopes", needs=Permission.USERS)
def scopes(context: BotContext) -> View:
    """Show the datasets that a teacher may have or has."""
    person = another(context)
    has = person.scopes

    def entry(name: str) -> Button:
        verb, mark = ("a-scope-off", "✅ ") if name in has else ("a-role-ask", "")
        role = "" if name in has else f":{Role.TEACHER.value}"
        return Button(f"{mark}{name}", f"{verb}:{person.id}{role}:{short_hash(name)}")

    names = sorted({*users.grantable_scopes(*performer(context)), *has})
    keys, back = ("people-ask-scope", "admin-no-datasets"), menu.back(f"a-role:{person.id}")
    data, title = f"a-scopes:{person.id}", called(context, person)
    return menu.list_card(context, title, keys, names, entry, data, back, place=1)


def _scope(context: BotContext, place: int, known: Sequence[str] = ()) -> str:
    """Return the dataset that a button names. Raises NotFound."""
    found = {*users.grantable_scopes(*performer(context)), *known}
    return admin.find_by_hash(context, found, index=place, key="admin-no-dataset")


@handlers.button("a-role-ask", needs=Permission.USERS, twice=True)
def grant(context: BotContext) -> View:
    """Give the role."""
    person, role = another(context), _named(context, Role)
    scope = _scope(context, 2) if role is Role.TEACHER else None
    if not menu.is_sure(context):
        role_label = admin.state_text(context, "role", role.value) + (
            f" ({scope})" if scope else ""
        )
        text = context.translate("people-ask-grant", who=called(context, person), role=role_label)
        data = (person.id, role.value, *((short_hash(scope),) if scope else ()))
        return menu.confirm(context, text, "people-grant", f"a-role:{person.id}", *data)
    users.grant_role(*performer(context), person.id, role, scope)
    return show_person(context, "people-granted")


@handlers.button("a-scope-off", needs=Permission.USERS, twice=True)
def take_scope(context: BotContext) -> View:
    """Take a dataset from a teacher."""
    person = another(context)
    scope = _scope(context, 1, person.scopes)
    if not menu.is_sure(context):
        text = context.translate("people-ask-scope-off", who=called(context, person), scope=scope)
        data = (person.id, short_hash(scope))
        return menu.confirm(context, text, "people-revoke", f"a-scopes:{person.id}", *data)
    users.revoke_role(*performer(context), person.id, scope)
    return show_person(context, "people-granted")
