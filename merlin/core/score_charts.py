"""The chart of scores by version with their intervals: as SVG for pages.

As in `charts`, the outer SVG has no viewBox, so that its text keeps its size; the inner SVG, 1000
by 300, stretches. Text positions are percentages of the outer SVG.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.core.charts import WIDTH, Name, PlotArea, Scale, Tick

_AREA = PlotArea(8.0, 10.0, 88.0, 72.0)
_ROW_STEP, _MAX_SHARE = 20, 100
_LABEL_OFFSET, _LOWEST_LABEL = 6.0, 78.0  # positions of score labels, in per cent of the height


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A share with its confidence interval, all in per cent.

    `name` and `day` are its two axis labels; `text` labels a score whose `style` ("serves", or
    "this" for the selected version) is not "".
    """

    share: float
    low: float
    high: float
    name: str
    day: str
    style: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ScoreBar:
    """A score's dot and the ends of its interval, in the inner SVG."""

    style: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreChart:
    """A score chart; `way` connects the dots as an SVG point list, `days` label the two ends."""

    way: str
    bars: tuple[ScoreBar, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    days: tuple[Tick, ...]
    names: tuple[Name, ...]


def fit_scores(scores: Sequence[Score]) -> Scale:
    """Return the scale of at least one score, with each score in the middle of its column."""
    lowest = min(
        math.floor(min(score.low for score in scores) / _ROW_STEP) * _ROW_STEP,
        _MAX_SHARE - _ROW_STEP,
    )
    rows = tuple(float(row) for row in range(lowest, _MAX_SHARE + 1, _ROW_STEP))
    return Scale(
        len(scores), rows, tuple(index + 0.5 for index in range(len(scores))), is_log=False
    )


def plot_scores(scores: Sequence[Score], language: str) -> ScoreChart | None:
    """Return the chart of scores, oldest first; None if there are none."""
    if not scores:
        return None
    scale = fit_scores(scores)
    bars, columns, names = [], [], []
    for column, score in zip(scale.columns, scores, strict=True):
        (x, y), (_, low), (_, high) = (
            scale.point((column, value)) for value in (score.share, score.low, score.high)
        )
        bars.append(ScoreBar(score.style, x, y, low, high))
        columns.append(Tick(_AREA.right(x), x, score.name))
        if score.text:
            names.append(_score_label(score, x, low))
    ends = dict.fromkeys((0, len(scores) - 1))
    return ScoreChart(
        way=" ".join(f"{bar.x:g},{bar.y:g}" for bar in bars),
        bars=tuple(bars),
        rows=_AREA.rows(scale, language),
        columns=tuple(columns),
        days=tuple(replace(columns[index], text=scores[index].day) for index in ends),
        names=tuple(names),
    )


def _score_label(score: Score, x: float, low: float) -> Name:
    """Return a score's label: above the chart for the serving version, else below its interval."""
    is_above = score.style == "serves"
    y = _LABEL_OFFSET if is_above else min(_AREA.down(low) + _LABEL_OFFSET, _LOWEST_LABEL)
    third = min(int(3 * x / WIDTH), 2)
    return Name(score.style, _AREA.right(x), y, 0, 0, ("start", "middle", "end")[third], score.text)
