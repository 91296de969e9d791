"""Plan gift: a plan for some days for nothing; asked once more, and told to the person.

plan -> days -> sure -> given
"""

from __future__ import annotations

from dataclasses import replace

from merlin.account.role import Permission
from merlin.billing.plan import Plan
from merlin.billing.term import Source
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.office.people import called, card, person_of
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import NotFound, Refused
from merlin.core.page import Button, rows
from merlin.core.text import text

_DAYS = (3, 7, 14, 30, 90, 365)
_LONGEST_DAYS = 3650


def choose_plan(kit: Kit, event: Event) -> Screen:
    """Ask which plan to give; the first one everybody has."""
    person = person_of(kit, event)
    plans = [each for each in kit.services.plans[1:] if not each.is_pack]
    buttons = [
        Button(each.titled(event.language), f"a-term-d:{person.user_id}:{panel.short(each.name)}")
        for each in plans
    ]
    words = text(event.language, "people-ask-term" if plans else "people-no-terms")
    back = panel.back(event, f"a-user:{person.user_id}")
    return panel.panel(called(event, person), words, rows=[*rows(buttons), back])


def _plan(kit: Kit, event: Event) -> Plan:
    """Return the plan that a button names. Raises NotFound."""
    mark = "".join(event.args[1:2])
    for each in kit.services.plans[1:]:
        if not each.is_pack and panel.short(each.name) == mark:
            return each
    raise NotFound("no such plan", "bot-button-old")


def choose_days(kit: Kit, event: Event) -> Screen:
    """Ask for how long."""
    person, plan = person_of(kit, event), _plan(kit, event)
    place = f"a-term-ask:{person.user_id}:{panel.short(plan.name)}"
    days = [
        Button(text(event.language, "people-days", days=each), f"{place}:{each}") for each in _DAYS
    ]
    words = text(event.language, "people-ask-days")
    back = panel.back(event, f"a-term:{person.user_id}")
    return panel.panel(called(event, person), words, rows=[*rows(days, 3), back])


def _days(event: Event) -> int:
    """Return the days that a button names. Raises Refused."""
    days = number(event, 2)
    if not 1 <= days <= _LONGEST_DAYS:
        raise Refused(f"a plan for {days} days", "bot-button-old")
    return days


def ask_term(kit: Kit, event: Event) -> Screen:
    """Ask whether the gift is meant."""
    person, plan, days = person_of(kit, event), _plan(kit, event), _days(event)
    told = {"who": called(event, person), "title": plan.titled(event.language), "days": days}
    words = text(event.language, "people-ask-term-gift", **told)
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-term-yes:{person.user_id}:{panel.short(plan.name)}:{days}:{event.update_id}"
    yes = panel.button(event, "people-term", data)
    return panel.asks(event, words, yes, f"a-user:{person.user_id}")


def give(kit: Kit, event: Event) -> Screen:
    """Give the plan, and tell the person."""
    person, plan, days = person_of(kit, event), _plan(kit, event), _days(event)
    key = f"gift:update:{number(event, 3) or event.update_id}"
    is_new = kit.rows.books.terms.add(
        person.user_id, plan.name, days, Source.GIFT, key, panel.by(event)
    )
    if is_new:
        told = {"ru": plan.titled("ru"), "en": plan.titled("en"), "days": days}
        kit.rows.notices.tell(str(person.user_id), "notice-plan-gift", told, once=f"term:{key}")
    # With the plan that they have from now on.
    person = kit.rows.users.get(person.user_id) or person
    return replace(card(kit, event, person), alert=text(event.language, "people-term-given"))


TOPIC = Topic(
    buttons={
        "a-term": guarded(Permission.GIFTS, choose_plan),
        "a-term-d": guarded(Permission.GIFTS, choose_days),
        "a-term-ask": guarded(Permission.GIFTS, ask_term),
        "a-term-yes": guarded(Permission.GIFTS, give),
    }
)
