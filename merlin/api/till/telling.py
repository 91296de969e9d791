"""Telling: what people are told of their plans before it happens; within the store's work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from merlin.account.account import is_of_telegram
from merlin.account.zone import zone_of
from merlin.api.services import ApiServices
from merlin.billing.amount import Amount
from merlin.billing.plan import plan_named
from merlin.billing.purchase import Till
from merlin.billing.renewal import PAY_BEFORE, Renewal, RenewalState
from merlin.core.clock import in_zone, iso
from merlin.core.text import LANGUAGES

ENDS_BEFORE = timedelta(days=1)


def tell(
    services: ApiServices, user_id: int, key: str, arguments: Mapping[str, object], once: str
) -> None:
    """Tell somebody whom the bot can reach, once."""
    if is_of_telegram(user_id):
        services.rows.notices.tell(str(user_id), key, arguments, once)


def named(services: ApiServices, name: str) -> dict[str, object]:
    """Return a plan's title in each language, as texts of notices take it."""
    plan = plan_named(services.plans, name)
    return {each: name if plan is None else plan.titled(each) for each in LANGUAGES}


def day(services: ApiServices, user_id: int, at: datetime) -> dict[str, object]:
    """Return a moment in somebody's time zone, as a text within a text."""
    user = services.rows.users.get(user_id)
    here = in_zone(at, zone_of((user.zone if user else None) or services.timezone))
    month = {"key": "moment-month", "arguments": {"month": here.month}}
    said = {"day": here.day, "month": month, "year": str(here.year), "time": f"{here:%H:%M}"}
    return {"key": "moment-told", "arguments": said}


def remind(services: ApiServices, now: datetime) -> None:
    """Tell everybody whose plan is paid again in the next days what will be taken, and when."""
    for renewal in services.rows.books.renewals.to_remind(now):
        price = _price(services, renewal)
        if price is None:
            continue
        is_ours = renewal.till is Till.YOOKASSA
        at = renewal.next_at - PAY_BEFORE if is_ours else renewal.next_at
        told = {
            **named(services, renewal.plan),
            "amount": f"{price.decimal} {price.currency.value}",
            "at": day(services, renewal.user_id, max(at, now)),
        }
        once = f"renewal-soon:{renewal.renewal_id}:{iso(renewal.next_at)}"
        key = "notice-renewal-soon" if is_ours else "notice-renewal-soon-stars"
        tell(services, renewal.user_id, key, told, once)


def _price(services: ApiServices, renewal: Renewal) -> Amount | None:
    plan = plan_named(services.plans, renewal.plan)
    if plan is None:
        return None
    return plan.offer.xtr if renewal.till is Till.STARS else plan.offer.rub


def tell_ends(services: ApiServices, now: datetime, told_at: datetime | None = None) -> None:
    """Tell everybody whose plan ends tomorrow, and is not renewed, that it does; once.

    `told_at` is when this was done last: who was told then is not asked about again.
    """
    books = services.rows.books
    after = now if told_at is None else max(now, told_at + ENDS_BEFORE)
    for term in books.terms.ending(after, now + ENDS_BEFORE):
        renewals = books.renewals.of(term.user_id)
        if any(each.plan == term.plan and each.state is RenewalState.ON for each in renewals):
            continue
        at = day(services, term.user_id, term.ends_at)
        told = {**named(services, term.plan), "at": at}
        once = f"ends:{term.term_id}:{iso(term.ends_at)}"
        tell(services, term.user_id, "notice-plan-ends", told, once)
