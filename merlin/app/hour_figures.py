"""What was answered in each hour: how much, how fast, what failed, what people thought of it.

Counted once a minute from turns and ratings and kept for ninety days: trends of a month are read
from 720 rows and not from every turn. The rows name nobody.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from peewee import fn

from merlin.app.inbox import UpdateState
from merlin.chat.feedback import Rating
from merlin.core.clock import from_iso, iso
from merlin.db.database import Repository, transaction
from merlin.db.tables import HOUR_FIGURE, RATING, TURN
from merlin.db.values import RowMap

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
        asked = TURN.select(
            *(TURN.asked_at, TURN.written_at, TURN.ending, TURN.known),
            *(TURN.provider, TURN.cost_micro, TURN.currency),
        ).where((TURN.asked_at >= begin) & (TURN.asked_at < end) & (TURN.written_at > ""))
        failures, times, spent = Counter[str](), Counter[str](), Counter[str]()
        unknown = 0
        for row in self.db.rows(asked):
            if row["currency"]:
                spent[row["currency"]] += row["cost_micro"]
            if row["ending"] == UpdateState.FAILED:
                failures[row["provider"]] += 1
            elif row["ending"] == UpdateState.ANSWERED:
                taken = from_iso(row["written_at"]) - from_iso(row["asked_at"])
                times[time_class(taken.total_seconds())] += 1
                unknown += row["known"] == 0
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
