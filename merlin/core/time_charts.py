"""Small charts over time for pages: an area, lines or stacked bars, as parts of an SVG.

As in `charts`, the outer drawing has no viewBox, so that words keep their size; the inner one,
1000 by 300, stretches. Places of words are in per cent of the outer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDE, HIGH = 1000.0, 300.0
# Where the inner drawing lies within the outer one, in per cent.
LEFT, TOP, WIDTH, HEIGHT = 9.0, 8.0, 89.0, 74.0
# A bar takes that share of its place.
_FILLED = 0.72
_MOST_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """Words at an axis: `place` in per cent of the outer drawing, `line` in units of the inner."""

    place: float
    line: float
    words: str
    anchor: str = "middle"


# One series: its class, and the d of its path.
Series = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TimeChart:
    """What a drawing consists of."""

    rows: tuple[AxisLabel, ...]
    columns: tuple[AxisLabel, ...]
    area: str = ""
    lines: tuple[Series, ...] = ()
    bars: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """A vertical axis: its numbers from below, on a linear or a logarithmic scale."""

    ticks: tuple[float, ...]
    is_log: bool = False

    def line(self, value: float) -> float:
        """Return where a value lies in the inner drawing, from above."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.is_log:
            value, low, high = (math.log(max(each, self.ticks[0])) for each in (value, low, high))
        return round(HIGH * (1 - (value - low) / (high - low)), 1)

    def marks(self, words: Callable[[float], str]) -> tuple[AxisLabel, ...]:
        """Return its numbers with their words."""
        lines = ((value, self.line(value)) for value in self.ticks)
        return tuple(
            AxisLabel(round(TOP + HEIGHT * line / HIGH, 1), line, words(value))
            for value, line in lines
        )


def linear_axis(most: float) -> Axis:
    """Return an axis from 0 over `most`, with a number in the middle: 0, 20, 40."""
    half = max(most, 2.0) / 2
    power = 10.0 ** math.floor(math.log10(half))
    step = next(each * power for each in (1, 2, 3, 4, 5, 10) if each * power >= half)
    return Axis((0.0, step, 2 * step))


def log_axis(least: float, most: float) -> Axis:
    """Return an axis by powers of two, or of four where those are many, that holds both values."""
    low, high = math.floor(math.log2(least)), math.ceil(math.log2(most))
    high = max(high, low + 1)
    step = 1 if high - low <= 4 else 2  # noqa: PLR2004 - more numbers than that stand too near
    high += (low - high) % step
    return Axis(tuple(2.0**each for each in range(low, high + 1, step)), is_log=True)


def draw_columns(words: Sequence[str]) -> tuple[AxisLabel, ...]:
    """Return the names of the first, the last and two points between."""
    last = len(words) - 1
    chosen = sorted({round(last * part / _MOST_COLUMNS) for part in range(_MOST_COLUMNS + 1)})
    anchors = {0: "start", last: "end"}
    return tuple(
        AxisLabel(round(LEFT + WIDTH * x / WIDE, 1), x, words[place], anchors.get(place, "middle"))
        for place in chosen
        for x in [round(WIDE * place / max(last, 1), 1)]
    )


def draw_line(axis: Axis, values: Sequence[float | None]) -> str:
    """Return a line through the values as a path; where one is missing the line is broken."""
    last, parts, is_drawing = max(len(values) - 1, 1), list[str](), False
    for place, value in enumerate(values):
        if value is not None:
            joint = "L" if is_drawing else "M"
            parts.append(f"{joint}{WIDE * place / last:g} {axis.line(value):g}")
            # A point alone is a line of no length, which a round cap shows.
            if not is_drawing and values[place + 1 : place + 2] in ([], [None]):
                parts.append("h0")
        is_drawing = value is not None
    return "".join(parts)


def draw_area(axis: Axis, values: Sequence[float]) -> str:
    """Return the area below a line as a path."""
    return f"{draw_line(axis, values)}V{HIGH:g}H0Z"


def draw_bars(axis: Axis, series: Sequence[tuple[str, Sequence[float]]]) -> tuple[Series, ...]:
    """Return stacked bars, the first series below, each a path."""
    count = max((len(values) for _, values in series), default=0)
    below, shapes = [0.0] * count, []
    for style, values in series:
        path = ""
        for place, value in enumerate(values):
            if value <= 0:
                continue
            bottom, top = axis.line(below[place]), axis.line(below[place] + value)
            below[place] += value
            path += _bar(place, count, top, bottom)
        shapes.append((style, path))
    return tuple(shapes)


def draw_pairs(axis: Axis, series: Sequence[tuple[str, Sequence[float]]]) -> tuple[Series, ...]:
    """Return bars that stand beside one another, those of a series as a path."""
    count = max((len(values) for _, values in series), default=0) * len(series)
    shapes = []
    for number, (style, values) in enumerate(series):
        bars = (
            _bar(place * len(series) + number, count, axis.line(value), HIGH)
            for place, value in enumerate(values)
            if value > 0
        )
        shapes.append((style, "".join(bars)))
    return tuple(shapes)


def _bar(place: int, count: int, top: float, bottom: float) -> str:
    left = WIDE * (place + (1 - _FILLED) / 2) / count
    return f"M{left:.1f} {top:g}h{WIDE * _FILLED / count:.1f}V{bottom:g}H{left:.1f}Z"
