"""Trends over time: answers, answer times, failures, ratings and money.

The figures of each hour are computed once a minute from turns and ratings, and kept for ninety
days, so that the trends of a month read 720 rows instead of every turn. They name nobody.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import partial
from itertools import groupby
from statistics import median
from typing import Any

from peewee import fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.payments import list_entries
from merlin.billing.ledger import Entry, EntryKind
from merlin.chat.feedback import Rating
from merlin.chat.turns import UpdateState
from merlin.core.clock import from_iso, in_zone, iso
from merlin.core.errors import NotFound
from merlin.core.money import MICRO, Cost, Currency
from merlin.core.permissions import Permission
from merlin.db.database import Database, Row
from merlin.db.tables import HOUR_FIGURE, RATING, TURN
from merlin.db.values import RowMap
from merlin.training.launch_plan import job_costs


class AnswerOutcome(StrEnum):
    """The outcome of a question; REFUSED: the model said that it does not know."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


def outcome_of(turn: Row) -> AnswerOutcome | None:
    """Return the outcome of a stored turn, or None if it does not count as a question."""
    if turn["ending"] == UpdateState.FAILED:
        return AnswerOutcome.FAILED
    if turn["ending"] != UpdateState.ANSWERED:
        return None
    return AnswerOutcome.REFUSED if turn["known"] == 0 else AnswerOutcome.ANSWERED


def seconds_of(turn: Row) -> float:
    """Return the seconds from a stored turn's question to the end of its answer."""
    return (from_iso(turn["written_at"]) - from_iso(turn["asked_at"])).total_seconds()


HOUR = timedelta(hours=1)
RETENTION = timedelta(days=90)
# An answer that takes longer is not counted in the hour of its question.
_MAX_ANSWER_TIME = timedelta(minutes=10)
# The maximum of hours per update after a pause of the daemon; the next update goes on.
_MAX_HOURS_AT_ONCE = 48
# Answer times are counted in logarithmic classes, a factor of 1.1 apart: the counts of several
# hours can be added, and a quantile is wrong by at most half a class.
_CLASS_WIDTH = math.log(1.1)


@dataclass(frozen=True, slots=True)
class HourFigures:
    """The figures of the hour that begins at `hour`, UTC.

    `answers` counts all, of which in `unknown` the model said that it does not know. `failures` are
    questions without an answer by provider ("": none was reached), `times` the number of answers by
    `time_class`, `spent` their cost in millionths by currency.
    """

    hour: datetime
    answers: int = 0
    unknown: int = 0
    liked: int = 0
    disliked: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)


def sum_figures(hour: datetime, figures: Iterable[HourFigures]) -> HourFigures:
    """Return the sum of the figures of several hours, as of `hour`."""
    numbers: dict[str, Any] = dict.fromkeys(("answers", "unknown", "liked", "disliked"), 0)
    counts: dict[str, Any] = {name: Counter() for name in ("failures", "times", "spent")}
    for figure in figures:
        numbers |= {name: total + getattr(figure, name) for name, total in numbers.items()}
        for name, total in counts.items():
            total.update(getattr(figure, name))
    return HourFigures(hour, **numbers, **counts)


def time_class(seconds: float) -> str:
    """Return the class of an answer time; all times under a millisecond are in the first."""
    return str(max(round(math.log(max(seconds, 0.001) / 0.001) / _CLASS_WIDTH), 0))


def quantile(times: Mapping[str, int], share: float) -> float | None:
    """Return the seconds within which `share` of the answers came, None without answers."""
    remaining = math.ceil(sum(times.values()) * share)
    for class_number, count in sorted((int(key), count) for key, count in times.items()):
        remaining -= count
        if remaining <= 0 and count:
            return 0.001 * math.exp(class_number * _CLASS_WIDTH)
    return None


def start_of_hour(at: datetime) -> datetime:
    """Return the beginning of the hour."""
    return at.replace(minute=0, second=0, microsecond=0)


_FIGURES = RowMap(HourFigures)


def read_hours(db: Database, since: datetime) -> list[HourFigures]:
    """Return the figures of the hours since a time, oldest first."""
    query = HOUR_FIGURE.select().where(HOUR_FIGURE.hour >= iso(since)).order_by(HOUR_FIGURE.hour)
    return _FIGURES.read_all(db, query)


def update_hours(db: Database, now: datetime) -> None:
    """Compute the figures of hours that are not over, and of those without a row."""
    this_hour, oldest = start_of_hour(now), start_of_hour(now - RETENTION)
    # The newest hour with a row, else that of the first turn.
    newest = db.value(HOUR_FIGURE.select(fn.MAX(HOUR_FIGURE.hour)))
    begun = newest or db.value(TURN.select(fn.MIN(TURN.asked_at)))
    first_hour = start_of_hour(from_iso(begun)) if begun else this_hour
    hour = max(min(first_hour, start_of_hour(now - _MAX_ANSWER_TIME)), oldest)
    for _ in range(_MAX_HOURS_AT_ONCE):
        if hour > this_hour:
            break
        db.run_in_transaction(partial(_store, db, hour))
        hour += HOUR
    db.delete(HOUR_FIGURE, HOUR_FIGURE.hour < iso(oldest))


def _store(db: Database, hour: datetime) -> None:
    values = _FIGURES.write(_count(db, hour), db)
    db.upsert(HOUR_FIGURE, {"hour": values.pop("hour")}, values)


def _count(db: Database, hour: datetime) -> HourFigures:
    begin, end = iso(hour), iso(hour + HOUR)
    query = TURN.select(
        *(TURN.asked_at, TURN.written_at, TURN.ending, TURN.known),
        *(TURN.format, TURN.provider, TURN.cost_micro, TURN.currency),
    ).where((TURN.asked_at >= begin) & (TURN.asked_at < end) & (TURN.written_at > ""))
    failures, times, spent = Counter[str](), Counter[str](), Counter[str]()
    unknown = 0
    for row in db.rows(query):
        if row["currency"]:
            spent[row["currency"]] += row["cost_micro"]
        outcome = outcome_of(row)
        if outcome is AnswerOutcome.FAILED:
            failures[row["provider"]] += 1
        elif outcome is not None:
            times[time_class(seconds_of(row))] += 1
            unknown += outcome is AnswerOutcome.REFUSED
    is_rated = (RATING.at >= begin) & (RATING.at < end)
    count = fn.COUNT(RATING.user_id).alias("count")
    rating_query = RATING.select(RATING.value, count).where(is_rated).group_by(RATING.value)
    ratings = {row["value"]: int(row["count"]) for row in db.rows(rating_query)}
    return HourFigures(
        hour,
        answers=times.total(),
        unknown=unknown,
        liked=ratings.get(Rating.UP, 0),
        disliked=ratings.get(Rating.DOWN, 0),
        failures=failures,
        times=times,
        spent=spent,
    )


_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
# The usual count is the median of the same hour in earlier weeks: their number, and its minimum.
_WEEKS, _MIN_WEEKS = 4, 2


class Span(StrEnum):
    """The period of the trends."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def hours(self) -> int:
        """Return the length in hours."""
        return {Span.DAY: 24, Span.WEEK: 168, Span.MONTH: 720}[self]

    @property
    def step_hours(self) -> int:
        """Return how many hours a point of a chart has."""
        return {Span.DAY: 1, Span.WEEK: 6, Span.MONTH: 24}[self]

    @property
    def money_days(self) -> int:
        """Return how many days the money chart has: a single day would show too little."""
        return 30 if self is Span.MONTH else 14


@dataclass(frozen=True, slots=True)
class MoneyDay:
    """Income (less refunds) and spending of one day, in millionths of one currency."""

    day: date
    income: int = 0
    spend: int = 0


@dataclass(frozen=True, slots=True)
class Trends:
    """The trends of a period; `points` begin in the user's zone, the newest is not over.

    `usual` is the median number of answers at the same hour of earlier weeks, None if unknown;
    `money` has the days of each currency.
    """

    span: Span
    points: Sequence[HourFigures]
    total: HourFigures
    this_hour: int
    usual: int | None
    money: dict[str, list[MoneyDay]]


def read_trends(ctx: Context, actor: Actor, span: Span, zone: tzinfo) -> Trends:
    """Return the trends of a period in a user's zone. Raises NotFound without the permission."""
    if not actor.may(Permission.USERS):
        raise NotFound("no trends", "admin-not-available")
    now = ctx.clock()
    this_hour = start_of_hour(now)
    first_hour = this_hour - HOUR * (span.hours - 1)
    since = min(first_hour, this_hour - _WEEK * _WEEKS)
    by_hour = {figure.hour: figure for figure in read_hours(ctx.db, since)}
    span_hours = [first_hour + HOUR * number for number in range(span.hours)]
    figures = [by_hour.get(hour, HourFigures(hour)) for hour in span_hours]
    points = [*_points(figures, span.step_hours, zone)]
    weeks = [this_hour - _WEEK * number for number in range(1, _WEEKS + 1)]
    earlier = [by_hour[hour].answers for hour in weeks if hour in by_hour]
    return Trends(
        span=span,
        points=points,
        total=sum_figures(first_hour, figures),
        this_hour=figures[-1].answers,
        usual=round(median(earlier)) if len(earlier) >= _MIN_WEEKS else None,
        money=_money(ctx, actor, [*by_hour.values()], now, span.money_days, zone),
    )


def _points(hours: Sequence[HourFigures], step: int, zone: tzinfo) -> Iterator[HourFigures]:
    """Yield sums of hours, in groups of `step` hours of the day.

    When the clocks change, a day may have no hour 0, or an hour twice.
    """

    def part_of_day(figure: HourFigures) -> tuple[date, int, bool]:
        local = in_zone(figure.hour, zone)
        return local.date(), local.hour // step, step == 1 and local.fold > 0

    for _, group in groupby(hours, part_of_day):
        figures = [*group]
        yield sum_figures(figures[0].hour, figures)


def _money(
    ctx: Context,
    actor: Actor,
    hours: Iterable[HourFigures],
    now: datetime,
    length: int,
    zone: tzinfo,
) -> dict[str, list[MoneyDay]]:
    """Return all days of each currency that has any income or spending."""
    today = in_zone(now, zone).date()
    days = [today - _DAY * number for number in range(length - 1, -1, -1)]
    since = now - _DAY * (length + 1)
    income: dict[tuple[str, date], int] = defaultdict(int)
    spend: dict[tuple[str, date], int] = defaultdict(int)
    entries = list_entries(ctx, actor, since, now) if actor.may(Permission.REFUNDS) else []
    for at, cost in _income(entry for entry, _ in entries):
        income[cost.currency, in_zone(at, zone).date()] += cost.micro
    for at, cost in job_costs(ctx.db, since):
        spend[cost.currency, in_zone(at, zone).date()] += cost.micro
    for hour in hours:
        for currency, micro in hour.spent.items():
            spend[currency, in_zone(hour.hour, zone).date()] += micro
    non_zero = {key for amounts in (income, spend) for key, micro in amounts.items() if micro}
    currencies = sorted({currency for currency, day in non_zero if day in days})
    return {
        currency: [MoneyDay(day, income[currency, day], spend[currency, day]) for day in days]
        for currency in currencies
    }


def _income(entries: Iterable[Entry]) -> Iterator[tuple[datetime, Cost]]:
    """Yield payments, and refunds as negative amounts, without those of tests."""
    signs = {EntryKind.PAYMENT: 1, EntryKind.REFUND: -1}
    for entry in entries:
        if entry.kind in signs and not entry.is_test:
            currency = entry.amount.currency
            unit = MICRO if currency is Currency.XTR else MICRO // 100
            yield entry.at, Cost(signs[entry.kind] * entry.amount.minor * unit, currency.value)
