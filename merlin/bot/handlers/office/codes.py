"""Codes: promo codes as they stand, a new one, and one that is to end.

list -> code -> stop (asked once more)
     -> plan -> "CODE 20%" or "CODE 7" (a step) -> made
"""

from __future__ import annotations

import re
from dataclasses import replace

from merlin.account.role import Permission
from merlin.billing.plan import Plan
from merlin.billing.promo import Listed, Promo
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.chat.dialog import Dialog
from merlin.core import moment
from merlin.core.errors import NotFound, Refused
from merlin.core.page import Button, rows
from merlin.core.text import text

ADDING = f"{panel.STEP}code"
# "SUMMER 20% 100": the code, what it gives (percent, or days), for how many people.
_WRITTEN = re.compile(r"(\S+)\s+(\d{1,4})\s*(%?)(?:\s+(\d{1,6}))?")


def listed(kit: Kit, event: Event) -> Screen:
    """Show a page of the codes, the newest first."""
    found = list(kit.rows.books.promos.all())
    here, page, has_more = panel.page_of(found, number(event))
    buttons = [(_entry(event, each),) for each in here]
    more = panel.turning("a-codes", page, has_more=has_more)
    add = (panel.button(event, "pay-admin-code-add", "a-code-add"),)
    words = text(event.language, "pay-admin-no-codes") if not found else ""
    title = text(event.language, "pay-admin-codes")
    return panel.panel(title, words, rows=[*buttons, more, add, panel.back(event, "a-pay")])


def _entry(event: Event, each: Listed) -> Button:
    mark = "⏹ " if each.is_stopped else ""
    label = f"{mark}{each.promo.code} · {_gives(event, each.promo)}"
    return Button(label, f"a-code:{panel.short(each.promo.code)}")


def _gives(event: Event, promo: Promo) -> str:
    if promo.percent:
        return f"−{promo.percent} %"
    return text(event.language, "people-days", days=promo.days)


def _of(kit: Kit, event: Event) -> Listed:
    """Return the code that a button names. Raises NotFound."""
    for each in kit.rows.books.promos.all():
        if panel.short(each.promo.code) == "".join(event.args[:1]):
            return each
    raise NotFound("no such code", "promo-unknown")


def shown(kit: Kit, event: Event) -> Screen:
    """Show one code."""
    return _card(kit, event, _of(kit, event))


def _card(kit: Kit, event: Event, each: Listed) -> Screen:
    promo, zone = each.promo, zone_for(kit, event)
    until = moment.told(promo.ends_at, zone, event.language) if promo.ends_at else "—"
    words = text(
        event.language,
        "pay-admin-code-what",
        plan=_title(kit, event, promo.plan),
        gives=_gives(event, promo),
        uses=each.uses,
        most="—" if promo.most_uses is None else str(promo.most_uses),
        until=until,
        state="stopped" if each.is_stopped else "on",
        by=promo.by,
    )
    mark = panel.short(promo.code)
    stop = panel.button(event, "pay-admin-code-stop", f"a-code-off:{mark}", "danger")
    ways = () if each.is_stopped else (stop,)
    return panel.panel(promo.code, words, rows=[ways, panel.back(event, "a-codes:0")])


def _title(kit: Kit, event: Event, name: str) -> str:
    found = next((each for each in kit.services.plans if each.name == name), None)
    return found.titled(event.language) if found is not None else name


def ask_stop(kit: Kit, event: Event) -> Screen:
    """Ask whether the code is to end."""
    code = _of(kit, event).promo.code
    mark = panel.short(code)
    words = text(event.language, "pay-admin-code-ask-stop", code=code)
    yes = panel.button(event, "pay-admin-code-stop", f"a-code-off-yes:{mark}")
    return panel.asks(event, words, yes, f"a-code:{mark}")


def stop(kit: Kit, event: Event) -> Screen:
    """Let nobody use the code any more."""
    kit.rows.books.promos.stop(_of(kit, event).promo.code, panel.by(event))
    alert = text(event.language, "pay-admin-code-stopped")
    return replace(_card(kit, event, _of(kit, event)), alert=alert)


def choose_plan(kit: Kit, event: Event) -> Screen:
    """Ask what the code is for."""
    buttons = [
        Button(each.titled(event.language), f"a-code-for:{panel.short(each.name)}")
        for each in kit.services.plans[1:]
    ]
    words = text(event.language, "pay-admin-code-for")
    title = text(event.language, "pay-admin-code-add")
    return panel.panel(title, words, rows=[*rows(buttons), panel.back(event, "a-codes:0")])


def ask_code(kit: Kit, event: Event) -> Screen:
    """Ask for the code and what it gives."""
    plan = _plan(kit, "".join(event.args[:1]))
    kit.wait(event, Dialog(ADDING, {"plan": plan.name}))
    words = text(event.language, "pay-admin-code-write", title=plan.titled(event.language))
    return panel.waits_for(event, words, "a-codes:0")


def _plan(kit: Kit, mark: str) -> Plan:
    for each in kit.services.plans[1:]:
        if panel.short(each.name) == mark:
            return each
    raise NotFound("no such plan", "bot-button-old")


def add(kit: Kit, event: Event) -> Screen:
    """Make the code that was written. Raises Refused for one that is none."""
    said = event.dialog.said if event.dialog is not None else {}
    found = _WRITTEN.fullmatch(event.text.strip())
    plan = next((each for each in kit.services.plans[1:] if each.name == said.get("plan")), None)
    if plan is None:
        raise NotFound("no such plan", "bot-button-old")
    if found is None:
        raise Refused("not understood", "pay-admin-code-wrong")
    code, count, percent, most = found.groups()
    if plan.is_pack and not percent:
        raise Refused("a pack has no days", "pay-admin-code-pack")
    days, off = (0, int(count)) if percent else (int(count), 0)
    promo = Promo(code, plan.name, days, off, int(most) if most else None, by=panel.by(event))
    kit.rows.books.promos.add(promo)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return listed(kit, event)


TOPIC = Topic(
    buttons={
        "a-codes": guarded(Permission.REFUNDS, listed),
        "a-code": guarded(Permission.REFUNDS, shown),
        "a-code-off": guarded(Permission.REFUNDS, ask_stop),
        "a-code-off-yes": guarded(Permission.REFUNDS, stop),
        "a-code-add": guarded(Permission.REFUNDS, choose_plan),
        "a-code-for": guarded(Permission.REFUNDS, ask_code),
    },
    steps={ADDING: guarded(Permission.REFUNDS, add)},
)
