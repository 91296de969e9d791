"""Bars: counts by day as a drawing, one bar a day, that stretches to its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HIGH = 100


@dataclass(frozen=True, slots=True)
class Count:
    """One day or week."""

    words: str
    count: int
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; places are units of a drawing as wide as there are bars, `HIGH` high."""

    x: float
    y: float
    height: float
    bad_y: float
    bad_height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """The drawing; `first` and `last` stand below its ends, `most` beside its top."""

    wide: int
    bars: tuple[Bar, ...]
    most: int
    first: str
    last: str


def bars_of(counts: Sequence[Count]) -> Bars | None:
    """Return the drawing of counts, None where all of them are 0."""
    most = max((each.count for each in counts), default=0)
    if not most:
        return None
    bars = tuple(_bar(place, each, most) for place, each in enumerate(counts))
    return Bars(len(counts), bars, most, counts[0].words, counts[-1].words)


def _bar(place: int, each: Count, most: int) -> Bar:
    height = round(HIGH * each.count / most, 1)
    bad = round(HIGH * min(each.bad, each.count) / most, 1)
    return Bar(place + 0.12, HIGH - height, height, HIGH - bad, bad)
