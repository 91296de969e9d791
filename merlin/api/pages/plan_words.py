"""Plan words: what a plan or a pack brings, for how long, and what it costs, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from merlin.account.zone import zone_of
from merlin.api.pages.telling import day_of_year
from merlin.api.pages.visit import Visit
from merlin.billing.plan import Allowance, Format, Plan
from merlin.billing.purchase import Promise
from merlin.core.clock import in_zone
from merlin.core.number import number
from merlin.core.text import language_of


@dataclass(frozen=True, slots=True)
class Brought:
    """One line of what is bought; `is_there` False: what a plan does not have."""

    words: str
    is_there: bool = True


def brings(visit: Visit, plan: Plan) -> tuple[Brought, ...]:
    """Return what a plan brings, or a pack, a line each."""
    if plan.is_pack:
        return tuple(Brought(words) for words in pack_words(visit, plan.offer.pack))
    lines = (*_formats(visit, plan), *_rest(visit, plan))
    return tuple(sorted(lines, key=lambda line: not line.is_there))


def pack_words(visit: Visit, pack: Mapping[Format, int]) -> list[str]:
    """Return what a pack brings, a text a format."""
    return [_count(visit, kind, amount) for kind, amount in pack.items()]


def _formats(visit: Visit, plan: Plan) -> Iterator[Brought]:
    allowances = {kind: plan.allowance(kind) for kind in Format}
    if not any(each.is_limited for each in allowances.values()):
        yield Brought(visit.say("brings-any"))
        return
    for kind, each in allowances.items():
        yield Brought(_allowed(visit, kind, each), not each.is_closed)


def _allowed(visit: Visit, kind: Format, allowance: Allowance) -> str:
    if allowance.is_closed:
        return visit.say(f"brings-no-{kind.value}")
    day, month = allowance.day, allowance.month
    if day is None and month is None:
        return visit.say(f"brings-any-{kind.value}")
    if day is None or month is None:
        period = "day" if month is None else "month"
        return visit.say(f"brings-{period}", what=_count(visit, kind, (day or 0) + (month or 0)))
    most = number(visit.language, month, 0)
    return visit.say("brings-both", what=_count(visit, kind, day), most=most)


def _count(visit: Visit, kind: Format, amount: int) -> str:
    said = number(visit.language, amount, 0)
    return visit.say(f"brings-{kind.value}", count=amount, said=said)


def _rest(visit: Visit, plan: Plan) -> Iterator[Brought]:
    if plan.sessions is not None:
        yield Brought(visit.say("brings-sessions", count=plan.sessions))
    if plan.window is not None:
        yield Brought(visit.say("brings-window", said=number(visit.language, plan.window, 0)))
    if plan.models:
        named = ", ".join(each.replace("*", "…") for each in plan.models)
        yield Brought(visit.say("brings-models", models=named))
    if plan.courses:
        yield Brought(visit.say("brings-courses", courses=", ".join(_courses(visit, plan))))


def _courses(visit: Visit, plan: Plan) -> Iterator[str]:
    """Return what the plan's courses are called; one that is not shown, by its short name."""
    titles = {each.slug: each.title(visit.language) for each in visit.shelf.courses}
    yield from (titles.get(slug, slug) for slug in plan.courses)


def titled(promise: Promise, language: str) -> str:
    """Return what was bought, in a language."""
    return promise.title.get(language_of(language), promise.plan)


def goods(visit: Visit, promise: Promise) -> str:
    """Return what is bought in one line: "«Плюс» на 30 дней", "«20 голосовых»"."""
    title = titled(promise, visit.language)
    if promise.days is None:
        return visit.say("goods", title=title)
    return visit.say("goods-for", title=title, days=visit.say("days", count=promise.days))


def lasts(visit: Visit, plan: Plan) -> str:
    """Return for how long it is bought."""
    days = plan.offer.days
    if days is None:
        return visit.say("lasts-pack")
    key = "lasts-pack-days" if plan.is_pack else "lasts"
    return visit.say(key, days=visit.say("days", count=days))


def until(visit: Visit, at: datetime) -> str:
    """Return the day of a moment in the person's own zone, with its year."""
    user = visit.caller.user
    zone = zone_of((user.zone if user else None) or visit.services.timezone)
    return day_of_year(visit, in_zone(at, zone))
