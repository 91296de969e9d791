"""Trends: what was answered, how fast, what failed, what people thought of it, money; by time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from statistics import median

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.hour_figures import HOUR, HourFigures, HourlyFigures, add_up, begin_of_hour
from merlin.app.payments import list_entries
from merlin.billing.ledger import Entry, EntryKind
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound
from merlin.core.money import MICRO, Amount, Cost, Currency
from merlin.core.permissions import Permission
from merlin.training.launch_plan import job_costs

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
# The hour of so many weeks before says what is usual now; fewer than two say nothing.
_WEEKS, _LEAST_WEEKS = 4, 2


class Span(StrEnum):
    """The time that trends look back."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def hours(self) -> int:
        """Return how many hours it has."""
        return {Span.DAY: 24, Span.WEEK: 168, Span.MONTH: 720}[self]

    @property
    def step_hours(self) -> int:
        """Return how many of its hours are one point of a drawing."""
        return {Span.DAY: 1, Span.WEEK: 6, Span.MONTH: 24}[self]

    @property
    def money_days(self) -> int:
        """Return over how many days money is told: a single day says too little."""
        return 30 if self is Span.MONTH else 14


@dataclass(frozen=True, slots=True)
class MoneyDay:
    """Income (less what went back) and spend of one day, in millionths of one currency."""

    day: date
    income: int = 0
    spend: int = 0


@dataclass(frozen=True, slots=True)
class Trends:
    """What a span of time led to; `points` begin in the person's zone, the newest is not over.

    `usual` is how many questions the same hour of earlier weeks had, None where nobody knows;
    `failed_at` is the newest point with a failure, `money` the days of each currency.
    """

    span: Span
    points: Sequence[HourFigures]
    total: HourFigures
    this_hour: int
    usual: int | None
    failed_at: datetime | None
    money: dict[str, list[MoneyDay]]


def trends(ctx: Context, actor: Actor, span: Span, zone: tzinfo) -> Trends:
    """Return the trends of a span in a person's zone. Raises NotFound without the permission."""
    if not actor.may(Permission.USERS):
        raise NotFound("no trends", "admin-not-yours")
    now = ctx.clock()
    this = begin_of_hour(now)
    first = this - HOUR * (span.hours - 1)
    hours = HourlyFigures(ctx.db, ctx.clock)
    told = {each.hour: each for each in hours.since(min(first, this - _WEEK * _WEEKS))}
    hours_shown = [first + HOUR * place for place in range(span.hours)]
    shown = [told.get(hour, HourFigures(hour)) for hour in hours_shown]
    points = [*_points(shown, span.step_hours, zone)]
    weeks = [this - _WEEK * number for number in range(1, _WEEKS + 1)]
    earlier = [told[hour].answers for hour in weeks if hour in told]
    return Trends(
        span=span,
        points=points,
        total=add_up(first, shown),
        this_hour=shown[-1].answers,
        usual=round(median(earlier)) if len(earlier) >= _LEAST_WEEKS else None,
        failed_at=next((each.hour for each in reversed(shown) if each.failures), None),
        money=_money(ctx, actor, [*told.values()], now, span.money_days, zone),
    )


def _points(hours: Sequence[HourFigures], step: int, zone: tzinfo) -> Iterator[HourFigures]:
    """Yield the hours in groups that begin at a whole multiple of `step` hours of the day."""
    group: list[HourFigures] = []
    for each in hours:
        if group and in_zone(each.hour, zone).hour % step == 0:
            yield add_up(group[0].hour, group)
            group = []
        group.append(each)
    yield add_up(group[0].hour, group)


def _money(
    ctx: Context,
    actor: Actor,
    hours: Iterable[HourFigures],
    now: datetime,
    length: int,
    zone: tzinfo,
) -> dict[str, list[MoneyDay]]:
    """Return every day of each currency in which something came or went."""
    last = in_zone(now, zone).date()
    days = [last - _DAY * place for place in range(length - 1, -1, -1)]
    since = now - _DAY * (length + 1)
    income: dict[tuple[str, date], int] = defaultdict(int)
    spend: dict[tuple[str, date], int] = defaultdict(int)
    entries = list_entries(ctx, actor, since, now) if actor.may(Permission.REFUNDS) else []
    for at, cost in _income(entry for entry, _ in entries):
        income[cost.currency, in_zone(at, zone).date()] += cost.micro
    for at, cost in job_costs(ctx.db, since):
        spend[cost.currency, in_zone(at, zone).date()] += cost.micro
    for each in hours:
        for currency, micro in each.spent.items():
            spend[currency, in_zone(each.hour, zone).date()] += micro
    moved = {key for sums in (income, spend) for key, micro in sums.items() if micro}
    currencies = sorted({currency for currency, day in moved if day in days})
    return {
        each: [MoneyDay(day, income[each, day], spend[each, day]) for day in days]
        for each in currencies
    }


def _income(entries: Iterable[Entry]) -> Iterator[tuple[datetime, Cost]]:
    """Yield what came; what went back is below nothing. Payments of tests are none."""
    signs = {EntryKind.PAYMENT: 1, EntryKind.REFUND: -1}
    for each in entries:
        if each.kind in signs and not each.is_test:
            yield each.at, Cost(signs[each.kind] * _micro(each.amount), each.amount.currency.value)


def _micro(amount: Amount) -> int:
    return amount.minor * (MICRO if amount.currency is Currency.XTR else MICRO // 100)
