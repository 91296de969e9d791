"""The chart of a job's losses, as SVG, and reading them from its events.

The outer SVG has no viewBox, so that its text keeps its size at every width; the inner SVG, 1000 by
300, stretches. Text positions are percentages of the outer SVG.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.core.i18n import format_number, text
from merlin.core.json_fields import is_number

WIDTH, HEIGHT = 1000, 300
MAX_POINTS = 400
_MAX_ROWS = 6
# Share of the highest loss; lower losses are drawn on the axis.
_MIN_LOSS_RATIO = 1e-6

_TRAIN_KEYS = ("train_loss", "training_loss")
_TEST_KEYS = ("valid_loss", "full_valid_loss")

Point = tuple[float, float]
StepMetrics = tuple[float, Mapping[str, Any]]


def read_losses(
    events: Iterable[object], checkpoints: Iterable[StepMetrics] = ()
) -> dict[str, list[tuple[float, float]]]:
    """Return (step, loss) pairs ordered by step, under "train" and "test"; empty if none are known.

    `events` are the data of the job's logged events; checkpoints, as (step, metrics), take
    precedence. Values that are not finite numbers are skipped. So is an epoch's mean train loss if
    single steps reported theirs: it lies above the last of them.
    """
    metrics = [event for event in events if isinstance(event, dict)]
    numbered = ((metric.get("step", metric.get("epoch")), metric) for metric in metrics)
    points = [(step, metric) for step, metric in numbered if is_number(step)]
    steps = [point for point in points if "epoch" not in point[1]]
    step_losses = _extract_series(steps, _TRAIN_KEYS)
    all_points = [*points, *checkpoints]
    train = step_losses if len(step_losses) > 1 else _extract_series(all_points, _TRAIN_KEYS)
    return {
        "train": sorted(train.items()),
        "test": sorted(_extract_series(all_points, _TEST_KEYS).items()),
    }


def read_positive(value: object) -> float:
    """Return a value if it is a positive number, else 0: a setting can be "auto"."""
    return max(float(value), 0.0) if is_number(value) and not isinstance(value, bool) else 0.0


def _extract_series(points: Iterable[StepMetrics], keys: tuple[str, ...]) -> dict[float, float]:
    series: dict[float, float] = {}
    for step, metrics in points:
        for key in keys:
            value = metrics.get(key)
            if is_number(value):
                series[step] = float(value)
    return series


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick label: its position in per cent (outer SVG) and that of its grid line (inner SVG)."""

    place: float
    line: float
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A label within a chart, in per cent of the outer SVG."""

    style: str
    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss chart; `train` and `test` are SVG point lists or "", `dots` the test points."""

    train: str
    test: str
    dots: tuple[Point, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps (step, value) to positions in the inner SVG.

    `rows` and `columns` are the values and steps with ticks. Losses use a logarithmic scale from
    the first to the last of `rows`; `last` is the step at the right edge.
    """

    last: float
    rows: tuple[float, ...]
    columns: tuple[float, ...]
    is_log: bool = True

    def point(self, point: Point) -> Point:
        """Return the position of a (step, value) in the inner SVG."""
        step, value = point
        lowest, highest = self.rows[0], self.rows[-1]
        if self.is_log:
            value, lowest, highest = (
                math.log(max(number, lowest)) for number in (value, lowest, highest)
            )
        share = (value - lowest) / (highest - lowest)
        return round(WIDTH * step / self.last, 1), round(HEIGHT * (1 - share), 1)

    def line(self, series: Sequence[Point]) -> str:
        """Return a series as an SVG point list ("x,y x,y")."""
        return " ".join(f"{x:g},{y:g}" for x, y in map(self.point, series))


@dataclass(frozen=True, slots=True)
class PlotArea:
    """The rectangle of the inner SVG within the outer one, in per cent."""

    left: float
    top: float
    width: float
    height: float

    def right(self, x: float) -> float:
        """Convert an x of the inner SVG to per cent of the outer one's width."""
        return round(self.left + self.width * x / WIDTH, 1)

    def down(self, y: float) -> float:
        """Convert a y of the inner SVG to per cent of the outer one's height."""
        return round(self.top + self.height * y / HEIGHT, 1)

    def rows(self, scale: Scale, language: str) -> tuple[Tick, ...]:
        """Return the tick labels of the vertical axis."""
        levels = ((value, scale.point((0, value))[1]) for value in scale.rows)
        return tuple(Tick(self.down(y), y, format_trimmed(value, language)) for value, y in levels)


_LOSS_AREA = PlotArea(6.0, 4.0, 84.0, 82.0)


def fit_scale(train: Sequence[Point], test: Sequence[Point], total: float) -> Scale | None:
    """Return the scale that fits both series, or None if both are empty.

    `total` is the planned number of steps, 0 if unknown. A loss of 0 or less has no logarithm and
    is drawn on the x axis.
    """
    points = [*train, *test]
    if not points:
        return None
    last_step = max(total, *(step for step, _ in points))
    positive = [loss for _, loss in points if loss > 0] or [1.0]
    columns = _linear_ticks(last_step or 1.0)
    right_end = max(last_step, columns[-1] if not total else 0.0) or 1.0
    rows = _log_ticks(max(min(positive), max(positive) * _MIN_LOSS_RATIO), max(positive))
    return Scale(right_end, tuple(rows), tuple(column for column in columns if column <= right_end))


def plot_curve(
    train: Sequence[Point], test: Sequence[Point], total: float, language: str
) -> Curve | None:
    """Chart two (step, loss) series; None if both are empty. `total` is that of `fit_scale`."""
    scale = fit_scale(train, test, total)
    if scale is None:
        return None
    # At the right end losses are low, so that the corner above them is free.
    lines = (("", train, "chart-train"), ("t", test, "chart-test"))
    names = [
        Name(style, 90.0, 10.0 + 7 * index, "end", _describe_last_loss(language, key, series))
        for index, (style, series, key) in enumerate(lines)
        if series
    ]
    return Curve(
        train=scale.line(downsample(train)),
        test=scale.line(downsample(test)),
        dots=tuple(scale.point(point) for point in downsample(test)),
        rows=_LOSS_AREA.rows(scale, language),
        columns=tuple(
            Tick(_LOSS_AREA.right(x), x, format_trimmed(column, language))
            for column in scale.columns
            for x, _ in [scale.point((column, 0))]
        ),
        names=tuple(names),
    )


def _linear_ticks(highest: float) -> list[float]:
    """Return three to six round whole numbers from 0 to at least `highest`."""
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    step = max(math.ceil(step), 1)
    return [step * index for index in range(math.ceil(highest / step - 1e-9) + 1)]


def _log_ticks(lowest: float, highest: float) -> list[float]:
    """Return three to six tick values around a range: powers of 2, 10 or 100."""
    ticks: list[float] = []
    for base in (2.0, 10.0, 100.0)[lowest < 1 / 8 :]:  # smaller powers of 2 have long labels
        low, high = math.floor(math.log(lowest, base)), math.ceil(math.log(highest, base))
        ticks = [base**power for power in range(min(low, high - 2), high + 1)]
        if len(ticks) <= _MAX_ROWS:
            break
    return ticks


def format_trimmed(value: float, language: str) -> str:
    """Return a formatted number without trailing zeros."""
    digits = f"{value:.10f}".rstrip("0")
    return format_number(language, value, len(digits.partition(".")[2]))


def _describe_last_loss(language: str, key: str, series: Sequence[Point]) -> str:
    return f"{text(language, key)} {format_number(language, series[-1][1])}"


def downsample(series: Sequence[Point], max_points: int = MAX_POINTS) -> Sequence[Point]:
    """Return at most `max_points` evenly spaced points, always including the last."""
    if len(series) <= max_points:
        return series
    step = math.ceil(len(series) / (max_points - 1))
    return [*series[:-1:step], series[-1]]
