"""My plan: until when one has it, what packs hold, and what renews itself until one says no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from merlin.account import audit
from merlin.api.caller import Person
from merlin.api.own_page import own_page
from merlin.api.pages.plan_words import pack_words, until
from merlin.api.pages.shop import has_shop
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit, Visiting
from merlin.billing.plan import Format, Plan, plan_named, plan_of
from merlin.billing.purchase import Till
from merlin.billing.quota import Given
from merlin.billing.renewal import PAY_BEFORE, Renewal, RenewalState
from merlin.billing.term import Term
from merlin.core.web.answering import seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class RenewalRow:
    """One plan that renews itself."""

    renewal_id: int
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class MyPlan:
    """What is told of it on /me; `until` "" for a plan that does not end."""

    until: str
    others: tuple[str, ...]
    packs: tuple[str, ...]
    renewals: tuple[RenewalRow, ...]
    has_orders: bool
    has_shop: bool


def my_plan(visit: Visit) -> MyPlan:
    """Return it; reads rows."""
    rows, user_id = visit.services.rows, visit.caller.user_id
    user, plans = visit.caller.user, visit.services.plans
    terms = rows.books.terms.of(user_id)
    now = plan_of(plans, user.plans) if user else None
    on = [each for each in rows.books.renewals.of(user_id) if each.state is RenewalState.ON]
    return MyPlan(
        until=_until(visit, now, terms),
        others=tuple(_others(visit, now, terms)),
        packs=tuple(_packs(visit, rows.quotas.gifts(user_id))),
        renewals=tuple(_renewal(visit, each) for each in on),
        has_orders=bool(rows.books.purchases.of(user_id, 1)),
        has_shop=has_shop(visit),
    )


def _until(visit: Visit, plan: Plan | None, terms: Sequence[Term]) -> str:
    user = visit.caller.user
    if plan is None or (user is not None and user.plan == plan.name):
        return ""
    ends = [each.ends_at for each in terms if each.plan == plan.name]
    is_over = not ends or max(ends) <= visit.services.clock()
    return "" if is_over else until(visit, max(ends))


def _others(visit: Visit, now: Plan | None, terms: Sequence[Term]) -> list[str]:
    """Return the plans beside the one that counts: a course's own, and a lower one that waits."""
    clock, lines = visit.services.clock(), []
    for name in dict.fromkeys(each.plan for each in terms):
        plan = plan_named(visit.services.plans, name)
        ends = max(each.ends_at for each in terms if each.plan == name)
        if plan is not None and plan is not now and ends > clock:
            title, day = plan.titled(visit.language), until(visit, ends)
            lines.append(visit.say("plan-also", plan=title, day=day))
    return lines


def _packs(visit: Visit, gifts: Sequence[Given]) -> list[str]:
    """Return what is left of packs and gifts, a line for each kind and last day."""
    now, left = visit.services.clock(), Counter[tuple[str, Format]]()
    for each in gifts:
        gift, rest = each.gift, each.gift.amount - each.used
        if rest > 0 and (gift.expires_at is None or gift.expires_at > now):
            day = until(visit, gift.expires_at) if gift.expires_at else ""
            left[day, gift.kind] += rest
    return [
        visit.say(
            "pack-left",
            what=pack_words(visit, {kind: rest})[0],
            until=day,
            ends="yes" if day else "no",
        )
        for (day, kind), rest in left.items()
    ]


def _renewal(visit: Visit, renewal: Renewal) -> RenewalRow:
    plan = plan_named(visit.services.plans, renewal.plan)
    price = plan.offer.rub if plan and renewal.till is Till.YOOKASSA else None
    if plan and renewal.till is Till.STARS:
        price = plan.offer.xtr
    # A saved method is asked a day before the plan ends; Telegram takes its Stars when it does.
    before = PAY_BEFORE if renewal.till is Till.YOOKASSA else timedelta(0)
    about = visit.say(
        "renews",
        price=price.told(visit.language) if price else "–",
        day=until(visit, renewal.next_at - before),
        method=renewal.method_title or visit.say(f"till-{renewal.till.value}"),
    )
    return RenewalRow(
        renewal_id=renewal.renewal_id,
        title=plan.titled(visit.language) if plan else renewal.plan,
        about=about,
    )


@router.post("/me/renewals/stop", dependencies=[Depends(own_page)])
async def stop_renewal(
    visit: Visiting, caller: Person, renewal_id: Annotated[int, Form(ge=1, le=2**53 - 1)]
) -> Response:
    """End one of my renewals; the bot lets Telegram know of one in Stars."""
    rows, user_id = visit.services.rows, caller.user_id

    def stop() -> None:
        mine = {each.renewal_id: each for each in rows.books.renewals.of(user_id)}
        if rows.books.renewals.stop(renewal_id, user_id):
            by, found = audit.user(user_id), mine[renewal_id]
            told = {"plan": found.plan, "till": found.till.value}
            rows.audit.note(by, "renewal.stop", by, told)

    await visit.services.store.do(stop)
    return seen_other("/me#plan")
