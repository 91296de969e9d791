"""Plans: what there is to have and to buy, which of it one has, and until when.

/plans                what there is
/plans/{name}/trial   a plan for some days, once
/plans/code           a code: its days are given, or it lowers the price on the page of its plan
/terms                the terms, as the bot tells them: the operator's own where there are any
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import Response

from merlin.account import audit
from merlin.api.caller import Person
from merlin.api.own_page import own_page
from merlin.api.pages.answering import shown
from merlin.api.pages.frame import sign_in_href
from merlin.api.pages.plan_words import Brought, brings, lasts, until
from merlin.api.pages.shop import Ways, has_shop, shop_of, ways
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit, Visiting
from merlin.billing.buying import begin_trial
from merlin.billing.plan import Plan, plan_of
from merlin.billing.promo import Promo
from merlin.billing.renewal import RenewalState
from merlin.billing.term import Source, Term
from merlin.chat.setting import TERMS, legal_text
from merlin.core.errors import NotFound, Refused
from merlin.core.text import text
from merlin.core.web.answering import NEVER_KEPT, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_FROM_HERE = [Depends(own_page)]
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
    brings: tuple[Brought, ...]
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


@dataclass(frozen=True, slots=True)
class _Mine:
    terms: Sequence[Term] = ()
    tried: frozenset[str] = frozenset()
    renewed: frozenset[str] = frozenset()


@router.get("/plans")
async def show_plans(
    visit: Visiting, tried: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Return what there is."""
    return await _page(visit, tried=tried)


@router.post("/plans/{name}/trial", dependencies=_FROM_HERE)
async def begin(visit: Visiting, caller: Person, name: PlanName) -> Response:
    """Begin the trial of a plan; one that was had says so."""
    services, user_id = visit.services, caller.user_id
    books, shop = services.rows.books, shop_of(visit)
    by = audit.user(user_id)
    try:
        await services.store.do(lambda: begin_trial(books, shop, user_id, name, by))
    except (NotFound, Refused) as error:
        if await _has_just_begun(visit, name):
            return seen_other(f"/plans?tried={quote(name)}")
        return await _page(visit, wrong=text(visit.language, error.key, **error.arguments))
    return seen_other(f"/plans?tried={quote(name)}")


async def _has_just_begun(visit: Visit, name: str) -> bool:
    """Return whether the trial began a moment ago: the button was pressed twice."""
    terms, user_id = visit.services.rows.books.terms, visit.caller.user_id
    since = visit.services.clock() - _MOMENT
    found = await visit.services.store.read(lambda: terms.of(user_id))
    trials = [each for each in found if each.plan == name and each.source is Source.TRIAL]
    return any(each.starts_at > since for each in trials)


@router.post("/plans/code", dependencies=_FROM_HERE)
async def use_code(
    visit: Visiting, caller: Person, code: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Use a code that gives days; one for a lower price leads to the page of its plan."""
    promos, user_id = visit.services.rows.books.promos, caller.user_id

    def use() -> Promo:
        promo = promos.find(user_id, code)
        return promo if promo.percent else promos.redeem(user_id, code)

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
    settings, language = visit.services.rows.settings, visit.language
    said = await visit.services.store.read(lambda: legal_text(settings, TERMS, language))
    lines = [each.strip() for each in said.split("\n") if each.strip()]
    if lines[0].casefold() == visit.say("terms").casefold():
        lines = lines[1:]  # the page has its title already
    return shown(visit, "terms.html", lines=lines)


async def _page(
    visit: Visit, *, tried: str = "", wrong: str = "", code: str = "", wrong_code: str = ""
) -> Response:
    services, user_id = visit.services, visit.caller.user_id
    books = services.rows.books

    def read() -> tuple[_Mine, Mapping[str, Ways]]:
        paid = {each.name: ways(visit, each) for each in services.plans}
        if not user_id:
            return _Mine(), paid
        terms = books.terms.of(user_id)
        had = {each.name for each in services.plans if books.terms.had_trial(user_id, each.name)}
        on = [each for each in books.renewals.of(user_id) if each.state is RenewalState.ON]
        mine = _Mine(terms, frozenset(had), frozenset(each.plan for each in on))
        return mine, paid

    mine, paid = await services.store.read(read)
    cards = [_card(visit, each, mine, paid[each.name]) for each in _shown(visit, mine)]
    packs = {each.name for each in services.plans if each.is_pack}
    done = next((each for each in cards if each.name == tried and each.mine), None)
    view = PlansView(
        plans=tuple(each for each in cards if each.name not in packs),
        packs=tuple(each for each in cards if each.name in packs),
        sign_in_href=sign_in_href("/plans"),
        has_shop=has_shop(visit),
        is_owner=user_id != 0,
        tried=visit.say("tried", plan=done.title, until=done.mine) if done else "",
        wrong=wrong,
        code=code,
        wrong_code=wrong_code,
    )
    status = 409 if wrong or wrong_code else 200
    return shown(visit, "plans.html", v=view, keep=NEVER_KEPT, status=status)


def _shown(visit: Visit, mine: _Mine) -> list[Plan]:
    """Return everybody's plan, what is sold or may be tried, and what the person has."""
    plans, now = visit.services.plans, visit.services.clock()
    had = {each.plan for each in mine.terms if each.ends_at > now}
    if visit.caller.user and visit.caller.user.plan:
        had.add(visit.caller.user.plan)
    return [
        each
        for place, each in enumerate(plans)
        if place == 0 or each.offer.is_sold or each.offer.trial_days or each.name in had
    ]


def _card(visit: Visit, plan: Plan, mine: _Mine, paid: Ways) -> Card:
    user, offer = visit.caller.user, plan.offer
    now = plan_of(visit.services.plans, user.plans) if user else None
    may_try = offer.trial_days and plan.name not in mine.tried
    may_try = may_try and all(each.plan != plan.name for each in mine.terms)
    return Card(
        name=plan.name,
        title=plan.titled(visit.language),
        about=plan.described(visit.language),
        brings=brings(visit, plan),
        ways=paid,
        lasts=lasts(visit, plan) if offer.is_sold else "",
        is_renewed=offer.is_renewed,
        mine=_mine(visit, plan, mine),
        is_now=now is plan,
        is_pack=plan.is_pack,
        is_free=plan is visit.services.plans[0],
        trial=visit.say("days", count=offer.trial_days) if may_try else "",
    )


def _mine(visit: Visit, plan: Plan, mine: _Mine) -> str:
    """Return until when the person has a plan, "" where they have it not."""
    user, now = visit.caller.user, visit.services.clock()
    if user is not None and user.plan == plan.name:
        return visit.say("mine-always")
    ends = [each.ends_at for each in mine.terms if each.plan == plan.name and each.ends_at > now]
    if not ends:
        return ""
    key = "mine-renewed" if plan.name in mine.renewed else "mine-until"
    return visit.say(key, day=until(visit, max(ends)))
