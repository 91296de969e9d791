"""Places of what charts draw as SVG, and reading a job's losses from its events.

The outer SVG has no viewBox, so that its text keeps its size at every width; the inner SVG, 1000 by
300 for losses, stretches.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from merlin.core.i18n import format_number, text
from merlin.core.json_fields import is_number

WIDTH = 1000
HEIGHT = 300
MAX_POINTS = 400
# Share of the highest loss; lower losses are drawn on the axis.
_MIN_LOSS_RATIO = 1e-6

# Of a power of ten: where an axis may end.
_TENTHS = (12, 16, 20, 30, 40, 50, 60, 80, 100)

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
    train = (
        step_losses
        if len(step_losses) > 1
        else _extract_series(all_points, _TRAIN_KEYS)
    )
    return {
        "train": sorted(train.items()),
        "test": sorted(_extract_series(all_points, _TEST_KEYS).items()),
    }


def read_positive(value: object) -> float:
    """Return a value if it is a positive number, else 0: a setting can be "auto"."""
    return (
        max(float(value), 0.0)
        if is_number(value) and not isinstance(value, bool)
        else 0.0
    )


def _extract_series(
    points: Iterable[StepMetrics], keys: tuple[str, ...]
) -> dict[float, float]:
    series: dict[float, float] = {}
    for step, metrics in points:
        for key in keys:
            value = metrics.get(key)
            if is_number(value):
                series[step] = float(value)
    return series


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss chart; `train` and `test` are SVG point lists ("x,y x,y") or "".

    `dots` are checkpoints; `names` are (style, text) of the series that exist: its last loss. The
    others are the texts at the ends of the axes.
    """

    train: str
    test: str
    dots: tuple[Point, ...]
    names: tuple[tuple[str, str], ...]
    highest: str
    lowest: str
    last_step: str


def plot_curve(
    train: Sequence[Point],
    test: Sequence[Point],
    total: float,
    language: str,
    checkpoints: Collection[float] = (),
    most: int = MAX_POINTS,
) -> Curve | None:
    """Chart two (step, loss) series on a logarithmic scale; None if both are empty.

    `total` is the planned number of steps, 0 if unknown; the test's losses at `checkpoints` are
    dots; a series is drawn with at most `most` points. A loss of 0 or less has no logarithm and is
    drawn on the x axis.
    """
    points = [*train, *test]
    if not points:
        return None
    last_step = max(total, *(step for step, _ in points)) or 1.0
    positive = [loss for _, loss in points if loss > 0] or [1.0]
    highest = max(positive)
    lowest = max(min(positive), highest * _MIN_LOSS_RATIO)
    span = math.log(highest / lowest) or 1.0

    def place(point: Point) -> Point:
        share = math.log(max(point[1], lowest) / lowest) / span
        return round(WIDTH * point[0] / last_step, 1), round(HEIGHT * (1 - share), 1)

    def line(series: Sequence[Point]) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in map(place, downsample(series, most)))

    names = (("", "chart-train", train), ("t", "chart-test", test))
    return Curve(
        train=line(train),
        test=line(test),
        dots=tuple(place(point) for point in test if point[0] in checkpoints),
        names=tuple(
            (style, f"{text(language, key)} {format_loss(language, series[-1][1])}")
            for style, key, series in names
            if series
        ),
        highest=format_loss(language, highest),
        lowest=format_loss(language, lowest),
        last_step=format_number(language, last_step, 0),
    )


def format_loss(language: str, loss: float) -> str:
    """Return a formatted loss, to three decimals on every surface."""
    return format_number(language, loss, 3)


def downsample(series: Sequence[Point], most: int = MAX_POINTS) -> Sequence[Point]:
    """Return at most `most` evenly spaced points, always including the last."""
    if len(series) <= most:
        return series
    step = math.ceil(len(series) / (most - 1))
    return [*series[:-1:step], series[-1]]


def place_shares(shares: Sequence[float]) -> list[Point]:
    """Return the place of each share, 0 to 1, in its column: percent of a chart from its corner."""
    width = 100 / len(shares) if shares else 0.0
    return [
        (round(width * (column + 0.5), 2), round(100 * (1 - share), 2))
        for column, share in enumerate(shares)
    ]


def stack_bars(columns: Sequence[Sequence[int]], top: int) -> list[list[Point]]:
    """Return upper end and height of each number of each column, in percent of a chart.

    The first number of a column is lowest; a column with the sum `top` is as high as the chart.
    """
    return [
        [
            (round(100 * (1 - total / top), 2), round(100 * number / top, 2))
            for number, total in zip(column, accumulate(column), strict=True)
        ]
        for column in columns
    ]


def choose_top(highest: int) -> int:
    """Return the end of an axis from 0: a number that reads well, and its half, too."""
    scale: int = 10 ** (len(str(highest)) - 1)
    tops = (scale * tenths // 10 for tenths in _TENTHS)
    return next(top for top in tops if top >= highest and top % 2 == 0)
