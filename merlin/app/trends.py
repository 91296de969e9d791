"""Trends: what was answered, how fast, what failed, what people thought of it, money; by time.

Answers are counted once a minute from turns and ratings, by the hour, and kept for ninety days:
trends of a month are read from 720 rows and not from every turn. The rows name nobody.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from statistics import median

from peewee import fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.inbox import UpdateState
from merlin.app.payments import list_entries
from merlin.billing.ledger import Entry, EntryKind
from merlin.chat.feedback import Rating
from merlin.core.clock import from_iso, in_zone, iso
from merlin.core.errors import NotFound
from merlin.core.money import MICRO, Amount, Cost, Currency
from merlin.core.permissions import Permission
from merlin.db.database import Repository, Row, transaction
from merlin.db.tables import HOUR_FIGURE, RATING, TURN
from merlin.db.values import RowMap
from merlin.training.launch_plan import job_costs


class Outcome(StrEnum):
    """What came of a question; refused: the model said that it does not know."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


def outcome_of(turn: Row) -> Outcome | None:
    """Return what came of a stored turn, None where it counts as no question."""
    if turn["ending"] == UpdateState.FAILED:
        return Outcome.FAILED
    if turn["ending"] != UpdateState.ANSWERED:
        return None
    return Outcome.REFUSED if turn["known"] == 0 else Outcome.ANSWERED


def seconds_of(turn: Row) -> float:
    """Return how long a stored turn took, from its question to the end of its answer."""
    return (from_iso(turn["written_at"]) - from_iso(turn["asked_at"])).total_seconds()


HOUR = timedelta(hours=1)
KEPT = timedelta(days=90)
# An answer that takes longer than this is missed in the hour that it was asked in.
_LATEST = timedelta(minutes=10)
# How many hours are counted at once after a pause of the daemon; the rest follow at the next call.
_AT_ONCE = 48
# Answer times are counted in classes, each so much longer than the one before: two hours' classes
# add up, and a quantile is wrong by at most half a class.
_CLASS = math.log(1.1)


@dataclass(frozen=True, slots=True)
class HourFigures:
    """What was asked in the hour that begins at `hour`, UTC.

    `answers` are all that were given; of them the model said `unknown` times that it does not know.
    `failures` are questions without an answer by provider ("": none was reached), `times` how many
    answers took as long as a class of `time_class` says, `spent` what they cost, in millionths by
    currency.
    """

    hour: datetime
    answers: int = 0
    unknown: int = 0
    liked: int = 0
    disliked: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)


def add_up(hour: datetime, figures: Iterable[HourFigures]) -> HourFigures:
    """Return the figures of several hours as those of one time that begins at `hour`."""
    each = [*figures]
    return HourFigures(
        hour,
        answers=sum(one.answers for one in each),
        unknown=sum(one.unknown for one in each),
        liked=sum(one.liked for one in each),
        disliked=sum(one.disliked for one in each),
        failures=_sum(one.failures for one in each),
        times=_sum(one.times for one in each),
        spent=_sum(one.spent for one in each),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def time_class(seconds: float) -> str:
    """Return the class of an answer's time; times under a millisecond are in the first one."""
    return str(max(round(math.log(max(seconds, 0.001) / 0.001) / _CLASS), 0))


def quantile(times: Mapping[str, int], share: float) -> float | None:
    """Return within how many seconds that share of the answers came, None without answers."""
    rest = math.ceil(sum(times.values()) * share)
    for number, count in sorted((int(each), count) for each, count in times.items()):
        rest -= count
        if rest <= 0 and count:
            return 0.001 * math.exp(number * _CLASS)
    return None


def begin_of_hour(at: datetime) -> datetime:
    """Return when the hour of a moment began."""
    return at.replace(minute=0, second=0, microsecond=0)


_FIGURES = RowMap(HourFigures)


class HourlyFigures(Repository):
    """One row an hour."""

    def since(self, at: datetime) -> list[HourFigures]:
        """Return the counted hours that began then or later, oldest first."""
        rows = HOUR_FIGURE.select().where(HOUR_FIGURE.hour >= iso(at)).order_by(HOUR_FIGURE.hour)
        return _FIGURES.read_all(self.db.rows(rows))

    def update(self) -> None:
        """Count the hours that are not over, and those that nobody has counted yet."""
        now = self._clock()
        this, oldest = begin_of_hour(now), begin_of_hour(now - KEPT)
        newest = self.db.value(HOUR_FIGURE.select(fn.MAX(HOUR_FIGURE.hour)))
        first = self._first_turn() if newest is None else from_iso(newest)
        hour = max(min(first or this, begin_of_hour(now - _LATEST)), oldest)
        for _ in range(_AT_ONCE):
            if hour > this:
                break
            self._store(hour)
            hour += HOUR
        self.db.change(HOUR_FIGURE.delete().where(HOUR_FIGURE.hour < iso(oldest)))

    def _first_turn(self) -> datetime | None:
        first = self.db.value(TURN.select(fn.MIN(TURN.asked_at)))
        return None if first is None else begin_of_hour(from_iso(first))

    @transaction
    def _store(self, hour: datetime) -> None:
        counted = _FIGURES.write(self._count(hour), self.db)
        self.db.upsert(HOUR_FIGURE, {"hour": counted.pop("hour")}, counted)

    def _count(self, hour: datetime) -> HourFigures:
        begin, end = iso(hour), iso(hour + HOUR)
        query = TURN.select(
            *(TURN.asked_at, TURN.written_at, TURN.ending, TURN.known),
            *(TURN.provider, TURN.cost_micro, TURN.currency),
        ).where((TURN.asked_at >= begin) & (TURN.asked_at < end) & (TURN.written_at > ""))
        failures, times, spent = Counter[str](), Counter[str](), Counter[str]()
        unknown = 0
        for row in self.db.rows(query):
            if row["currency"]:
                spent[row["currency"]] += row["cost_micro"]
            outcome = outcome_of(row)
            if outcome is Outcome.FAILED:
                failures[row["provider"]] += 1
            elif outcome is not None:
                times[time_class(seconds_of(row))] += 1
                unknown += outcome is Outcome.REFUSED
        rated = (RATING.at >= begin) & (RATING.at < end)
        count = fn.COUNT(RATING.user_id).alias("count")
        thumbs = RATING.select(RATING.value, count).where(rated).group_by(RATING.value)
        ratings = {row["value"]: int(row["count"]) for row in self.db.rows(thumbs)}
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
# The hour of so many weeks before says what is usual now; fewer than two say nothing.
_WEEKS, _MIN_WEEKS = 4, 2


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
    values = {each.hour: each for each in hours.since(min(first, this - _WEEK * _WEEKS))}
    hours_shown = [first + HOUR * place for place in range(span.hours)]
    shown = [values.get(hour, HourFigures(hour)) for hour in hours_shown]
    points = [*_points(shown, span.step_hours, zone)]
    weeks = [this - _WEEK * number for number in range(1, _WEEKS + 1)]
    earlier = [values[hour].answers for hour in weeks if hour in values]
    return Trends(
        span=span,
        points=points,
        total=add_up(first, shown),
        this_hour=shown[-1].answers,
        usual=round(median(earlier)) if len(earlier) >= _MIN_WEEKS else None,
        failed_at=next((each.hour for each in reversed(shown) if each.failures), None),
        money=_money(ctx, actor, [*values.values()], now, span.money_days, zone),
    )


def _points(hours: Sequence[HourFigures], step: int, zone: tzinfo) -> Iterator[HourFigures]:
    """Yield the hours in groups that begin at a whole multiple of `step` hours of the day."""
    group: list[HourFigures] = []
    for hour in hours:
        if group and in_zone(hour.hour, zone).hour % step == 0:
            yield add_up(group[0].hour, group)
            group = []
        group.append(hour)
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
    for hour in hours:
        for currency, micro in hour.spent.items():
            spend[currency, in_zone(hour.hour, zone).date()] += micro
    moved = {key for sums in (income, spend) for key, micro in sums.items() if micro}
    currencies = sorted({currency for currency, day in moved if day in days})
    return {
        each: [MoneyDay(day, income[each, day], spend[each, day]) for day in days]
        for each in currencies
    }


def _income(entries: Iterable[Entry]) -> Iterator[tuple[datetime, Cost]]:
    """Yield what came; what went back is below nothing. Payments of tests are none."""
    signs = {EntryKind.PAYMENT: 1, EntryKind.REFUND: -1}
    for entry in entries:
        if entry.kind in signs and not entry.is_test:
            yield (
                entry.at,
                Cost(signs[entry.kind] * _micro(entry.amount), entry.amount.currency.value),
            )


def _micro(amount: Amount) -> int:
    return amount.minor * (MICRO if amount.currency is Currency.XTR else MICRO // 100)
