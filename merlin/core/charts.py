"""The chart of a job's losses, as SVG, and reading them from its events.

The outer SVG has no viewBox, so that its text keeps its size at every width; the inner SVG, 1000 by
300, stretches. Text positions are percentages of the outer SVG.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.core.i18n import format_number, text
from merlin.core.json_fields import is_number

WIDTH, HEIGHT = 1000, 300
# The place of the inner SVG in the outer one, in per cent, as in shared_parts.html.
_LEFT, _TOP, _ACROSS, _DOWN = 6.0, 4.0, 84.0, 82.0
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
class Curve:
    """A loss chart; `train` and `test` are SVG point lists ("x,y x,y") or "".

    `dots` are checkpoints; `names` are (style, text) of the series that exist: its last loss.
    """

    train: str
    test: str
    dots: tuple[Point, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    names: tuple[tuple[str, str], ...]


def plot_curve(
    train: Sequence[Point],
    test: Sequence[Point],
    total: float,
    language: str,
    checkpoints: Collection[float] = (),
) -> Curve | None:
    """Chart two (step, loss) series on a logarithmic scale; None if both are empty.

    `total` is the planned number of steps, 0 if unknown; the test's losses at `checkpoints` are
    dots. A loss of 0 or less has no logarithm and is
    drawn on the x axis.
    """
    points = [*train, *test]
    if not points:
        return None
    last_step = max(total, *(step for step, _ in points))
    positive = [loss for _, loss in points if loss > 0] or [1.0]
    columns = _linear_ticks(last_step or 1.0)
    right_end = max(last_step, columns[-1] if not total else 0.0) or 1.0
    rows = _log_ticks(max(min(positive), max(positive) * _MIN_LOSS_RATIO), max(positive))

    def place(point: Point) -> Point:
        share = math.log(max(point[1], rows[0]) / rows[0]) / math.log(rows[-1] / rows[0])
        return round(WIDTH * point[0] / right_end, 1), round(HEIGHT * (1 - share), 1)

    def line(series: Sequence[Point]) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in map(place, downsample(series)))

    levels = ((loss, place((0, loss))[1]) for loss in rows)
    steps = ((step, place((step, 1))[0]) for step in columns if step <= right_end)
    names = (("", "chart-train", train), ("t", "chart-test", test))
    return Curve(
        train=line(train),
        test=line(test),
        dots=tuple(place(point) for point in test if point[0] in checkpoints),
        rows=tuple(
            Tick(round(_TOP + _DOWN * y / HEIGHT, 1), y, format_trimmed(loss, language))
            for loss, y in levels
        ),
        columns=tuple(
            Tick(round(_LEFT + _ACROSS * x / WIDTH, 1), x, format_trimmed(step, language))
            for step, x in steps
        ),
        names=tuple(
            (style, f"{text(language, key)} {format_loss(language, series[-1][1])}")
            for style, key, series in names
            if series
        ),
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


def format_loss(language: str, loss: float) -> str:
    """Return a formatted loss, to three decimals on every surface."""
    return format_number(language, loss, 3)


def format_trimmed(value: float, language: str) -> str:
    """Return a formatted number without trailing zeros."""
    digits = f"{value:.10f}".rstrip("0")
    return format_number(language, value, len(digits.partition(".")[2]))


def downsample(series: Sequence[Point], max_points: int = MAX_POINTS) -> Sequence[Point]:
    """Return at most `max_points` evenly spaced points, always including the last."""
    if len(series) <= max_points:
        return series
    step = math.ceil(len(series) / (max_points - 1))
    return [*series[:-1:step], series[-1]]
