"""/admin: users; search, block, roles, plans and gifts.

    list | find (a step) -> card -> block (with a confirmation) | plan | role | gift
    role -> student | editor | admin (with a confirmation)
         -> teacher: datasets, granted and revoked one by one (with a confirmation)
    gift of questions: format -> amount (a button or a step) -> days -> sure -> given
    gift of a plan: plan -> days -> sure -> given

Grants and revocations are recorded in the audit log, and the user is notified.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from operator import attrgetter
from typing import TypeVar

from merlin.app import users
from merlin.app.inbox import Dialog
from merlin.app.payments import list_payments
from merlin.app.users import UserView
from merlin.billing.purchases import Purchase
from merlin.billing.quota import MAX_GIFT, Format, Plan, plan_named, questions_text
from merlin.bot import menu
from merlin.bot.context import BotContext, read_number
from merlin.bot.handlers import admin
from merlin.bot.handlers.payments import purchase_button
from merlin.bot.menu import PAGE_SIZE, View, short_hash
from merlin.bot.registry import Handlers
from merlin.bot.rendering import format_time, join_lines, reference_name, state_text
from merlin.core import i18n
from merlin.core.errors import NotFound
from merlin.core.formatted_text import Button, button_rows
from merlin.core.permissions import Permission, Role

handlers = Handlers(Permission.USERS)
E = TypeVar("E", bound=StrEnum)
SEARCH_STEP = "admin-find"
_MAX_ENTRIES = 5
handlers.button("a-find")(
    lambda context: menu.form(context, "people-ask-find", "a-users:0", step=SEARCH_STEP)
)


@handlers.button("a-users")
def list_people(context: BotContext) -> View:
    """Show a page of the users, newest first."""
    count = users.list_users(*context.caller, limit=0).count
    page = menu.page_number(context.number(), count)
    found = users.list_users(*context.caller, offset=page * PAGE_SIZE, limit=PAGE_SIZE)
    page_row = menu.page_buttons("a-users", page, count)
    text = context.translate("page-people-count", count=count)
    rows: menu.Rows = (
        *_person_buttons(context, found.users),
        *page_row,
        ("people-find", "a-find"),
        admin.HOME,
    )
    return menu.card(context, context.translate("admin-users"), text, rows=rows)


def _person_buttons(context: BotContext, people: list[UserView]) -> list[Button]:
    return [Button(user_title(context, person), f"a-user:{person.id}") for person in people]


def user_title(context: BotContext, person: UserView) -> str:
    """Return the name of a user in lists."""
    name = person.display_name or context.translate("page-nameless")
    sign = "🚫 " if person.blocked else ""
    return f"{sign}{name} · {person.id}"


@handlers.step(SEARCH_STEP)
def search_people(context: BotContext) -> View:
    """Show the users or orders that match the text; the next message searches again."""
    query, people, orders = context.text.strip(), list[UserView](), list[Purchase]()
    if query:
        people = users.list_users(*context.caller, query, 0, PAGE_SIZE).users
    if query and not people and context.actor.may(Permission.REFUNDS):
        orders = list_payments(*context.caller, PAGE_SIZE, whose=query)
    message = context.translate("people-found" if people or orders else "people-found-none")
    buttons = (
        *_person_buttons(context, people),
        *(purchase_button(context, order) for order in orders),
    )
    rows: menu.Rows = (*buttons, menu.back("a-users:0"))
    return menu.card(context, context.translate("admin-users"), message, rows=rows)


def person_of(context: BotContext) -> UserView:
    """Return the user named by the callback data. Raises NotFound."""
    return users.get(*context.caller, context.number())


def require_other_person(context: BotContext) -> UserView:
    """Return the user named by the callback data. Raises NotFound, Refused for oneself."""
    return users.require_another(*context.caller, context.number())


@handlers.button("a-user")
def show_person(context: BotContext, alert: str = "") -> View:
    """Show a user with the possible actions."""
    person = users.read_details(*context.caller, context.number(), _MAX_ENTRIES)
    role = state_text(context, "role", person.role.value)
    notes = (("blocked", person.blocked), ("unreachable", not person.reachable))
    plan = plan_named(context.services.plans, person.current_plan)
    summary = context.translate(
        "people-summary",
        role=" ".join([role, *person.scopes]),
        plan=plan.title_in(context.language) if plan else context.translate("people-no-plans"),
        speaks=i18n.text(person.language, "lang-name"),
    )
    quota_lines = (
        context.translate(
            "people-left",
            format=state_text(context, "format", quota.kind.value),
            used=quota.used,
            limit=quota.limit,
            gifts=quota.gifts,
        )
        for quota in person.left.values()
        if quota.limit is not None
    )
    audit_lines = (
        context.translate(
            "people-audit-line",
            at=format_time(context, entry.at),
            deed=state_text(context, "audit", entry.action),
            by=reference_name(context.services, entry.by, context.language),
        )
        for entry in person.entries
    )
    flags = ", ".join(context.translate(f"page-{name}") for name, is_set in notes if is_set)
    user_id, block = person.id, "unblock" if person.blocked else "block"
    plans = (
        (("people-plan", f"a-plan:{user_id}"), ("people-gift", f"a-gift:{user_id}")),
        (("people-term", f"a-term:{user_id}"), ("people-purchases", f"a-buys:{user_id}:0")),
    )
    rows: menu.Rows = (
        (("people-role", f"a-role:{user_id}"), (f"people-{block}", f"a-{block}:{user_id}")),
        *(plans if context.services.plans else ()),
        menu.back("a-users:0"),
    )
    parts = (join_lines(summary, flags), "\n".join(quota_lines), "\n".join(audit_lines))
    view = menu.card(context, user_title(context, person), *parts, rows=rows)
    return replace(view, alert=context.translate(alert)) if alert else view


def _choose(
    context: BotContext,
    person: UserView,
    key: str,
    choices: Iterable[tuple[str, str]],
    back: str,
    columns: int = 1,
) -> View:
    """Return the card of a user with a question and its options in columns."""
    buttons = [Button(label, data) for label, data in choices]
    rows: menu.Rows = (*button_rows(buttons, columns), menu.back(back))
    return menu.card(context, user_title(context, person), context.translate(key), rows=rows)


@handlers.button("a-block", twice=True)
def block_person(context: BotContext) -> View:
    """Block the user. Raises Refused for oneself and for another admin."""
    person = require_other_person(context)
    if not menu.is_confirmed(context):
        text = context.translate("people-ask-block", who=user_title(context, person))
        return menu.confirm(context, text, "people-block", f"a-user:{person.id}", person.id)
    users.block(*context.caller, person.id)
    return show_person(context, "people-blocked")


@handlers.button("a-unblock")
def unblock_person(context: BotContext) -> View:
    """Unblock the user."""
    users.unblock(*context.caller, context.number())
    return show_person(context, "people-unblocked")


@handlers.button("a-plan")
def choose_plan(context: BotContext) -> View:
    """List the plans."""
    person = person_of(context)
    choices = [
        (
            f"{'▸ ' if plan.name == person.current_plan else ''}{plan.title_in(context.language)}",
            f"a-plan-set:{person.id}:{short_hash(plan.name)}",
        )
        for plan in context.services.plans
        if not plan.is_pack
    ]
    return _choose(context, person, "people-ask-plan", choices, f"a-user:{person.id}")


@handlers.button("a-plan-set")
def set_plan(context: BotContext) -> View:
    """Set the user's plan. Raises NotFound for a plan that is not configured any more."""
    plan = menu.find_by_hash(context, context.services.plans, attrgetter("name"), 1)
    users.set_plan(*context.caller, context.number(), plan.name)
    return show_person(context, "people-plan-set")


AMOUNT_STEP = "admin-gift"
_AMOUNTS = (5, 10, 25, 50, 100, 500)
_QUESTION_DAYS = (7, 30, 90, 365)
_MAX_QUESTION_DAYS = 36_500


@handlers.button("a-gift", needs=Permission.GIFTS)
def choose_format(context: BotContext) -> View:
    """Ask for the format of the questions to give."""
    person = person_of(context)
    choices = [
        (state_text(context, "format", kind.value), f"a-gift-n:{person.id}:{kind.value}")
        for kind in Format
    ]
    return _choose(context, person, "people-ask-format", choices, f"a-user:{person.id}", 2)


@handlers.button("a-gift-n", needs=Permission.GIFTS)
def choose_amount(context: BotContext) -> View:
    """Ask for the number of questions: a button or a message."""
    person, kind = person_of(context), _enum_argument(context, Format)
    context.wait(Dialog(AMOUNT_STEP, {"user": person.id, "format": kind.value}))
    return _ask_amount(context, person, kind, "people-ask-amount")


def _ask_amount(context: BotContext, person: UserView, kind: Format, key: str) -> View:
    data_prefix = f"a-gift-d:{person.id}:{kind.value}"
    amounts = [Button(str(amount), f"{data_prefix}:{amount}") for amount in _AMOUNTS]
    way_out = menu.back_or_cancel(context, f"a-gift:{person.id}")
    title, message = user_title(context, person), context.translate(key, most=MAX_GIFT)
    return menu.card(context, title, message, rows=(*button_rows(amounts, 3), way_out))


def _enum_argument(context: BotContext, kind: type[E]) -> E:
    """Return the format or role named by the callback data. Raises NotFound."""
    try:
        return kind(context.argument(1))
    except ValueError:
        raise NotFound(f"no such {kind.__name__}", "bot-button-old") from None


@handlers.step(AMOUNT_STEP, needs=Permission.GIFTS)
def take_amount(context: BotContext) -> View:
    """Take the amount of the message."""
    values, amount = context.dialog_values, read_number(context.text.strip())
    person = users.get(*context.caller, int(values.get("user", 0)))
    kind = Format(values["format"])
    if not 1 <= amount <= MAX_GIFT:
        return _ask_amount(context, person, kind, "people-amount-wrong")
    context.stop_waiting()
    return _ask_days(context, person, kind, amount)


@handlers.button("a-gift-d", needs=Permission.GIFTS)
def choose_question_days(context: BotContext) -> View:
    """Ask for how long the questions are valid."""
    kind, amount = _enum_argument(context, Format), context.number(2)
    return _ask_days(context, person_of(context), kind, amount)


def _ask_days(context: BotContext, person: UserView, kind: Format, amount: int) -> View:
    data_prefix = f"a-gift-ask:{person.id}:{kind.value}:{amount}"
    days = [*_day_choices(context, data_prefix, _QUESTION_DAYS)]
    days.append((context.translate("page-no-expiry"), f"{data_prefix}:0"))
    back = f"a-gift-n:{person.id}:{kind.value}"
    return _choose(context, person, "people-ask-days", days, back, 2)


def _day_choices(
    context: BotContext, data_prefix: str, counts: Sequence[int]
) -> list[tuple[str, str]]:
    return [
        (context.translate("people-days", days=count), f"{data_prefix}:{count}") for count in counts
    ]


@handlers.button("a-gift-ask", needs=Permission.GIFTS, twice=True)
def give_questions(context: BotContext) -> View:
    """Give the questions and notify the user."""
    person, kind, amount = person_of(context), _enum_argument(context, Format), context.number(2)
    days = min(context.number(3), _MAX_QUESTION_DAYS)
    if not menu.is_confirmed(context):
        text = context.translate(
            "people-ask-gift",
            who=user_title(context, person),
            what=questions_text(kind, amount, context.language),
            long=context.translate("people-days" if days else "page-no-expiry", days=days),
        )
        # The update id in the data identifies the question, so that pressing twice gives once.
        data = (person.id, kind.value, amount, days, context.update_id)
        return menu.confirm(context, text, "people-gift", f"a-user:{person.id}", *data)
    once = context.key_of_update(context.number(4) or context.update_id)
    users.give_questions(*context.caller, person.id, kind, amount, days, once=once)
    return show_person(context, "people-gift-sent")


_PLAN_DAYS = (3, 7, 14, 30, 90, 365)


def _gift_plans(context: BotContext) -> list[Plan]:
    """Return the plans that can be given: not packs, and not the first plan, the default."""
    return [plan for plan in context.services.plans[1:] if not plan.is_pack]


@handlers.button("a-term", needs=Permission.GIFTS)
def choose_gift_plan(context: BotContext) -> View:
    """Ask which plan to give."""
    person, plans = person_of(context), _gift_plans(context)
    key = "people-ask-term" if plans else "people-no-terms"
    choices = [
        (plan.title_in(context.language), f"a-term-d:{person.id}:{short_hash(plan.name)}")
        for plan in plans
    ]
    return _choose(context, person, key, choices, f"a-user:{person.id}")


def _plan_argument(context: BotContext) -> Plan:
    """Return the plan named by the callback data. Raises NotFound."""
    return menu.find_by_hash(context, _gift_plans(context), attrgetter("name"), 1)


@handlers.button("a-term-d", needs=Permission.GIFTS)
def choose_plan_days(context: BotContext) -> View:
    """Ask for how many days."""
    person, plan = person_of(context), _plan_argument(context)
    days = _day_choices(context, f"a-term-ask:{person.id}:{short_hash(plan.name)}", _PLAN_DAYS)
    return _choose(context, person, "people-ask-days", days, f"a-term:{person.id}", 3)


@handlers.button("a-term-ask", needs=Permission.GIFTS, twice=True)
def give_plan(context: BotContext) -> View:
    """Give the plan and notify the user."""
    person, plan, days = person_of(context), _plan_argument(context), context.number(2)
    if not menu.is_confirmed(context):
        title = plan.title_in(context.language)
        who = user_title(context, person)
        text = context.translate("people-ask-term-gift", who=who, title=title, days=days)
        # The update id in the data identifies the question, so that pressing twice gives once.
        data = (person.id, short_hash(plan.name), days, context.update_id)
        return menu.confirm(context, text, "people-term", f"a-user:{person.id}", *data)
    once = context.key_of_update(context.number(3) or context.update_id)
    users.give_plan(*context.caller, person.id, plan.name, days, once)
    return show_person(context, "people-plan-given")


@handlers.button("a-role")
def choose_role(context: BotContext) -> View:
    """List the roles that can be granted."""
    person, choices = require_other_person(context), []
    for role in Role:
        sign = "▸ " if role is person.role else ""
        label = f"{sign}{state_text(context, 'role', role.value)}"
        is_scoped = role is Role.TEACHER
        data = f"a-scopes:{person.id}:0" if is_scoped else f"a-role-ask:{person.id}:{role.value}"
        choices.append((label, data))
    return _choose(context, person, "people-ask-role", choices, f"a-user:{person.id}")


@handlers.button("a-scopes")
def list_scopes(context: BotContext) -> View:
    """List the datasets that a teacher has or can get."""
    person = require_other_person(context)
    granted = person.scopes

    def entry(name: str) -> Button:
        verb, sign = ("a-scope-off", "✅ ") if name in granted else ("a-role-ask", "")
        role = "" if name in granted else f":{Role.TEACHER.value}"
        return Button(f"{sign}{name}", f"{verb}:{person.id}{role}:{short_hash(name)}")

    names = sorted({*users.list_grantable_scopes(*context.caller), *granted})
    keys, back = ("people-ask-scope", "admin-no-datasets"), menu.back(f"a-role:{person.id}")
    data, title = f"a-scopes:{person.id}", user_title(context, person)
    return menu.list_card(context, title, keys, names, entry, data, back, place=1)


def _scope_argument(context: BotContext, index: int, extra: Sequence[str] = ()) -> str:
    """Return the dataset named by the callback data. Raises NotFound."""
    names = {*users.list_grantable_scopes(*context.caller), *extra}
    return menu.find_by_hash(context, names, index=index, key="admin-no-dataset")


@handlers.button("a-role-ask", twice=True)
def grant(context: BotContext) -> View:
    """Grant the role."""
    person, role = require_other_person(context), _enum_argument(context, Role)
    scope = _scope_argument(context, 2) if role is Role.TEACHER else None
    if not menu.is_confirmed(context):
        label, who = state_text(context, "role", role.value), user_title(context, person)
        label = f"{label} ({scope})" if scope else label
        text = context.translate("people-ask-grant", who=who, role=label)
        data = (person.id, role.value, *((short_hash(scope),) if scope else ()))
        return menu.confirm(context, text, "people-grant", f"a-role:{person.id}", *data)
    users.grant_role(*context.caller, person.id, role, scope)
    return show_person(context, "people-granted")


@handlers.button("a-scope-off", twice=True)
def revoke_scope(context: BotContext) -> View:
    """Revoke a teacher's dataset."""
    person = require_other_person(context)
    scope = _scope_argument(context, 1, person.scopes)
    if not menu.is_confirmed(context):
        who = user_title(context, person)
        text = context.translate("people-ask-scope-off", who=who, scope=scope)
        data = (person.id, short_hash(scope))
        return menu.confirm(context, text, "people-revoke", f"a-scopes:{person.id}", *data)
    users.revoke_role(*context.caller, person.id, scope)
    return show_person(context, "people-granted")
