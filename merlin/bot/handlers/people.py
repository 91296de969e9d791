"""Who writes to the bot; found, looked at, blocked, given a role, a plan or questions.

    list | find (a step) -> card -> block (asked twice) | plan | role | gift
    role -> student | editor | admin (asked twice)
         -> teacher: datasets, given and taken one by one (asked twice)
    gift of questions: format -> amount (a button or a step) -> days -> sure -> given
    gift of a plan: plan -> days -> sure -> given

What was given or taken is noted, and told to the person.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from merlin.account.users import User, Users
from merlin.app.dialogs import Dialog
from merlin.billing.plan import UNLIMITED, Format, Plan, Source, plan_of
from merlin.billing.quota import MOST, Gift, Left, Quotas
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, to_admin_home
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.rendering import audit_text, named
from merlin.core import i18n
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, button_rows
from merlin.core.permissions import Permission, Role
from merlin.db import audit
from merlin.db.audit import Audit
from merlin.db.notices import Notices

FINDING = f"{admin.STEP}find"
_DEEDS = 5


def list_people(context: BotContext) -> View:
    """Show a page of the people, the newest first."""
    register = Users(context.db)
    count = register.count()
    page = menu.page_number(context.number(), count)
    people = register.listed(page * PAGE_SIZE, PAGE_SIZE)
    more = menu.page_buttons("a-users", page, count)
    find = menu.button(context, "people-find", "a-find")
    words = context.translate("people-count", count=count)
    rows = [*_entries(context, people), *more, (find,), to_admin_home(context)]
    return menu.card(context.translate("admin-users"), words, rows=rows)


def _entries(context: BotContext, people: list[User]) -> list[tuple[Button, ...]]:
    return [(Button(called(context, each), f"a-user:{each.user_id}"),) for each in people]


def called(context: BotContext, person: User) -> str:
    """Return how a person is named in lists."""
    name = person.shown_name or context.translate("people-nameless")
    mark = "🚫 " if person.is_blocked else ""
    return f"{mark}{name} · {person.user_id}"


def find_person(context: BotContext) -> View:
    """Ask whom to look for."""
    context.wait(Dialog(FINDING))
    return menu.form(context, context.translate("people-ask-find"), "a-users:0")


def person_found(context: BotContext) -> View:
    """Show whom the words fit; the next message looks again."""
    people = Users(context.db).find(context.text, PAGE_SIZE)
    words = context.translate("people-found" if people else "people-found-none")
    title = context.translate("admin-users")
    back = menu.back(context, "a-users:0")
    return menu.card(title, words, rows=[*_entries(context, people), back])


def person_of(context: BotContext) -> User:
    """Return the person that a button names. Raises NotFound."""
    person = Users(context.db).get(context.number())
    if person is None:
        raise NotFound("nobody", "account-no-user", user=str(context.number()))
    return person


def another(context: BotContext) -> User:
    """Return the person that a button names. Raises NotFound, Refused for oneself."""
    person = person_of(context)
    if person.user_id == context.user_id:
        raise Refused("themselves", "people-not-self")
    return person


def show_person(context: BotContext) -> View:
    """Show one person."""
    return person_card(context, person_of(context))


def person_card(context: BotContext, person: User) -> View:
    """Return the screen of one person, with what can be done."""
    user_id = person.user_id
    block = ("people-unblock", "a-unblock") if person.is_blocked else ("people-block", "a-block")
    has_plans = bool(context.services.plans)
    return menu.card(
        called(context, person),
        _words(context, person),
        "\n".join(_left(context, person)),
        "\n".join(_deeds(context, person)),
        rows=[
            (
                menu.button(context, "people-role", f"a-role:{user_id}"),
                menu.button(context, block[0], f"{block[1]}:{user_id}"),
            ),
            (
                menu.button(context, "people-plan", f"a-plan:{user_id}"),
                menu.button(context, "people-gift", f"a-gift:{user_id}"),
            )
            if has_plans
            else (),
            (
                menu.button(context, "people-term", f"a-term:{user_id}"),
                menu.button(context, "people-purchases", f"a-buys:{user_id}:0"),
            )
            if has_plans
            else (),
            menu.back(context, "a-users:0"),
        ],
    )


def _words(context: BotContext, person: User) -> str:
    standing = context.roles.standing(person.user_id)
    plan = plan_of(context.services.plans, person.plans)
    role = admin.word(context, "role", standing.role.value)
    marks = [
        context.translate(f"account-{name}")
        for name, is_so in (
            ("blocked", person.is_blocked),
            ("unreachable", not person.is_reachable),
        )
        if is_so
    ]
    return admin.lines(
        context.translate(
            "people-what",
            role=" ".join([role, *sorted(standing.scopes)]),
            plan=plan.titled(context.language) or context.translate("people-no-plans"),
            speaks=person.speaks(context.services.language),
        ),
        ", ".join(marks),
    )


def _left(context: BotContext, person: User) -> list[str]:
    """Return what the person has used of the plan, a line a format."""
    plan = plan_of(context.services.plans, person.plans)
    if plan is UNLIMITED:
        return []
    zone = zone_of(person.zone or context.services.timezone)
    left = Quotas(context.db, context.bot_id).left(person.user_id, plan, zone)
    return [_left_line(context, each) for each in left.values() if each.limit is not None]


def _left_line(context: BotContext, left: Left) -> str:
    return context.translate(
        "people-left",
        format=admin.word(context, "format", left.kind.value),
        used=left.used,
        limit=left.limit or 0,
        gifts=left.gifts,
    )


def _deeds(context: BotContext, person: User) -> list[str]:
    """Return what was lately done to the person, and by whom."""
    entries = Audit(context.db).newest(_DEEDS, audit.person_reference(person.user_id))
    zone = context.zone
    return [
        context.translate(
            "people-deed",
            at=i18n.format_moment_briefly(each.at, zone, context.language),
            deed=audit_text(each.action, context.language),
            by=named(context.services, each.by, context.language),
        )
        for each in entries
    ]


def ask_block(context: BotContext) -> View:
    """Ask whether the person is to be shut out."""
    person = another(context)
    words = context.translate("people-ask-block", who=called(context, person))
    yes = menu.button(context, "people-block", f"a-block-yes:{person.user_id}")
    return menu.confirm(context, words, yes, f"a-user:{person.user_id}")


def block_person(context: BotContext) -> View:
    """Stop answering the person. Raises Refused for another admin."""
    person = another(context)
    if context.roles.standing(person.user_id).may(Permission.USERS):
        raise Refused("an admin", "people-not-admin")
    Users(context.db).block(person.user_id, admin.by(context))
    return replace(show_person(context), alert=context.translate("people-blocked"))


def unblock_person(context: BotContext) -> View:
    """Answer the person again."""
    Users(context.db).block(person_of(context).user_id, admin.by(context), is_blocked=False)
    return replace(show_person(context), alert=context.translate("people-unblocked"))


def choose_plan(context: BotContext) -> View:
    """Show the plans."""
    person = person_of(context)
    now = plan_of(context.services.plans, person.plans)
    rows = [
        (
            Button(
                f"{'▸ ' if plan is now else ''}{plan.titled(context.language)}",
                f"a-plan-set:{person.user_id}:{admin.short(plan.name)}",
            ),
        )
        for plan in context.services.plans
    ]
    words = context.translate("people-ask-plan")
    title = called(context, person)
    return menu.card(title, words, rows=[*rows, menu.back(context, f"a-user:{person.user_id}")])


def set_plan(context: BotContext) -> View:
    """Give the person a plan. Raises NotFound for one that the config has no more."""
    person, mark = person_of(context), context.argument(1)
    for place, plan in enumerate(context.services.plans):
        if admin.short(plan.name) == mark:
            # The first plan is everybody's: who has it follows the config.
            name = plan.name if place else None
            Users(context.db).set_plan(person.user_id, name, admin.by(context))
            return replace(show_person(context), alert=context.translate("people-plan-set"))
    raise NotFound("no such plan", "quota-no-plan", plan=mark)


AMOUNT = f"{admin.STEP}gift"
_AMOUNTS = (5, 10, 25, 50, 100, 500)
_QUESTION_DAYS = (7, 30, 90, 365)
_LONGEST_QUESTION_DAYS = 36_500


def choose_format(context: BotContext) -> View:
    """Ask which questions to give."""
    person = person_of(context)
    kinds = [
        Button(admin.word(context, "format", kind.value), f"a-gift-n:{person.user_id}:{kind.value}")
        for kind in Format
    ]
    words = context.translate("people-ask-format")
    back = menu.back(context, f"a-user:{person.user_id}")
    return menu.card(called(context, person), words, rows=[*button_rows(kinds, 2), back])


def choose_amount(context: BotContext) -> View:
    """Ask how many; a number may be written too."""
    person, kind = person_of(context), _format(context)
    said = {"user": person.user_id, "format": kind.value}
    context.wait(Dialog(AMOUNT, said))
    return _asks_amount(context, person, kind, "people-ask-amount")


def _asks_amount(context: BotContext, person: User, kind: Format, key: str) -> View:
    place = f"{person.user_id}:{kind.value}"
    amounts = [Button(str(amount), f"a-gift-d:{place}:{amount}") for amount in _AMOUNTS]
    words = context.translate(key, most=MOST)
    back = menu.back(context, f"a-gift:{person.user_id}")
    cancel = menu.button(context, "button-cancel", "cancel")
    return menu.card(
        called(context, person), words, rows=[*button_rows(amounts, 3), (*back, cancel)]
    )


def _format(context: BotContext) -> Format:
    """Return the format that a button names. Raises NotFound."""
    try:
        return Format(context.argument(1))
    except ValueError:
        raise NotFound("no such format", "bot-button-old") from None


def written_amount(context: BotContext) -> View:
    """Take the amount that was written."""
    said = context.dialog_values
    person = Users(context.db).get(int(said.get("user", 0)))
    if person is None:
        raise NotFound("nobody", "account-no-user", user=str(said.get("user")))
    kind, words = Format(said["format"]), context.text.strip()
    is_number = words.isascii() and words.isdecimal() and len(words) < len(str(MOST)) + 1
    if not is_number or not 1 <= int(words) <= MOST:
        return _asks_amount(context, person, kind, "people-amount-wrong")
    context.stop_waiting()
    return _asks_days(context, person, kind, int(words))


def choose_question_days(context: BotContext) -> View:
    """Ask for how long."""
    return _asks_days(context, person_of(context), _format(context), _amount(context))


def _amount(context: BotContext) -> int:
    """Return the amount that a button names. Raises Refused."""
    amount = context.number(2)
    if not 1 <= amount <= MOST:
        raise Refused(f"a gift of {amount}", "quota-gift-amount", most=MOST)
    return amount


def _asks_days(context: BotContext, person: User, kind: Format, amount: int) -> View:
    place = f"a-gift-ask:{person.user_id}:{kind.value}:{amount}"
    days = [
        Button(context.translate("people-days", days=each), f"{place}:{each}")
        for each in _QUESTION_DAYS
    ]
    ever = menu.button(context, "people-for-ever", f"{place}:0")
    words = context.translate("people-ask-days")
    back = menu.back(context, f"a-gift-n:{person.user_id}:{kind.value}")
    return menu.card(called(context, person), words, rows=[*button_rows(days, 2), (ever,), back])


def ask_gift(context: BotContext) -> View:
    """Ask whether the gift is meant."""
    person, kind, amount, days = (
        person_of(context),
        _format(context),
        _amount(context),
        _question_days(context),
    )
    told = {
        "who": called(context, person),
        "format": admin.word(context, "format", kind.value),
        "amount": amount,
    }
    for_long = context.translate("people-days" if days else "people-for-ever", days=days)
    words = context.translate("people-ask-gift", **told, long=for_long)
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-gift-yes:{person.user_id}:{kind.value}:{amount}:{days}:{context.update_id}"
    yes = menu.button(context, "people-gift", data)
    return menu.confirm(context, words, yes, f"a-user:{person.user_id}")


def _question_days(context: BotContext) -> int:
    return min(context.number(3), _LONGEST_QUESTION_DAYS)


def give_questions(context: BotContext) -> View:
    """Give the questions, and tell the person."""
    person, kind, amount, days = (
        person_of(context),
        _format(context),
        _amount(context),
        _question_days(context),
    )
    until = context.services.clock() + timedelta(days=days) if days else None
    key = f"update:{context.number(4) or context.update_id}"
    gift = Gift(person.user_id, kind, amount, admin.by(context), "", until, key)
    Quotas(context.db, context.bot_id).give(gift)
    told = {"amount": amount, "format": {"key": f"format-{kind.value}", "arguments": {}}}
    Notices(context.db).tell(str(person.user_id), "notice-gift", told, once=f"gift:{key}")
    return replace(person_card(context, person), alert=context.translate("people-given"))


_PLAN_DAYS = (3, 7, 14, 30, 90, 365)
_LONGEST_PLAN_DAYS = 3650


def choose_gift_plan(context: BotContext) -> View:
    """Ask which plan to give; the first one everybody has."""
    person = person_of(context)
    plans = [each for each in context.services.plans[1:] if not each.is_pack]
    buttons = [
        Button(each.titled(context.language), f"a-term-d:{person.user_id}:{admin.short(each.name)}")
        for each in plans
    ]
    words = context.translate("people-ask-term" if plans else "people-no-terms")
    back = menu.back(context, f"a-user:{person.user_id}")
    return menu.card(called(context, person), words, rows=[*button_rows(buttons), back])


def _plan(context: BotContext) -> Plan:
    """Return the plan that a button names. Raises NotFound."""
    mark = context.argument(1)
    for each in context.services.plans[1:]:
        if not each.is_pack and admin.short(each.name) == mark:
            return each
    raise NotFound("no such plan", "bot-button-old")


def choose_plan_days(context: BotContext) -> View:
    """Ask for how long."""
    person, plan = person_of(context), _plan(context)
    place = f"a-term-ask:{person.user_id}:{admin.short(plan.name)}"
    days = [
        Button(context.translate("people-days", days=each), f"{place}:{each}")
        for each in _PLAN_DAYS
    ]
    words = context.translate("people-ask-days")
    back = menu.back(context, f"a-term:{person.user_id}")
    return menu.card(called(context, person), words, rows=[*button_rows(days, 3), back])


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
    data = f"a-term-yes:{person.user_id}:{admin.short(plan.name)}:{days}:{context.update_id}"
    yes = menu.button(context, "people-term", data)
    return menu.confirm(context, words, yes, f"a-user:{person.user_id}")


def give_plan(context: BotContext) -> View:
    """Give the plan, and tell the person."""
    person, plan, days = person_of(context), _plan(context), _plan_days(context)
    key = f"gift:update:{context.number(3) or context.update_id}"
    is_new = context.billing.terms.add(
        person.user_id, plan.name, days, Source.GIFT, key, admin.by(context)
    )
    if is_new:
        told = {"ru": plan.titled("ru"), "en": plan.titled("en"), "days": days}
        Notices(context.db).tell(str(person.user_id), "notice-plan-gift", told, once=f"term:{key}")
    # With the plan that they have from now on.
    person = Users(context.db).get(person.user_id) or person
    return replace(person_card(context, person), alert=context.translate("people-term-given"))


def choose_role(context: BotContext) -> View:
    """Show the roles that can be given."""
    person = another(context)
    now = context.roles.role_of(person.user_id)
    rows = []
    for role in Role:
        mark = "▸ " if role is now else ""
        data = f"a-role-ask:{person.user_id}:{role.value}"
        if role is Role.TEACHER:
            data = f"a-scopes:{person.user_id}:0"
        rows.append((Button(f"{mark}{admin.word(context, 'role', role.value)}", data),))
    words = context.translate("people-ask-role")
    back = menu.back(context, f"a-user:{person.user_id}")
    return menu.card(called(context, person), words, rows=[*rows, back])


def scopes(context: BotContext) -> View:
    """Show the datasets that a teacher may have or has."""
    person = another(context)
    has = context.roles.standing(person.user_id).scopes

    def entry(name: str) -> Button:
        verb, mark = ("a-scope-off", "✅ ") if name in has else ("a-role-ask", "")
        role = "" if name in has else f":{Role.TEACHER.value}"
        return Button(f"{mark}{name}", f"{verb}:{person.user_id}{role}:{admin.short(name)}")

    names = sorted({*_datasets(context), *has})
    rows = menu.list_rows(names, context.number(1), f"a-scopes:{person.user_id}", entry)
    words = context.translate("people-ask-scope" if names else "admin-no-datasets")
    back = menu.back(context, f"a-role:{person.user_id}")
    return menu.card(called(context, person), words, rows=[*rows, back])


def _datasets(context: BotContext) -> list[str]:
    return admin.datasets(context, Permission.USERS)


def _scope(context: BotContext, place: int, known: frozenset[str] = frozenset()) -> str:
    """Return the dataset that a button names. Raises NotFound."""
    mark = context.argument(place)
    for name in {*_datasets(context), *known}:
        if admin.short(name) == mark:
            return name
    raise NotFound("no such dataset", "admin-no-dataset")


def _role(context: BotContext) -> Role:
    """Return the role that a button names. Raises NotFound."""
    try:
        return Role(context.argument(1))
    except ValueError:
        raise NotFound("no such role", "bot-button-old") from None


def ask_role(context: BotContext) -> View:
    """Ask whether the role is meant."""
    person, role = another(context), _role(context)
    scope = _scope(context, 2) if role is Role.TEACHER else None
    told = admin.word(context, "role", role.value) + (f" ({scope})" if scope else "")
    words = context.translate("people-ask-grant", who=called(context, person), role=told)
    data = f"a-role-yes:{person.user_id}:{role.value}"
    data += f":{admin.short(scope)}" if scope else ""
    yes = menu.button(context, "people-grant", data)
    return menu.confirm(context, words, yes, f"a-role:{person.user_id}")


def grant(context: BotContext) -> View:
    """Give the role."""
    person, role = another(context), _role(context)
    scope = _scope(context, 2) if role is Role.TEACHER else None
    if context.roles.grant(person.user_id, role, admin.by(context), scope):
        _tell(context, person.user_id)
    return replace(show_person(context), alert=context.translate("people-granted"))


def ask_off(context: BotContext) -> View:
    """Ask whether a teacher is to lose a dataset."""
    person = another(context)
    scope = _scope(context, 1, context.roles.standing(person.user_id).scopes)
    words = context.translate("people-ask-scope-off", who=called(context, person), scope=scope)
    data = f"a-scope-off-yes:{person.user_id}:{admin.short(scope)}"
    yes = menu.button(context, "people-revoke", data)
    return menu.confirm(context, words, yes, f"a-scopes:{person.user_id}")


def take_off(context: BotContext) -> View:
    """Take a dataset from a teacher."""
    person = another(context)
    scope = _scope(context, 1, context.roles.standing(person.user_id).scopes)
    if context.roles.revoke(person.user_id, admin.by(context), scope):
        _tell(context, person.user_id)
    return replace(show_person(context), alert=context.translate("people-granted"))


def _tell(context: BotContext, user_id: int) -> None:
    """Tell the person what they are now."""
    standing = context.roles.standing(user_id)
    role = {"key": f"role-{standing.role.value}", "arguments": {}}
    scopes_ = ", ".join(sorted(standing.scopes)) or "–"
    key = "notice-role-scopes" if standing.scopes else "notice-role"
    Notices(context.db).tell(str(user_id), key, {"role": role, "scopes": scopes_})


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
