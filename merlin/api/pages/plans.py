"""Plans: what there is to have and to buy, which of it one has, and until when.

/plans                what there is
/plans/{name}/trial   a plan for some days, once
/plans/code           a code: its days are given, or it lowers the price on the page of its plan
/terms                the terms, as the bot tells them: the operator's own where there are any
/me/renewals/stop     what renews itself does so until one says no
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Query
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import amount_of, number, until
from merlin.api.pages.page import (
    FROM_HERE,
    PLANS,
    Owning,
    PageRequest,
    Visiting,
    bot_opened,
    is_in_telegram,
    refusal_text,
    render_page,
)
from merlin.app import plans
from merlin.app.orders import list_orders
from merlin.app.plans import (
    CurrentPlan,
    PlanOffer,
    Subscriptions,
    current_plan,
    has_shop,
    list_plans,
    my_subscriptions,
)
from merlin.app.texts import TERMS, Settings, legal_text
from merlin.billing.purchases import Purchase
from merlin.billing.quota import (
    Allowance,
    Format,
    Gift,
    Plan,
    Source,
    allowance_of,
    is_limited,
    plan_named,
    plan_of,
    plan_title,
)
from merlin.billing.subscriptions import Renewal
from merlin.core.errors import NotFound, Refused
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.providers.payments import Gateway

# A line of what is bought, and whether it is there: what a plan does not have is told too.
Line = tuple[str, bool]


def brings(visit: PageRequest, plan: Plan) -> list[Line]:
    """Return what a plan brings, or a pack, a line each."""
    if plan.is_pack:
        return [(amount_of(visit, *each), True) for each in plan.questions.items()]
    allowances = {kind: allowance_of(plan, kind) for kind in Format}
    lines = [(_allowed(visit, kind, each), not each.is_closed) for kind, each in allowances.items()]
    if not any(is_limited(allowance) for allowance in allowances.values()):
        lines = [(visit.say("brings-any"), True)]
    # What there is not stands last.
    return sorted([*lines, *_rest(visit, plan)], key=lambda line: not line[1])


def _allowed(visit: PageRequest, kind: Format, allowance: Allowance) -> str:
    if allowance.is_closed:
        return visit.say(f"brings-no-{kind.value}")
    day, month = allowance.day, allowance.month
    if day is None and month is None:
        return visit.say(f"brings-any-{kind.value}")
    if day is None or month is None:
        period = "day" if month is None else "month"
        return visit.say(f"brings-{period}", what=amount_of(visit, kind, (day or 0) + (month or 0)))
    most = number(visit, month)
    return visit.say("brings-both", what=amount_of(visit, kind, day), most=most)


def _rest(visit: PageRequest, plan: Plan) -> Iterator[Line]:
    if plan.sessions is not None:
        yield visit.say("brings-sessions", count=plan.sessions), True
    if plan.window is not None:
        yield visit.say("brings-window", said=number(visit, plan.window)), True
    if plan.models:
        named = ", ".join(model.replace("*", "…") for model in plan.models)
        yield visit.say("brings-models", models=named), True
    if plan.courses:
        # One that is not shown is called by its short name.
        titles = {course.slug: course.title(visit.language) for course in visit.courses.courses}
        named = ", ".join(titles.get(slug, slug) for slug in plan.courses)
        yield visit.say("brings-courses", courses=named), True


def takes_roubles(visit: PageRequest, plan: Plan) -> bool:
    """Return whether the plan may be paid in roubles on this page."""
    services = visit.services
    if plan.rub is None or services.config.payments.yookassa is None or services.gateway is None:
        return False
    return _may_be_asked_for(visit, plan.name)


def _may_be_asked_for(visit: PageRequest, plan: str) -> bool:
    """Return whether roubles may be asked for a plan where this page is shown.

    Within Telegram digital goods are sold for Stars alone, unless the operator decided otherwise.
    """
    selling = visit.services.config.payments
    is_free = plan in selling.not_digital
    is_free = is_free or (selling.yookassa is not None and selling.yookassa.bot_button)
    return is_free or not is_in_telegram(visit.request)


def may_be_led_to(visit: PageRequest, purchase: Purchase) -> bool:
    """Return whether the gateway's page of an order is one to lead a person to.

    Only what the gateway itself gave is in the row; it is https, as the gateway's own address is.
    """
    shop = visit.services.config.payments.yookassa
    if shop is None or not may_be_paid_here(visit, purchase):
        return False
    safe = "http://" if shop.base_url.startswith("http://") else "https://"
    return purchase.pay_url.startswith(("https://", safe)) and purchase.pay_url.isprintable()


def may_be_paid_here(visit: PageRequest, purchase: Purchase) -> bool:
    """Return whether an order is one for roubles, and this is a place to ask for them."""
    is_ours = purchase.order.gateway is Gateway.YOOKASSA
    return is_ours and _may_be_asked_for(visit, purchase.order.promise.plan)


router = APIRouter(route_class=PageRoute, include_in_schema=False)


def my_plan(visit: PageRequest) -> dict[str, object]:
    """Return what is told of it on /me; reads rows."""
    services, actor = visit.services, visit.actor
    mine = current_plan(services, actor)
    return {
        "ends": mine.until,
        "others": _others(visit, mine),
        "packs": _packs(visit, mine.gifts),
        "renewals": [_renewal(visit, each) for each in mine.running],
        "has_orders": bool(list_orders(services, actor, 1)),
        "has_shop": has_shop(services),
    }


def _others(visit: PageRequest, mine: CurrentPlan) -> list[str]:
    """Return the plans beside the one that counts: a course's own, and a lower one that waits."""
    clock, lines = visit.services.clock(), []
    for name in dict.fromkeys(term.plan for term in mine.terms):
        plan = plan_named(visit.services.plans, name)
        ends = mine.ends(plan, clock) if plan is not None and plan is not mine.plan else None
        if plan is not None and ends is not None:
            title, day = plan.titled(visit.language), until(visit, ends)
            lines.append(visit.say("plan-also", plan=title, day=day))
    return lines


def _packs(visit: PageRequest, gifts: Sequence[Gift]) -> list[str]:
    """Return what is left of packs and gifts, a line for each kind and last day."""
    now, left = visit.services.clock(), Counter[tuple[str, Format]]()
    for gift in gifts:
        day = until(visit, gift.expires_at) if gift.expires_at else ""
        left[day, gift.kind] += gift.remaining(now)
    return [
        visit.say(
            "pack-left",
            what=amount_of(visit, kind, rest),
            until=day,
            ends="yes" if day else "no",
        )
        for (day, kind), rest in left.items()
    ]


def _renewal(visit: PageRequest, renewal: Renewal) -> tuple[int, str, str]:
    """Return a renewal's number, its plan, and what it takes when."""
    title = plan_title(visit.services.plans, renewal.plan, visit.language)
    price, at = plans.next_payment(visit.services, renewal)
    about = visit.say(
        "renews",
        price=price.format(visit.language) if price else "–",
        day=until(visit, at),
        method=renewal.method_title or visit.say(f"till-{renewal.gateway.value}"),
    )
    return renewal.renewal_id, title, about


@router.post("/me/renewals/stop", dependencies=FROM_HERE)
async def stop_renewal(
    visit: Owning, renewal_id: Annotated[int, Form(ge=1, le=2**53 - 1)]
) -> Response:
    """End one of my renewals; the bot lets Telegram know of one in Stars."""
    with suppress(NotFound):  # it is stopped already
        await visit.write(plans.stop_renewal, renewal_id)
    return seen_other("/me#plan")


_MOMENT = timedelta(seconds=30)
PlanName = Annotated[str, Path(min_length=1, max_length=100)]


@router.get("/plans")
async def show_plans(
    visit: Visiting, tried: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Return what there is."""
    return await _page(visit, tried=tried)


@router.post("/plans/{name}/trial", dependencies=FROM_HERE)
async def begin(visit: Owning, name: PlanName) -> Response:
    """Begin the trial of a plan; one that was had says so."""
    try:
        await visit.write(plans.start_trial, name)
    except (NotFound, Refused) as error:
        # One that began a moment ago: the button was pressed twice.
        since, mine = visit.services.clock() - _MOMENT, await visit.read(my_subscriptions)
        trials = [term for term in mine.terms if term.plan == name and term.source is Source.TRIAL]
        if not any(trial.starts_at > since for trial in trials):
            return await _page(visit, wrong=refusal_text(visit, error))
    return seen_other(f"/plans?tried={quote(name)}")


@router.post("/plans/code", dependencies=FROM_HERE)
async def use_code(visit: Owning, code: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Use a code that gives days; one for a lower price leads to the page of its plan."""
    try:
        promo = await visit.write(plans.use_code, code)
    except (NotFound, Refused) as error:
        return await _page(visit, wrong_code=refusal_text(visit, error), code=code)
    if promo.percent:
        return seen_other(f"/checkout/{quote(promo.plan)}?code={quote(promo.code)}")
    return seen_other(f"/plans?tried={quote(promo.plan)}")


@router.get("/terms")
async def show_terms(visit: Visiting) -> Response:
    """Return the terms in the page's language."""
    settings, language = Settings(visit.services.db), visit.language
    terms = await visit.services.store.read(lambda: legal_text(settings, TERMS, language))
    lines = [each.strip() for each in terms.split("\n") if each.strip()]
    if lines[0].casefold() == visit.say("terms").casefold():
        lines = lines[1:]  # the page has its title already
    return render_page(visit, "terms.html", {"lines": lines})


async def _page(
    visit: PageRequest, *, tried: str = "", wrong: str = "", code: str = "", wrong_code: str = ""
) -> Response:
    services, actor = visit.services, visit.actor

    def read() -> tuple[list[PlanOffer], Subscriptions, str]:
        bot_href = bot_opened(services, PLANS)
        return list_plans(services, actor), my_subscriptions(services, actor), bot_href

    offers, mine, bot_href = await services.store.read(read)
    now = services.clock()
    had = {term.plan for term in mine.terms if term.ends_at > now}
    if visit.user and visit.user.plan:
        had.add(visit.user.plan)
    # Everybody's plan, what is sold or may be tried, and what the person has.
    cards = [
        _card(visit, offer, mine)
        for offer in offers
        if offer.is_default or offer.plan.is_sold or offer.plan.trial_days or offer.plan.name in had
    ]
    done = next((card for card in cards if card["plan"].name == tried and card["mine"]), None)
    view = {
        "plans": [card for card in cards if not card["plan"].is_pack],
        "packs": [card for card in cards if card["plan"].is_pack],
        "bot_href": bot_href,
        "has_shop": has_shop(services),
        "is_owner": actor.user_id != 0,
        "tried": done,
        "wrong_words": wrong,
        "code": code,
        "wrong_code": wrong_code,
    }
    status = 409 if wrong or wrong_code else 200
    return render_page(visit, "plans.html", view, keep=NEVER_KEPT, status=status)


def _card(
    visit: PageRequest, plan_offer: PlanOffer, subscriptions: Subscriptions
) -> dict[str, Any]:
    """Return a plan, what it brings, until when the person has it, and whether they may try it."""
    plan, user = plan_offer.plan, visit.user
    now = plan_of(visit.services.plans, user.plans) if user else None
    # Who is not signed in may try it once they are.
    may_try = bool(plan.trial_days) if plan_offer.may_try is None else plan_offer.may_try
    return {
        "plan": plan,
        "brings": brings(visit, plan),
        "roubles": plan.rub if takes_roubles(visit, plan) else None,
        "mine": _mine(visit, plan, subscriptions),
        "is_now": now is plan,
        "is_free": plan_offer.is_default,
        "may_try": may_try,
    }


def _mine(visit: PageRequest, plan: Plan, subscriptions: Subscriptions) -> str:
    """Return until when the person has a plan, "" where they have it not."""
    user, now = visit.user, visit.services.clock()
    if user is not None and user.plan == plan.name:
        return visit.say("mine-always")
    ends = subscriptions.ends(plan, now)
    if ends is None:
        return ""
    return visit.say(
        "mine-renewed" if subscriptions.renewal(plan) else "mine-until", day=until(visit, ends)
    )
