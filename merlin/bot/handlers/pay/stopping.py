"""Stopping: a plan that renews itself is stopped, asked once more; what is paid for stays."""

from __future__ import annotations

from dataclasses import replace

from merlin.account import audit
from merlin.billing.plan import plan_named
from merlin.billing.renewal import Renewal, RenewalState
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.pay.judged import judged
from merlin.bot.handlers.pay.plan import plan, to_plan
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.core import moment
from merlin.core.errors import NotFound
from merlin.core.page import Button
from merlin.core.text import text


def renewal(kit: Kit, event: Event) -> Screen:
    """Tell when a plan is paid next, and ask whether it is to stop."""
    mine = _own(kit, event)
    at = moment.told(mine.next_at, zone_for(kit, event), event.language)
    told_ = {"title": _title(kit, event, mine), "at": at, "till": mine.till.value}
    words = text(event.language, "pay-ask-stop", **told_)
    label = text(event.language, "pay-button-stop")
    stop = Button(label, f"renewal-off:{mine.renewal_id}", style="danger")
    return said(words, (stop,), to_plan(event))


def _own(kit: Kit, event: Event) -> Renewal:
    """Return the renewal that a button names. Raises NotFound where it is off or not theirs."""
    mine = kit.rows.books.renewals.of(event.user_id)
    for each in mine:
        if each.renewal_id == number(event) and each.state is RenewalState.ON:
            return each
    raise NotFound("no such renewal", "pay-renewal-none")


def _title(kit: Kit, event: Event, mine: Renewal) -> str:
    of = plan_named(kit.services.plans, mine.plan)
    return of.titled(event.language) if of is not None else mine.plan


def stop(kit: Kit, event: Event) -> Screen:
    """Stop the renewal; the teller lets Telegram know of one in Stars."""
    mine = _own(kit, event)
    kit.rows.books.renewals.stop(mine.renewal_id, event.user_id)
    who = audit.user(event.user_id)
    kit.rows.audit.note(who, "renewal.stop", who, {"plan": mine.plan, "till": mine.till.value})
    words = text(event.language, "pay-stopped", title=_title(kit, event, mine))
    return replace(plan(kit, event), alert=words, is_loud=True)


TOPIC = Topic(buttons={"renewal": judged(renewal), "renewal-off": judged(stop)})
