"""Who writes to the bot; found, looked at, blocked, given a role, a plan or questions.

    list | find (a step) -> card -> block (asked twice) | plan | role | gift
    role -> student | editor | admin (asked twice)
         -> teacher: datasets, given and taken one by one (asked twice)
    gift of questions: format -> amount (a button or a step) -> days -> sure -> given
    gift of a plan: plan -> days -> sure -> given

What was given or taken is noted, and told to the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from operator import attrgetter
from typing import TypeVar

from merlin.app import users
from merlin.app.inbox import Dialog
from merlin.app.users import UserList, UserView
from merlin.billing.plan import Format, Plan, plan_named
from merlin.billing.quota import MOST
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, performer, short
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.rendering import audit_text, named
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, button_rows
from merlin.core.permissions import Permission, Role

E = TypeVar("E", bound=StrEnum)
FINDING = f"{admin.STEP}find"
_DEEDS = 5


def list_people(context: BotContext) -> View:
    """Show a page of the people, the newest first."""
    found = _users(context, offset=context.number() * PAGE_SIZE)
    page = menu.page_number(context.number(), found.count)
    if page != context.number():
        found = _users(context, offset=page * PAGE_SIZE)
    turn = menu.page_buttons("a-users", page, found.count)
    words = context.translate("people-count", count=found.count)
    entries = _entries(context, found.users)
    rows = menu.rows(context, *entries, *turn, ("people-find", "a-find"), admin.HOME)
    return menu.card(context.translate("admin-users"), words, rows=rows)


def _users(context: BotContext, words: str = "", offset: int = 0) -> UserList:
    return users.list_users(*performer(context), words, offset, PAGE_SIZE)


def _entries(context: BotContext, people: list[UserView]) -> list[Button]:
    return [Button(called(context, each), f"a-user:{each.id}") for each in people]


def called(context: BotContext, person: UserView) -> str:
    """Return how a person is named in lists."""
    name = person.shown_name or context.translate("people-nameless")
    mark = "🚫 " if person.blocked else ""
    return f"{mark}{name} · {person.id}"


def find_person(context: BotContext) -> View:
    """Ask whom to look for."""
    context.wait(Dialog(FINDING))
    return menu.form(context, "people-ask-find", "a-users:0")


def person_found(context: BotContext) -> View:
    """Show whom the words fit; the next message looks again."""
    people = _users(context, context.text).users if context.text.strip() else []
    words = context.translate("people-found" if people else "people-found-none")
    rows = menu.rows(context, *_entries(context, people), menu.back("a-users:0"))
    return menu.card(context.translate("admin-users"), words, rows=rows)


def person_of(context: BotContext) -> UserView:
    """Return the person that a button names. Raises NotFound."""
    return users.get(*performer(context), context.number())


def another(context: BotContext) -> UserView:
    """Return the person that a button names. Raises NotFound, Refused for oneself."""
    return users.require_another(*performer(context), context.number())


def show_person(context: BotContext) -> View:
    """Show one person, with what can be done."""
    return _card(context, context.number())


def _card(context: BotContext, user_id: int, alert: str = "") -> View:
    person = users.details(*performer(context), user_id, _DEEDS)
    block = "unblock" if person.blocked else "block"
    plans = (
        (("people-plan", f"a-plan:{user_id}"), ("people-gift", f"a-gift:{user_id}")),
        (("people-term", f"a-term:{user_id}"), ("people-purchases", f"a-buys:{user_id}:0")),
    )
    rows = menu.rows(
        context,
        (("people-role", f"a-role:{user_id}"), (f"people-{block}", f"a-{block}:{user_id}")),
        *(plans if context.services.plans else ()),
        menu.back("a-users:0"),
    )
    limited = [
        context.translate(
            "people-left",
            format=admin.state_text(context, "format", each.kind.value),
            used=each.used,
            limit=each.limit,
            gifts=each.gifts,
        )
        for each in person.left.values()
        if each.limit is not None
    ]
    done = [
        context.translate(
            "people-deed",
            at=admin.when(context, each.at),
            deed=audit_text(each.action, context.language),
            by=named(context.services, each.by, context.language),
        )
        for each in person.entries
    ]
    view = menu.card(
        called(context, person),
        _words(context, person),
        "\n".join(limited),
        "\n".join(done),
        rows=rows,
    )
    return replace(view, alert=context.translate(alert)) if alert else view


def _words(context: BotContext, person: UserView) -> str:
    role = admin.state_text(context, "role", person.role.value)
    notes = (("blocked", person.blocked), ("unreachable", not person.reachable))
    plan = plan_named(context.services.plans, person.current_plan)
    return admin.lines(
        context.translate(
            "people-what",
            role=" ".join([role, *person.scopes]),
            plan=plan.titled(context.language) if plan else context.translate("people-no-plans"),
            speaks=person.language,
        ),
        ", ".join(context.translate(f"account-{name}") for name, is_so in notes if is_so),
    )


def _choose(
    context: BotContext,
    person: UserView,
    key: str,
    buttons: Sequence[Button],
    back: str,
    columns: int = 1,
    **arguments: object,
) -> View:
    """Return the card of a person with a question and its answers in columns."""
    rows = menu.rows(context, *button_rows(buttons, columns), menu.back(back))
    return menu.card(called(context, person), context.translate(key, **arguments), rows=rows)


def ask_block(context: BotContext) -> View:
    """Ask whether the person is to be shut out."""
    person = another(context)
    words = context.translate("people-ask-block", who=called(context, person))
    yes = ("people-block", f"a-block-yes:{person.id}")
    return menu.confirm(context, words, yes, f"a-user:{person.id}")


def block_person(context: BotContext) -> View:
    """Stop answering the person. Raises Refused for another admin."""
    users.block(*performer(context), context.number())
    return _card(context, context.number(), "people-blocked")


def unblock_person(context: BotContext) -> View:
    """Answer the person again."""
    users.unblock(*performer(context), context.number())
    return _card(context, context.number(), "people-unblocked")


def choose_plan(context: BotContext) -> View:
    """Show the plans."""
    person = person_of(context)
    buttons = [
        Button(
            f"{'▸ ' if plan.name == person.current_plan else ''}{plan.titled(context.language)}",
            f"a-plan-set:{person.id}:{short(plan.name)}",
        )
        for plan in context.services.plans
    ]
    return _choose(context, person, "people-ask-plan", buttons, f"a-user:{person.id}")


def set_plan(context: BotContext) -> View:
    """Give the person a plan. Raises NotFound for one that the config has no more."""
    mark = context.argument(1)
    name = next((e.name for e in context.services.plans if short(e.name) == mark), mark)
    users.set_plan(*performer(context), context.number(), name)
    return _card(context, context.number(), "people-plan-set")


AMOUNT = f"{admin.STEP}gift"
_AMOUNTS = (5, 10, 25, 50, 100, 500)
_QUESTION_DAYS = (7, 30, 90, 365)
_LONGEST_QUESTION_DAYS = 36_500


def choose_format(context: BotContext) -> View:
    """Ask which questions to give."""
    person = person_of(context)
    kinds = [
        Button(
            admin.state_text(context, "format", kind.value), f"a-gift-n:{person.id}:{kind.value}"
        )
        for kind in Format
    ]
    return _choose(context, person, "people-ask-format", kinds, f"a-user:{person.id}", 2)


def choose_amount(context: BotContext) -> View:
    """Ask how many; a number may be written too."""
    person, kind = person_of(context), _named(context, Format)
    context.wait(Dialog(AMOUNT, {"user": person.id, "format": kind.value}))
    return _asks_amount(context, person, kind, "people-ask-amount")


def _asks_amount(context: BotContext, person: UserView, kind: Format, key: str) -> View:
    place = f"a-gift-d:{person.id}:{kind.value}"
    amounts = [Button(str(amount), f"{place}:{amount}") for amount in _AMOUNTS]
    way_out = menu.back_or_cancel(f"a-gift:{person.id}")
    rows = menu.rows(context, *button_rows(amounts, 3), way_out)
    return menu.card(called(context, person), context.translate(key, most=MOST), rows=rows)


def _named(context: BotContext, kind: type[E]) -> E:
    """Return the format or role that a button names. Raises NotFound."""
    try:
        return kind(context.argument(1))
    except ValueError:
        raise NotFound(f"no such {kind.__name__}", "bot-button-old") from None


def written_amount(context: BotContext) -> View:
    """Take the amount that was written."""
    said, words = context.dialog_values, context.text.strip()
    person, kind = users.get(*performer(context), int(said.get("user", 0))), Format(said["format"])
    is_number = words.isascii() and words.isdecimal() and len(words) < len(str(MOST)) + 1
    if not is_number or not 1 <= int(words) <= MOST:
        return _asks_amount(context, person, kind, "people-amount-wrong")
    context.stop_waiting()
    return _asks_days(context, person, kind, int(words))


def choose_question_days(context: BotContext) -> View:
    """Ask for how long."""
    return _asks_days(context, person_of(context), _named(context, Format), _amount(context))


def _amount(context: BotContext) -> int:
    """Return the amount that a button names. Raises Refused."""
    amount = context.number(2)
    if not 1 <= amount <= MOST:
        raise Refused(f"a gift of {amount}", "quota-gift-amount", most=MOST)
    return amount


def _asks_days(context: BotContext, person: UserView, kind: Format, amount: int) -> View:
    place = f"a-gift-ask:{person.id}:{kind.value}:{amount}"
    ever = Button(context.translate("people-for-ever"), f"{place}:0")
    days = [*_days(context, place, _QUESTION_DAYS), ever]
    back = f"a-gift-n:{person.id}:{kind.value}"
    return _choose(context, person, "people-ask-days", days, back, 2)


def _days(context: BotContext, place: str, counts: Sequence[int]) -> list[Button]:
    return [
        Button(context.translate("people-days", days=each), f"{place}:{each}") for each in counts
    ]


def ask_gift(context: BotContext) -> View:
    """Ask whether the gift is meant."""
    person, kind, amount = person_of(context), _named(context, Format), _amount(context)
    days = _question_days(context)
    words = context.translate(
        "people-ask-gift",
        who=called(context, person),
        format=admin.state_text(context, "format", kind.value),
        amount=amount,
        long=context.translate("people-days" if days else "people-for-ever", days=days),
    )
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-gift-yes:{person.id}:{kind.value}:{amount}:{days}:{context.update_id}"
    return menu.confirm(context, words, ("people-gift", data), f"a-user:{person.id}")


def _question_days(context: BotContext) -> int:
    return min(context.number(3), _LONGEST_QUESTION_DAYS)


def give_questions(context: BotContext) -> View:
    """Give the questions, and tell the person."""
    user_id, kind, amount = context.number(), _named(context, Format), _amount(context)
    days, once = _question_days(context), f"update:{context.number(4) or context.update_id}"
    users.give_questions(*performer(context), user_id, kind, amount, days, once=once)
    return _card(context, user_id, "people-given")


_PLAN_DAYS = (3, 7, 14, 30, 90, 365)
_LONGEST_PLAN_DAYS = 3650


def choose_gift_plan(context: BotContext) -> View:
    """Ask which plan to give; the first one everybody has."""
    person = person_of(context)
    buttons = [
        Button(each.titled(context.language), f"a-term-d:{person.id}:{short(each.name)}")
        for each in context.services.plans[1:]
        if not each.is_pack
    ]
    key = "people-ask-term" if buttons else "people-no-terms"
    return _choose(context, person, key, buttons, f"a-user:{person.id}")


def _plan(context: BotContext) -> Plan:
    """Return the plan that a button names. Raises NotFound."""
    plans = [each for each in context.services.plans[1:] if not each.is_pack]
    return admin.marked(context, plans, attrgetter("name"), 1)


def choose_plan_days(context: BotContext) -> View:
    """Ask for how long."""
    person, plan = person_of(context), _plan(context)
    days = _days(context, f"a-term-ask:{person.id}:{short(plan.name)}", _PLAN_DAYS)
    return _choose(context, person, "people-ask-days", days, f"a-term:{person.id}", 3)


def _plan_days(context: BotContext) -> int:
    """Return the days that a button names. Raises Refused."""
    days = context.number(2)
    if not 1 <= days <= _LONGEST_PLAN_DAYS:
        raise Refused(f"a plan for {days} days", "bot-button-old")
    return days


def ask_term(context: BotContext) -> View:
    """Ask whether the gift is meant."""
    person, plan, days = person_of(context), _plan(context), _plan_days(context)
    told = {"who": called(context, person), "title": plan.titled(context.language), "days": days}
    words = context.translate("people-ask-term-gift", **told)
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-term-yes:{person.id}:{short(plan.name)}:{days}:{context.update_id}"
    return menu.confirm(context, words, ("people-term", data), f"a-user:{person.id}")


def give_plan(context: BotContext) -> View:
    """Give the plan, and tell the person."""
    user_id, plan, days = context.number(), _plan(context), _plan_days(context)
    once = f"update:{context.number(3) or context.update_id}"
    users.give_plan(*performer(context), user_id, plan.name, days, once)
    return _card(context, user_id, "people-term-given")


def choose_role(context: BotContext) -> View:
    """Show the roles that can be given."""
    person = another(context)
    buttons = []
    for role in Role:
        mark = "▸ " if role is person.role else ""
        data = f"a-role-ask:{person.id}:{role.value}"
        if role is Role.TEACHER:
            data = f"a-scopes:{person.id}:0"
        buttons.append(Button(f"{mark}{admin.state_text(context, 'role', role.value)}", data))
    return _choose(context, person, "people-ask-role", buttons, f"a-user:{person.id}")


def scopes(context: BotContext) -> View:
    """Show the datasets that a teacher may have or has."""
    person = another(context)
    has = person.scopes

    def entry(name: str) -> Button:
        verb, mark = ("a-scope-off", "✅ ") if name in has else ("a-role-ask", "")
        role = "" if name in has else f":{Role.TEACHER.value}"
        return Button(f"{mark}{name}", f"{verb}:{person.id}{role}:{short(name)}")

    names = sorted({*_datasets(context), *has})
    entries = menu.list_rows(names, context.number(1), f"a-scopes:{person.id}", entry)
    words = context.translate("people-ask-scope" if names else "admin-no-datasets")
    rows = menu.rows(context, *entries, menu.back(f"a-role:{person.id}"))
    return menu.card(called(context, person), words, rows=rows)


def _datasets(context: BotContext) -> list[str]:
    return users.grantable_scopes(*performer(context))


def _scope(context: BotContext, place: int, known: Sequence[str] = ()) -> str:
    """Return the dataset that a button names. Raises NotFound."""
    found = {*_datasets(context), *known}
    return admin.marked(context, found, place=place, key="admin-no-dataset")


def ask_role(context: BotContext) -> View:
    """Ask whether the role is meant."""
    person, role = another(context), _named(context, Role)
    scope = _scope(context, 2) if role is Role.TEACHER else None
    told = admin.state_text(context, "role", role.value) + (f" ({scope})" if scope else "")
    words = context.translate("people-ask-grant", who=called(context, person), role=told)
    data = f"a-role-yes:{person.id}:{role.value}" + (f":{short(scope)}" if scope else "")
    return menu.confirm(context, words, ("people-grant", data), f"a-role:{person.id}")


def grant(context: BotContext) -> View:
    """Give the role."""
    role = _named(context, Role)
    scope = _scope(context, 2) if role is Role.TEACHER else None
    users.grant_role(*performer(context), context.number(), role, scope)
    return _card(context, context.number(), "people-granted")


def ask_off(context: BotContext) -> View:
    """Ask whether a teacher is to lose a dataset."""
    person = another(context)
    scope = _scope(context, 1, person.scopes)
    words = context.translate("people-ask-scope-off", who=called(context, person), scope=scope)
    yes = ("people-revoke", f"a-scope-off-yes:{person.id}:{short(scope)}")
    return menu.confirm(context, words, yes, f"a-scopes:{person.id}")


def take_off(context: BotContext) -> View:
    """Take a dataset from a teacher."""
    scope = _scope(context, 1, person_of(context).scopes)
    users.revoke_role(*performer(context), context.number(), scope)
    return _card(context, context.number(), "people-granted")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    managing = {
        "a-users": list_people,
        "a-find": find_person,
        "a-user": show_person,
        "a-block": ask_block,
        "a-block-yes": block_person,
        "a-unblock": unblock_person,
        "a-plan": choose_plan,
        "a-plan-set": set_plan,
        "a-role": choose_role,
        "a-scopes": scopes,
        "a-role-ask": ask_role,
        "a-role-yes": grant,
        "a-scope-off": ask_off,
        "a-scope-off-yes": take_off,
    }
    giving = {
        "a-gift": choose_format,
        "a-gift-n": choose_amount,
        "a-gift-d": choose_question_days,
        "a-gift-ask": ask_gift,
        "a-gift-yes": give_questions,
        "a-term": choose_gift_plan,
        "a-term-d": choose_plan_days,
        "a-term-ask": ask_term,
        "a-term-yes": give_plan,
    }
    add_admin_handlers(application, Permission.USERS, managing, {FINDING: person_found})
    add_admin_handlers(application, Permission.GIFTS, giving, {AMOUNT: written_amount})
