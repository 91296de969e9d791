"""Plans: what there is to have and to buy, which of it one has, and until when.

/plans                what there is
/plans/{name}/trial   a plan for some days, once
/plans/code           a code: its days are given, or it lowers the price on the page of its plan
/terms                the terms, as the bot tells them: the operator's own where there are any
/me/renewals/stop     what renews itself does so until one says no
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import Response

from merlin.api.auth import Person, require_same_origin
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    PLANS,
    PageRequest,
    Visiting,
    bot_opened,
    day_of_year,
    is_in_telegram,
    render_page,
    sign_in_href,
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
from merlin.billing.plan import Allowance, Format, Plan, Source, plan_named, plan_of
from merlin.billing.purchases import Promise, Purchase
from merlin.billing.quota import Given
from merlin.billing.subscriptions import PAY_BEFORE, Renewal
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import format_number, language_of, text
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.providers.payments import Gateway


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of what is bought; `is_there` False: what a plan does not have."""

    words: str
    is_there: bool = True


def brings(visit: PageRequest, plan: Plan) -> tuple[PlanLine, ...]:
    """Return what a plan brings, or a pack, a line each."""
    if plan.is_pack:
        return tuple(PlanLine(words) for words in pack_words(visit, plan.offer.pack))
    lines = (*_formats(visit, plan), *_rest(visit, plan))
    return tuple(sorted(lines, key=lambda line: not line.is_there))


def pack_words(visit: PageRequest, pack: Mapping[Format, int]) -> list[str]:
    """Return what a pack brings, a text a format."""
    return [_count(visit, kind, amount) for kind, amount in pack.items()]


def _formats(visit: PageRequest, plan: Plan) -> Iterator[PlanLine]:
    allowances = {kind: plan.allowance(kind) for kind in Format}
    if not any(each.is_limited for each in allowances.values()):
        yield PlanLine(visit.say("brings-any"))
        return
    for kind, each in allowances.items():
        yield PlanLine(_allowed(visit, kind, each), not each.is_closed)


def _allowed(visit: PageRequest, kind: Format, allowance: Allowance) -> str:
    if allowance.is_closed:
        return visit.say(f"brings-no-{kind.value}")
    day, month = allowance.day, allowance.month
    if day is None and month is None:
        return visit.say(f"brings-any-{kind.value}")
    if day is None or month is None:
        period = "day" if month is None else "month"
        return visit.say(f"brings-{period}", what=_count(visit, kind, (day or 0) + (month or 0)))
    most = format_number(visit.language, month, 0)
    return visit.say("brings-both", what=_count(visit, kind, day), most=most)


def _count(visit: PageRequest, kind: Format, amount: int) -> str:
    said = format_number(visit.language, amount, 0)
    return visit.say(f"brings-{kind.value}", count=amount, said=said)


def _rest(visit: PageRequest, plan: Plan) -> Iterator[PlanLine]:
    if plan.sessions is not None:
        yield PlanLine(visit.say("brings-sessions", count=plan.sessions))
    if plan.window is not None:
        yield PlanLine(
            visit.say("brings-window", said=format_number(visit.language, plan.window, 0))
        )
    if plan.models:
        named = ", ".join(each.replace("*", "…") for each in plan.models)
        yield PlanLine(visit.say("brings-models", models=named))
    if plan.courses:
        yield PlanLine(visit.say("brings-courses", courses=", ".join(_courses(visit, plan))))


def _courses(visit: PageRequest, plan: Plan) -> Iterator[str]:
    """Return what the plan's courses are called; one that is not shown, by its short name."""
    titles = {each.slug: each.title(visit.language) for each in visit.courses.courses}
    yield from (titles.get(slug, slug) for slug in plan.courses)


def titled(promise: Promise, language: str) -> str:
    """Return what was bought, in a language."""
    return promise.title.get(language_of(language), promise.plan)


def goods(visit: PageRequest, promise: Promise) -> str:
    """Return what is bought in one line: "«Плюс» на 30 дней", "«20 голосовых»"."""
    title = titled(promise, visit.language)
    if promise.days is None:
        return visit.say("goods", title=title)
    return visit.say("goods-for", title=title, days=visit.say("days", count=promise.days))


def lasts(visit: PageRequest, plan: Plan) -> str:
    """Return for how long it is bought."""
    days = plan.offer.days
    if days is None:
        return visit.say("lasts-pack")
    key = "lasts-pack-days" if plan.is_pack else "lasts"
    return visit.say(key, days=visit.say("days", count=days))


def until(visit: PageRequest, at: datetime) -> str:
    """Return the day of a moment in the person's own zone, with its year."""
    return day_of_year(visit, in_zone(at, visit.zone))


@dataclass(frozen=True, slots=True)
class Ways:
    """How a plan may be paid for here; prices as they are told, "" for none.

    `bot_href` opens the bot, where Stars are paid; "" where nobody knows its name.
    """

    roubles: str
    stars: str
    bot_href: str


def takes_roubles(visit: PageRequest, plan: Plan) -> bool:
    """Return whether the plan may be paid in roubles on this page."""
    services = visit.services
    if plan.offer.rub is None or services.selling.yookassa is None or services.gateway is None:
        return False
    return _may_be_asked_for(visit, plan.name)


def _may_be_asked_for(visit: PageRequest, plan: str) -> bool:
    """Return whether roubles may be asked for a plan where this page is shown.

    Within Telegram digital goods are sold for Stars alone, unless the operator decided otherwise.
    """
    selling = visit.services.selling
    is_free = plan in selling.not_digital
    is_free = is_free or (selling.yookassa is not None and selling.yookassa.bot_button)
    return is_free or not is_in_telegram(visit.request)


def ways(visit: PageRequest, plan: Plan) -> Ways:
    """Return how a plan may be paid for; reads rows."""
    offer, language = plan.offer, visit.language
    roubles = offer.rub.format(language) if offer.rub and takes_roubles(visit, plan) else ""
    stars = offer.xtr.format(language) if offer.xtr else ""
    return Ways(roubles, stars, bot_opened(visit.services, PLANS) if stars else "")


def may_be_led_to(visit: PageRequest, purchase: Purchase) -> bool:
    """Return whether the gateway's page of an order is one to lead a person to.

    Only what the gateway itself gave is in the row; it is https, as the gateway's own address is.
    """
    shop = visit.services.selling.yookassa
    if shop is None or not may_be_paid_here(visit, purchase):
        return False
    safe = "http://" if shop.base_url.startswith("http://") else "https://"
    return purchase.pay_url.startswith(("https://", safe)) and purchase.pay_url.isprintable()


def may_be_paid_here(visit: PageRequest, purchase: Purchase) -> bool:
    """Return whether an order is one for roubles, and this is a place to ask for them."""
    is_ours = purchase.order.gateway is Gateway.YOOKASSA
    return is_ours and _may_be_asked_for(visit, purchase.order.promise.plan)


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


def my_plan(visit: PageRequest) -> MyPlan:
    """Return it; reads rows."""
    services, actor = visit.services, visit.caller.actor
    mine = current_plan(services, actor)
    return MyPlan(
        until=until(visit, mine.until) if mine.until else "",
        others=tuple(_others(visit, mine)),
        packs=tuple(_packs(visit, mine.gifts)),
        renewals=tuple(_renewal(visit, each) for each in mine.renewals),
        has_orders=bool(list_orders(services.billing, actor, 1)),
        has_shop=has_shop(services.billing),
    )


def _others(visit: PageRequest, mine: CurrentPlan) -> list[str]:
    """Return the plans beside the one that counts: a course's own, and a lower one that waits."""
    clock, lines = visit.services.clock(), []
    for name in dict.fromkeys(each.plan for each in mine.terms):
        plan = plan_named(visit.services.plans, name)
        ends = mine.ends(plan, clock) if plan is not None and plan is not mine.plan else None
        if plan is not None and ends is not None:
            title, day = plan.titled(visit.language), until(visit, ends)
            lines.append(visit.say("plan-also", plan=title, day=day))
    return lines


def _packs(visit: PageRequest, gifts: Sequence[Given]) -> list[str]:
    """Return what is left of packs and gifts, a line for each kind and last day."""
    now, left = visit.services.clock(), Counter[tuple[str, Format]]()
    for each in gifts:
        day = until(visit, each.gift.expires_at) if each.gift.expires_at else ""
        left[day, each.gift.kind] += each.remaining(now)
    return [
        visit.say(
            "pack-left",
            what=pack_words(visit, {kind: rest})[0],
            until=day,
            ends="yes" if day else "no",
        )
        for (day, kind), rest in left.items()
    ]


def _renewal(visit: PageRequest, renewal: Renewal) -> RenewalRow:
    plan = plan_named(visit.services.plans, renewal.plan)
    price = plan.offer.rub if plan and renewal.gateway is Gateway.YOOKASSA else None
    if plan and renewal.gateway is Gateway.STARS:
        price = plan.offer.xtr
    # A saved method is asked a day before the plan ends; Telegram takes its Stars when it does.
    before = PAY_BEFORE if renewal.gateway is Gateway.YOOKASSA else timedelta(0)
    about = visit.say(
        "renews",
        price=price.format(visit.language) if price else "–",
        day=until(visit, renewal.next_at - before),
        method=renewal.method_title or visit.say(f"till-{renewal.gateway.value}"),
    )
    return RenewalRow(
        renewal_id=renewal.renewal_id,
        title=plan.titled(visit.language) if plan else renewal.plan,
        about=about,
    )


@router.post("/me/renewals/stop", dependencies=[Depends(require_same_origin)])
async def stop_renewal(
    visit: Visiting, caller: Person, renewal_id: Annotated[int, Form(ge=1, le=2**53 - 1)]
) -> Response:
    """End one of my renewals; the bot lets Telegram know of one in Stars."""
    stop = partial(plans.stop_renewal, visit.services.billing, caller.actor, renewal_id)
    with suppress(NotFound):  # it is stopped already
        await visit.services.store.do(stop)
    return seen_other("/me#plan")


_FROM_HERE = [Depends(require_same_origin)]
_MOMENT = timedelta(seconds=30)
PlanName = Annotated[str, Path(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class Card:
    """One plan; `mine` says that one has it and until when, "" for one that one has not.

    `trial` is for how long it may be tried, "" for not at all or not any more.
    """

    name: str
    title: str
    about: str
    brings: tuple[PlanLine, ...]
    ways: Ways
    lasts: str
    is_renewed: bool
    mine: str
    is_now: bool
    is_pack: bool
    is_free: bool
    trial: str


@dataclass(frozen=True, slots=True)
class PlansView:
    """What there is; `tried` is the plan whose trial began a moment ago."""

    plans: tuple[Card, ...]
    packs: tuple[Card, ...]
    sign_in_href: str
    has_shop: bool
    is_owner: bool
    tried: str = ""
    wrong: str = ""
    code: str = ""
    wrong_code: str = ""


@router.get("/plans")
async def show_plans(
    visit: Visiting, tried: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Return what there is."""
    return await _page(visit, tried=tried)


@router.post("/plans/{name}/trial", dependencies=_FROM_HERE)
async def begin(visit: Visiting, caller: Person, name: PlanName) -> Response:
    """Begin the trial of a plan; one that was had says so."""
    start = partial(plans.start_trial, visit.services.billing, caller.actor, name)
    try:
        await visit.services.store.do(start)
    except (NotFound, Refused) as error:
        if await _has_just_begun(visit, name):
            return seen_other(f"/plans?tried={quote(name)}")
        return await _page(visit, wrong=text(visit.language, error.key, **error.arguments))
    return seen_other(f"/plans?tried={quote(name)}")


async def _has_just_begun(visit: PageRequest, name: str) -> bool:
    """Return whether the trial began a moment ago: the button was pressed twice."""
    billing, since = visit.services.billing, visit.services.clock() - _MOMENT
    mine = await visit.services.store.read(lambda: my_subscriptions(billing, visit.caller.actor))
    trials = [each for each in mine.terms if each.plan == name and each.source is Source.TRIAL]
    return any(each.starts_at > since for each in trials)


@router.post("/plans/code", dependencies=_FROM_HERE)
async def use_code(
    visit: Visiting, caller: Person, code: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Use a code that gives days; one for a lower price leads to the page of its plan."""
    use = partial(plans.use_code, visit.services.billing, caller.actor, code)
    try:
        promo = await visit.services.store.do(use)
    except (NotFound, Refused) as error:
        words = text(visit.language, error.key, **error.arguments)
        return await _page(visit, wrong_code=words, code=code)
    if promo.percent:
        return seen_other(f"/checkout/{quote(promo.plan)}?code={quote(promo.code)}")
    return seen_other(f"/plans?tried={quote(promo.plan)}")


@router.get("/terms")
async def show_terms(visit: Visiting) -> Response:
    """Return the terms in the page's language."""
    settings, language = Settings(visit.services.db), visit.language
    said = await visit.services.store.read(lambda: legal_text(settings, TERMS, language))
    lines = [each.strip() for each in said.split("\n") if each.strip()]
    if lines[0].casefold() == visit.say("terms").casefold():
        lines = lines[1:]  # the page has its title already
    return render_page(visit, "terms.html", lines=lines)


async def _page(
    visit: PageRequest, *, tried: str = "", wrong: str = "", code: str = "", wrong_code: str = ""
) -> Response:
    services, actor = visit.services, visit.caller.actor
    billing = services.billing

    def read() -> tuple[list[PlanOffer], Subscriptions, Mapping[str, Ways]]:
        paid = {each.name: ways(visit, each) for each in services.plans}
        return list_plans(billing, actor), my_subscriptions(billing, actor), paid

    offers, mine, paid = await services.store.read(read)
    cards = [_card(visit, each, mine, paid) for each in _offers_to_show(visit, offers, mine)]
    packs = {each.name for each in services.plans if each.is_pack}
    done = next((each for each in cards if each.name == tried and each.mine), None)
    view = PlansView(
        plans=tuple(each for each in cards if each.name not in packs),
        packs=tuple(each for each in cards if each.name in packs),
        sign_in_href=sign_in_href("/plans"),
        has_shop=has_shop(billing),
        is_owner=actor.user_id != 0,
        tried=visit.say("tried", plan=done.title, until=done.mine) if done else "",
        wrong=wrong,
        code=code,
        wrong_code=wrong_code,
    )
    status = 409 if wrong or wrong_code else 200
    return render_page(visit, "plans.html", v=view, keep=NEVER_KEPT, status=status)


def _offers_to_show(
    visit: PageRequest, offers: Sequence[PlanOffer], mine: Subscriptions
) -> list[PlanOffer]:
    """Return everybody's plan, what is sold or may be tried, and what the person has."""
    now = visit.services.clock()
    had = {each.plan for each in mine.terms if each.ends_at > now}
    if visit.caller.user and visit.caller.user.plan:
        had.add(visit.caller.user.plan)
    return [
        each
        for each in offers
        if each.is_default
        or each.plan.offer.is_sold
        or each.plan.offer.trial_days
        or each.plan.name in had
    ]


def _card(
    visit: PageRequest, told: PlanOffer, mine: Subscriptions, paid: Mapping[str, Ways]
) -> Card:
    plan, user = told.plan, visit.caller.user
    offer = plan.offer
    now = plan_of(visit.services.plans, user.plans) if user else None
    # Who is not signed in may try it once they are.
    may_try = bool(offer.trial_days) if told.may_try is None else told.may_try
    return Card(
        name=plan.name,
        title=plan.titled(visit.language),
        about=plan.described(visit.language),
        brings=brings(visit, plan),
        ways=paid[plan.name],
        lasts=lasts(visit, plan) if offer.is_sold else "",
        is_renewed=offer.is_renewed,
        mine=_mine(visit, plan, mine),
        is_now=now is plan,
        is_pack=plan.is_pack,
        is_free=told.is_default,
        trial=visit.say("days", count=offer.trial_days) if may_try else "",
    )


def _mine(visit: PageRequest, plan: Plan, mine: Subscriptions) -> str:
    """Return until when the person has a plan, "" where they have it not."""
    user, now = visit.caller.user, visit.services.clock()
    if user is not None and user.plan == plan.name:
        return visit.say("mine-always")
    ends = [each.ends_at for each in mine.terms if each.plan == plan.name and each.ends_at > now]
    if not ends:
        return ""
    is_renewed = any(each.plan == plan.name for each in mine.running)
    key = "mine-renewed" if is_renewed else "mine-until"
    return visit.say(key, day=until(visit, max(ends)))
