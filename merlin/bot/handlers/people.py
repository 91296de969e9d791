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

from merlin.account.users import User
from merlin.app.dialogs import Dialog
from merlin.billing.plan import UNLIMITED, Format, Plan, Source, plan_of
from merlin.billing.quota import MOST, Gift, Left
from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import AT_ONCE, guarded, to_admin_home
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import zone_for
from merlin.bot.menu import Screen
from merlin.bot.rendering import audit_text, named
from merlin.core import i18n
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, button_rows
from merlin.core.i18n import text
from merlin.core.permissions import Permission, Role
from merlin.db import audit

FINDING = f"{admin.STEP}find"
_DEEDS = 5


def list_people(kit: Kit, event: Event) -> Screen:
    """Show a page of the people, the newest first."""
    register = kit.rows.register
    count = register.count()
    page = min(number(event), max(count - 1, 0) // AT_ONCE)
    people = register.listed(page * AT_ONCE, AT_ONCE)
    more = admin.turning("a-users", page, has_more=count > (page + 1) * AT_ONCE)
    find = admin.button(event, "people-find", "a-find")
    words = text(event.language, "people-count", count=count)
    rows = [*_entries(event, people), more, (find,), to_admin_home(event)]
    return admin.panel_screen(text(event.language, "admin-users"), words, rows=rows)


def _entries(event: Event, people: list[User]) -> list[tuple[Button, ...]]:
    return [(Button(called(event, each), f"a-user:{each.user_id}"),) for each in people]


def called(event: Event, person: User) -> str:
    """Return how a person is named in lists."""
    name = person.shown_name or text(event.language, "people-nameless")
    mark = "🚫 " if person.is_blocked else ""
    return f"{mark}{name} · {person.user_id}"


def find_person(kit: Kit, event: Event) -> Screen:
    """Ask whom to look for."""
    kit.wait(event, Dialog(FINDING))
    return admin.waits_for(event, text(event.language, "people-ask-find"), "a-users:0")


def person_found(kit: Kit, event: Event) -> Screen:
    """Show whom the words fit; the next message looks again."""
    people = kit.rows.register.find(event.text, AT_ONCE)
    words = text(event.language, "people-found" if people else "people-found-none")
    title = text(event.language, "admin-users")
    back = admin.back(event, "a-users:0")
    return admin.panel_screen(title, words, rows=[*_entries(event, people), back])


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


def show_person(kit: Kit, event: Event) -> Screen:
    """Show one person."""
    return person_card(kit, event, person_of(kit, event))


def person_card(kit: Kit, event: Event, person: User) -> Screen:
    """Return the screen of one person, with what can be done."""
    user_id = person.user_id
    block = ("people-unblock", "a-unblock") if person.is_blocked else ("people-block", "a-block")
    has_plans = bool(kit.services.plans)
    return admin.panel_screen(
        called(event, person),
        _words(kit, event, person),
        "\n".join(_left(kit, event, person)),
        "\n".join(_deeds(kit, event, person)),
        rows=[
            (
                admin.button(event, "people-role", f"a-role:{user_id}"),
                admin.button(event, block[0], f"{block[1]}:{user_id}"),
            ),
            (
                admin.button(event, "people-plan", f"a-plan:{user_id}"),
                admin.button(event, "people-gift", f"a-gift:{user_id}"),
            )
            if has_plans
            else (),
            (
                admin.button(event, "people-term", f"a-term:{user_id}"),
                admin.button(event, "people-purchases", f"a-buys:{user_id}:0"),
            )
            if has_plans
            else (),
            admin.back(event, "a-users:0"),
        ],
    )


def _words(kit: Kit, event: Event, person: User) -> str:
    standing = kit.rows.roles.standing(person.user_id)
    plan = plan_of(kit.services.plans, person.plans)
    role = admin.word(event, "role", standing.role.value)
    marks = [
        text(event.language, f"account-{name}")
        for name, is_so in (
            ("blocked", person.is_blocked),
            ("unreachable", not person.is_reachable),
        )
        if is_so
    ]
    return admin.lines(
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
        format=admin.word(event, "format", left.kind.value),
        used=left.used,
        limit=left.limit or 0,
        gifts=left.gifts,
    )


def _deeds(kit: Kit, event: Event, person: User) -> list[str]:
    """Return what was lately done to the person, and by whom."""
    entries = kit.rows.audit.newest(_DEEDS, audit.person_reference(person.user_id))
    zone = zone_for(kit, event)
    return [
        text(
            event.language,
            "people-deed",
            at=i18n.format_moment_briefly(each.at, zone, event.language),
            deed=audit_text(each.action, event.language),
            by=named(kit.services, each.by, event.language),
        )
        for each in entries
    ]


def ask_block(kit: Kit, event: Event) -> Screen:
    """Ask whether the person is to be shut out."""
    person = another(kit, event)
    words = text(event.language, "people-ask-block", who=called(event, person))
    yes = admin.button(event, "people-block", f"a-block-yes:{person.user_id}")
    return admin.asks(event, words, yes, f"a-user:{person.user_id}")


def block_person(kit: Kit, event: Event) -> Screen:
    """Stop answering the person. Raises Refused for another admin."""
    person = another(kit, event)
    if kit.rows.roles.standing(person.user_id).may(Permission.USERS):
        raise Refused("an admin", "people-not-admin")
    kit.rows.register.block(person.user_id, admin.by(event))
    return replace(show_person(kit, event), alert=text(event.language, "people-blocked"))


def unblock_person(kit: Kit, event: Event) -> Screen:
    """Answer the person again."""
    kit.rows.register.block(person_of(kit, event).user_id, admin.by(event), is_blocked=False)
    return replace(show_person(kit, event), alert=text(event.language, "people-unblocked"))


def choose_plan(kit: Kit, event: Event) -> Screen:
    """Show the plans."""
    person = person_of(kit, event)
    now = plan_of(kit.services.plans, person.plans)
    rows = [
        (
            Button(
                f"{'▸ ' if plan is now else ''}{plan.titled(event.language)}",
                f"a-plan-set:{person.user_id}:{admin.short(plan.name)}",
            ),
        )
        for plan in kit.services.plans
    ]
    words = text(event.language, "people-ask-plan")
    title = called(event, person)
    return admin.panel_screen(
        title, words, rows=[*rows, admin.back(event, f"a-user:{person.user_id}")]
    )


def set_plan(kit: Kit, event: Event) -> Screen:
    """Give the person a plan. Raises NotFound for one that the config has no more."""
    person, mark = person_of(kit, event), "".join(event.args[1:2])
    for place, plan in enumerate(kit.services.plans):
        if admin.short(plan.name) == mark:
            # The first plan is everybody's: who has it follows the config.
            name = plan.name if place else None
            kit.rows.register.set_plan(person.user_id, name, admin.by(event))
            return replace(show_person(kit, event), alert=text(event.language, "people-plan-set"))
    raise NotFound("no such plan", "quota-no-plan", plan=mark)


AMOUNT = f"{admin.STEP}gift"
_AMOUNTS = (5, 10, 25, 50, 100, 500)
_QUESTION_DAYS = (7, 30, 90, 365)
_LONGEST_QUESTION_DAYS = 36_500


def choose_format(kit: Kit, event: Event) -> Screen:
    """Ask which questions to give."""
    person = person_of(kit, event)
    kinds = [
        Button(admin.word(event, "format", kind.value), f"a-gift-n:{person.user_id}:{kind.value}")
        for kind in Format
    ]
    words = text(event.language, "people-ask-format")
    back = admin.back(event, f"a-user:{person.user_id}")
    return admin.panel_screen(called(event, person), words, rows=[*button_rows(kinds, 2), back])


def choose_amount(kit: Kit, event: Event) -> Screen:
    """Ask how many; a number may be written too."""
    person, kind = person_of(kit, event), _format(event)
    said = {"user": person.user_id, "format": kind.value}
    kit.wait(event, Dialog(AMOUNT, said))
    return _asks_amount(event, person, kind, "people-ask-amount")


def _asks_amount(event: Event, person: User, kind: Format, key: str) -> Screen:
    place = f"{person.user_id}:{kind.value}"
    amounts = [Button(str(amount), f"a-gift-d:{place}:{amount}") for amount in _AMOUNTS]
    words = text(event.language, key, most=MOST)
    back = admin.back(event, f"a-gift:{person.user_id}")
    cancel = admin.button(event, "button-cancel", "cancel")
    return admin.panel_screen(
        called(event, person), words, rows=[*button_rows(amounts, 3), (*back, cancel)]
    )


def _format(event: Event) -> Format:
    """Return the format that a button names. Raises NotFound."""
    try:
        return Format("".join(event.args[1:2]))
    except ValueError:
        raise NotFound("no such format", "bot-button-old") from None


def written_amount(kit: Kit, event: Event) -> Screen:
    """Take the amount that was written."""
    said = event.dialog.said if event.dialog is not None else {}
    person = kit.rows.users.get(int(said.get("user", 0)))
    if person is None:
        raise NotFound("nobody", "account-no-user", user=str(said.get("user")))
    kind, words = Format(said["format"]), event.text.strip()
    is_number = words.isascii() and words.isdecimal() and len(words) < len(str(MOST)) + 1
    if not is_number or not 1 <= int(words) <= MOST:
        return _asks_amount(event, person, kind, "people-amount-wrong")
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _asks_days(event, person, kind, int(words))


def choose_question_days(kit: Kit, event: Event) -> Screen:
    """Ask for how long."""
    return _asks_days(event, person_of(kit, event), _format(event), _amount(event))


def _amount(event: Event) -> int:
    """Return the amount that a button names. Raises Refused."""
    amount = number(event, 2)
    if not 1 <= amount <= MOST:
        raise Refused(f"a gift of {amount}", "quota-gift-amount", most=MOST)
    return amount


def _asks_days(event: Event, person: User, kind: Format, amount: int) -> Screen:
    place = f"a-gift-ask:{person.user_id}:{kind.value}:{amount}"
    days = [
        Button(text(event.language, "people-days", days=each), f"{place}:{each}")
        for each in _QUESTION_DAYS
    ]
    ever = Button(text(event.language, "people-for-ever"), f"{place}:0")
    words = text(event.language, "people-ask-days")
    back = admin.back(event, f"a-gift-n:{person.user_id}:{kind.value}")
    return admin.panel_screen(
        called(event, person), words, rows=[*button_rows(days, 2), (ever,), back]
    )


def ask_gift(kit: Kit, event: Event) -> Screen:
    """Ask whether the gift is meant."""
    person, kind, amount, days = (
        person_of(kit, event),
        _format(event),
        _amount(event),
        _question_days(event),
    )
    told = {
        "who": called(event, person),
        "format": admin.word(event, "format", kind.value),
        "amount": amount,
    }
    for_long = text(event.language, "people-days" if days else "people-for-ever", days=days)
    words = text(event.language, "people-ask-gift", **told, long=for_long)
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-gift-yes:{person.user_id}:{kind.value}:{amount}:{days}:{event.update_id}"
    yes = admin.button(event, "people-gift", data)
    return admin.asks(event, words, yes, f"a-user:{person.user_id}")


def _question_days(event: Event) -> int:
    return min(number(event, 3), _LONGEST_QUESTION_DAYS)


def give_questions(kit: Kit, event: Event) -> Screen:
    """Give the questions, and tell the person."""
    person, kind, amount, days = (
        person_of(kit, event),
        _format(event),
        _amount(event),
        _question_days(event),
    )
    until = kit.services.clock() + timedelta(days=days) if days else None
    key = f"update:{number(event, 4) or event.update_id}"
    gift = Gift(person.user_id, kind, amount, admin.by(event), "", until, key)
    kit.rows.quotas.give(gift)
    told = {"amount": amount, "format": {"key": f"format-{kind.value}", "arguments": {}}}
    kit.rows.notices.tell(str(person.user_id), "notice-gift", told, once=f"gift:{key}")
    return replace(person_card(kit, event, person), alert=text(event.language, "people-given"))


_PLAN_DAYS = (3, 7, 14, 30, 90, 365)
_LONGEST_PLAN_DAYS = 3650


def choose_gift_plan(kit: Kit, event: Event) -> Screen:
    """Ask which plan to give; the first one everybody has."""
    person = person_of(kit, event)
    plans = [each for each in kit.services.plans[1:] if not each.is_pack]
    buttons = [
        Button(each.titled(event.language), f"a-term-d:{person.user_id}:{admin.short(each.name)}")
        for each in plans
    ]
    words = text(event.language, "people-ask-term" if plans else "people-no-terms")
    back = admin.back(event, f"a-user:{person.user_id}")
    return admin.panel_screen(called(event, person), words, rows=[*button_rows(buttons), back])


def _plan(kit: Kit, event: Event) -> Plan:
    """Return the plan that a button names. Raises NotFound."""
    mark = "".join(event.args[1:2])
    for each in kit.services.plans[1:]:
        if not each.is_pack and admin.short(each.name) == mark:
            return each
    raise NotFound("no such plan", "bot-button-old")


def choose_plan_days(kit: Kit, event: Event) -> Screen:
    """Ask for how long."""
    person, plan = person_of(kit, event), _plan(kit, event)
    place = f"a-term-ask:{person.user_id}:{admin.short(plan.name)}"
    days = [
        Button(text(event.language, "people-days", days=each), f"{place}:{each}")
        for each in _PLAN_DAYS
    ]
    words = text(event.language, "people-ask-days")
    back = admin.back(event, f"a-term:{person.user_id}")
    return admin.panel_screen(called(event, person), words, rows=[*button_rows(days, 3), back])


def _plan_days(event: Event) -> int:
    """Return the days that a button names. Raises Refused."""
    days = number(event, 2)
    if not 1 <= days <= _LONGEST_PLAN_DAYS:
        raise Refused(f"a plan for {days} days", "bot-button-old")
    return days


def ask_term(kit: Kit, event: Event) -> Screen:
    """Ask whether the gift is meant."""
    person, plan, days = person_of(kit, event), _plan(kit, event), _plan_days(event)
    told = {"who": called(event, person), "title": plan.titled(event.language), "days": days}
    words = text(event.language, "people-ask-term-gift", **told)
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-term-yes:{person.user_id}:{admin.short(plan.name)}:{days}:{event.update_id}"
    yes = admin.button(event, "people-term", data)
    return admin.asks(event, words, yes, f"a-user:{person.user_id}")


def give_plan(kit: Kit, event: Event) -> Screen:
    """Give the plan, and tell the person."""
    person, plan, days = person_of(kit, event), _plan(kit, event), _plan_days(event)
    key = f"gift:update:{number(event, 3) or event.update_id}"
    is_new = kit.rows.billing.terms.add(
        person.user_id, plan.name, days, Source.GIFT, key, admin.by(event)
    )
    if is_new:
        told = {"ru": plan.titled("ru"), "en": plan.titled("en"), "days": days}
        kit.rows.notices.tell(str(person.user_id), "notice-plan-gift", told, once=f"term:{key}")
    # With the plan that they have from now on.
    person = kit.rows.users.get(person.user_id) or person
    return replace(person_card(kit, event, person), alert=text(event.language, "people-term-given"))


def choose_role(kit: Kit, event: Event) -> Screen:
    """Show the roles that can be given."""
    person = another(kit, event)
    now = kit.rows.roles.role_of(person.user_id)
    rows = []
    for role in Role:
        mark = "▸ " if role is now else ""
        data = f"a-role-ask:{person.user_id}:{role.value}"
        if role is Role.TEACHER:
            data = f"a-scopes:{person.user_id}:0"
        rows.append((Button(f"{mark}{admin.word(event, 'role', role.value)}", data),))
    words = text(event.language, "people-ask-role")
    back = admin.back(event, f"a-user:{person.user_id}")
    return admin.panel_screen(called(event, person), words, rows=[*rows, back])


def scopes(kit: Kit, event: Event) -> Screen:
    """Show the datasets that a teacher may have or has."""
    person = another(kit, event)
    has = kit.rows.roles.standing(person.user_id).scopes
    rows: list[tuple[Button, ...]] = []
    here, page, has_more = admin.page_of(sorted({*_datasets(kit, event), *has}), number(event, 1))
    for name in here:
        verb, mark = ("a-scope-off", "✅ ") if name in has else ("a-role-ask", "")
        role = "" if name in has else f":{Role.TEACHER.value}"
        data = f"{verb}:{person.user_id}{role}:{admin.short(name)}"
        rows.append((Button(f"{mark}{name}", data),))
    words = text(event.language, "people-ask-scope" if rows else "admin-no-datasets")
    back = admin.back(event, f"a-role:{person.user_id}")
    more = admin.turning(f"a-scopes:{person.user_id}", page, has_more=has_more)
    return admin.panel_screen(called(event, person), words, rows=[*rows, more, back])


def _datasets(kit: Kit, event: Event) -> list[str]:
    return admin.datasets(kit, event, Permission.USERS)


def _scope(kit: Kit, event: Event, place: int, known: frozenset[str] = frozenset()) -> str:
    """Return the dataset that a button names. Raises NotFound."""
    mark = "".join(event.args[place : place + 1])
    for name in {*_datasets(kit, event), *known}:
        if admin.short(name) == mark:
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
    told = admin.word(event, "role", role.value) + (f" ({scope})" if scope else "")
    words = text(event.language, "people-ask-grant", who=called(event, person), role=told)
    data = f"a-role-yes:{person.user_id}:{role.value}"
    data += f":{admin.short(scope)}" if scope else ""
    yes = admin.button(event, "people-grant", data)
    return admin.asks(event, words, yes, f"a-role:{person.user_id}")


def grant(kit: Kit, event: Event) -> Screen:
    """Give the role."""
    person, role = another(kit, event), _role(event)
    scope = _scope(kit, event, 2) if role is Role.TEACHER else None
    if kit.rows.roles.grant(person.user_id, role, admin.by(event), scope):
        _tell(kit, person.user_id)
    return replace(show_person(kit, event), alert=text(event.language, "people-granted"))


def ask_off(kit: Kit, event: Event) -> Screen:
    """Ask whether a teacher is to lose a dataset."""
    person = another(kit, event)
    scope = _scope(kit, event, 1, kit.rows.roles.standing(person.user_id).scopes)
    words = text(event.language, "people-ask-scope-off", who=called(event, person), scope=scope)
    data = f"a-scope-off-yes:{person.user_id}:{admin.short(scope)}"
    yes = admin.button(event, "people-revoke", data)
    return admin.asks(event, words, yes, f"a-scopes:{person.user_id}")


def take_off(kit: Kit, event: Event) -> Screen:
    """Take a dataset from a teacher."""
    person = another(kit, event)
    scope = _scope(kit, event, 1, kit.rows.roles.standing(person.user_id).scopes)
    if kit.rows.roles.revoke(person.user_id, admin.by(event), scope):
        _tell(kit, person.user_id)
    return replace(show_person(kit, event), alert=text(event.language, "people-granted"))


def _tell(kit: Kit, user_id: int) -> None:
    """Tell the person what they are now."""
    standing = kit.rows.roles.standing(user_id)
    role = {"key": f"role-{standing.role.value}", "arguments": {}}
    scopes_ = ", ".join(sorted(standing.scopes)) or "–"
    key = "notice-role-scopes" if standing.scopes else "notice-role"
    kit.rows.notices.tell(str(user_id), key, {"role": role, "scopes": scopes_})


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        buttons={
            "a-users": guarded(Permission.USERS, list_people),
            "a-find": guarded(Permission.USERS, find_person),
            "a-user": guarded(Permission.USERS, show_person),
            "a-block": guarded(Permission.USERS, ask_block),
            "a-block-yes": guarded(Permission.USERS, block_person),
            "a-unblock": guarded(Permission.USERS, unblock_person),
            "a-plan": guarded(Permission.USERS, choose_plan),
            "a-plan-set": guarded(Permission.USERS, set_plan),
            "a-gift": guarded(Permission.GIFTS, choose_format),
            "a-gift-n": guarded(Permission.GIFTS, choose_amount),
            "a-gift-d": guarded(Permission.GIFTS, choose_question_days),
            "a-gift-ask": guarded(Permission.GIFTS, ask_gift),
            "a-gift-yes": guarded(Permission.GIFTS, give_questions),
            "a-term": guarded(Permission.GIFTS, choose_gift_plan),
            "a-term-d": guarded(Permission.GIFTS, choose_plan_days),
            "a-term-ask": guarded(Permission.GIFTS, ask_term),
            "a-term-yes": guarded(Permission.GIFTS, give_plan),
            "a-role": guarded(Permission.USERS, choose_role),
            "a-scopes": guarded(Permission.USERS, scopes),
            "a-role-ask": guarded(Permission.USERS, ask_role),
            "a-role-yes": guarded(Permission.USERS, grant),
            "a-scope-off": guarded(Permission.USERS, ask_off),
            "a-scope-off-yes": guarded(Permission.USERS, take_off),
        },
        steps={
            FINDING: guarded(Permission.USERS, person_found),
            AMOUNT: guarded(Permission.GIFTS, written_amount),
        },
    )
