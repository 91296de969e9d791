"""Small time charts for pages: areas, lines or bars as SVG paths.

As in `charts`, the outer SVG has no viewBox, so that its text keeps its size; the inner SVG, 1000
by 300, stretches. Text positions are percentages of the outer SVG.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from merlin.core.charts import HEIGHT, WIDTH, PlotArea, Scale, Tick, log_ticks

AREA = PlotArea(9.0, 8.0, 89.0, 74.0)
# A bar's share of its column.
_BAR_SHARE = 0.72
_COLUMN_GAPS = 3

# A series: its CSS class and SVG path.
Series = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TimeChart:
    """The parts of a time chart."""

    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    area: str = ""
    lines: tuple[Series, ...] = ()
    bars: tuple[Series, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing but the axes is drawn."""
        return not self.area and not any(path for _, path in (*self.lines, *self.bars))


def linear_scale(count: int, highest: float, lowest_top: float = 2.0) -> Scale:
    """Return a scale of `count` points with three ticks from 0 to at least `lowest_top`."""
    half = max(highest, lowest_top) / 2
    power = 10.0 ** math.floor(math.log10(half))
    step = next(factor * power for factor in (1, 2, 3, 4, 5, 10) if factor * power >= half)
    return Scale(max(count - 1, 1), (0.0, step, 2 * step), (), is_log=False)


def log_scale(count: int, lowest: float, highest: float) -> Scale:
    """Return a logarithmic scale of `count` points that includes both values."""
    return Scale(max(count - 1, 1), tuple(log_ticks(lowest, highest)), ())


def column_ticks(labels: Sequence[str]) -> tuple[Tick, ...]:
    """Return the labels of the first, the last and two points between."""
    last = len(labels) - 1
    positions = sorted({round(last * index / _COLUMN_GAPS) for index in range(_COLUMN_GAPS + 1)})
    anchors = {0: "start", last: "end"}
    return tuple(
        Tick(AREA.right(x), x, labels[position], anchors.get(position, "middle"))
        for position in positions
        for x in [round(WIDTH * position / max(last, 1), 1)]
    )


def draw_line(scale: Scale, values: Sequence[float | None]) -> str:
    """Return a line through the values as an SVG path, interrupted at missing values.

    A single value is a short line: one of length 0 is invisible.
    """
    parts, is_drawing = list[str](), False
    for index, value in enumerate(values):
        if value is not None:
            x, y = scale.point((index, value))
            if not is_drawing and values[index + 1 : index + 2] in ([], [None]):
                parts.append(f"M{x - 8:g} {y:g}h16")
            else:
                parts.append(f"{'L' if is_drawing else 'M'}{x:g} {y:g}")
        is_drawing = value is not None
    return "".join(parts)


def draw_area(scale: Scale, values: Sequence[float]) -> str:
    """Return the area below a line as an SVG path."""
    return f"{draw_line(scale, values)}V{HEIGHT:g}H0Z"


def draw_bars(
    scale: Scale, series: Sequence[tuple[str, Sequence[float]]], *, is_stacked: bool = True
) -> tuple[Series, ...]:
    """Return bars as one SVG path per series: stacked, the first at the bottom, or side by side."""
    count = max((len(values) for _, values in series), default=0)
    in_group = 1 if is_stacked else len(series)
    bottoms, paths = [0.0] * count, []
    for number, (style, values) in enumerate(series):
        path = ""
        for index, value in enumerate(values):
            if value > 0:
                column = index * in_group + number % in_group
                path += _bar(scale, column, count * in_group, bottoms[index], value)
                bottoms[index] += value if is_stacked else 0
        paths.append((style, path))
    return tuple(paths)


def _bar(scale: Scale, column: int, count: int, below: float, value: float) -> str:
    """Return a bar of height `value` on top of `below`, in one of `count` columns."""
    share = 1 / count
    left = WIDTH * (column / count + share * (1 - _BAR_SHARE) / 2)
    (_, bottom), (_, top) = scale.point((0, below)), scale.point((0, below + value))
    return f"M{left:.1f} {top:g}h{WIDTH * share * _BAR_SHARE:.1f}V{bottom:g}H{left:.1f}Z"
