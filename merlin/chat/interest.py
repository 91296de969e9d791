"""Interest: what people ask about a course: in numbers, and in words of those who allowed it.

Nobody is named here, and nobody can be told from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was asked in the days from `begins` on: a day or a week (from Monday), UTC.

    `up` and `down` are how many answers were liked and disliked.
    """

    begins: date
    questions: int
    up: int = 0
    down: int = 0


@dataclass(frozen=True, slots=True)
class Disliked:
    """An answer that people did not like, with the consent of who asked."""

    at: datetime
    question: str
    answer: str
    model_id: str
    up: int
    down: int


class Interest(Protocol):
    """Where that is read; nothing is written."""

    def days(self, dataset: str, since: date) -> list[Stretch]:
        """Return the days on which anything was asked, oldest first."""

    def disliked(self, dataset: str, since: date, limit: int) -> list[Disliked]:
        """Return the least liked answers first; only of people whose consent counts now."""


def by_week(days: Sequence[Stretch]) -> list[Stretch]:
    """Return the days' weeks, oldest first."""
    weeks: dict[date, Stretch] = {}
    for day in days:
        monday = day.begins - timedelta(days=day.begins.weekday())
        week = weeks.get(monday, Stretch(monday, 0))
        weeks[monday] = replace(
            week,
            questions=week.questions + day.questions,
            up=week.up + day.up,
            down=week.down + day.down,
        )
    return [weeks[monday] for monday in sorted(weeks)]
