"""Small charts over time for pages: an area, lines or stacked bars, as parts of an SVG.

As in `charts`, the outer drawing has no viewBox, so that words keep their size; the inner one,
1000 by 300, stretches. Places of words are in per cent of the outer one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from merlin.core.charts import HEIGHT, WIDTH, PlotArea, Scale, Tick, log_ticks

AREA = PlotArea(9.0, 8.0, 89.0, 74.0)
# A bar takes that share of its place.
_FILLED = 0.72
_MAX_COLUMNS = 3

# One series: its class, and the d of its path.
Series = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TimeChart:
    """What a drawing consists of."""

    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    area: str = ""
    lines: tuple[Series, ...] = ()
    bars: tuple[Series, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is drawn but the axes."""
        return not self.area and not any(path for _, path in (*self.lines, *self.bars))


def linear_scale(count: int, most: float, least: float = 2.0) -> Scale:
    """Return the scale of so many points, numbered 0, 20, 40; its top is `least` or above."""
    half = max(most, least) / 2
    power = 10.0 ** math.floor(math.log10(half))
    step = next(each * power for each in (1, 2, 3, 4, 5, 10) if each * power >= half)
    return Scale(max(count - 1, 1), (0.0, step, 2 * step), (), is_log=False)


def log_scale(count: int, least: float, most: float) -> Scale:
    """Return the logarithmic scale of so many points on which both values lie."""
    return Scale(max(count - 1, 1), tuple(log_ticks(least, most)), ())


def draw_columns(words: Sequence[str]) -> tuple[Tick, ...]:
    """Return the names of the first, the last and two points between."""
    last = len(words) - 1
    chosen = sorted({round(last * part / _MAX_COLUMNS) for part in range(_MAX_COLUMNS + 1)})
    anchors = {0: "start", last: "end"}
    return tuple(
        Tick(AREA.right(x), x, words[place], anchors.get(place, "middle"))
        for place in chosen
        for x in [round(WIDTH * place / max(last, 1), 1)]
    )


def draw_line(scale: Scale, values: Sequence[float | None]) -> str:
    """Return a line through the values as a path; where one is missing the line is broken."""
    parts, is_drawing = list[str](), False
    for place, value in enumerate(values):
        if value is not None:
            x, y = scale.point((place, value))
            parts.append(f"{'L' if is_drawing else 'M'}{x:g} {y:g}")
            # A point alone is a line of no length, which a round cap shows.
            if not is_drawing and values[place + 1 : place + 2] in ([], [None]):
                parts.append("h0")
        is_drawing = value is not None
    return "".join(parts)


def draw_area(scale: Scale, values: Sequence[float]) -> str:
    """Return the area below a line as a path."""
    return f"{draw_line(scale, values)}V{HEIGHT:g}H0Z"


def draw_bars(scale: Scale, series: Sequence[tuple[str, Sequence[float]]]) -> tuple[Series, ...]:
    """Return stacked bars, the first series below, each a path."""
    count = max((len(values) for _, values in series), default=0)
    below, shapes = [0.0] * count, []
    for style, values in series:
        path = ""
        for place, value in enumerate(values):
            if value > 0:
                path += _bar(scale, place / count, 1 / count, below[place], value)
                below[place] += value
        shapes.append((style, path))
    return tuple(shapes)


def draw_pairs(scale: Scale, series: Sequence[tuple[str, Sequence[float]]]) -> tuple[Series, ...]:
    """Return bars that stand beside one another, those of a series as a path."""
    count = max((len(values) for _, values in series), default=0) * len(series)
    return tuple(
        (
            style,
            "".join(
                _bar(scale, (place * len(series) + number) / count, 1 / count, 0, value)
                for place, value in enumerate(values)
                if value > 0
            ),
        )
        for number, (style, values) in enumerate(series)
    )


def _bar(scale: Scale, begin: float, share: float, below: float, value: float) -> str:
    """Return a bar in its share of the width, from the value `below` on."""
    left = WIDTH * (begin + share * (1 - _FILLED) / 2)
    (_, bottom), (_, top) = scale.point((0, below)), scale.point((0, below + value))
    return f"M{left:.1f} {top:g}h{WIDTH * share * _FILLED:.1f}V{bottom:g}H{left:.1f}Z"
