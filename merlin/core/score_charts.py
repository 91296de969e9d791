"""The chart of scores by version, each with its interval: as SVG for pages, as PNG for chats.

As in `charts`, the outer drawing has no viewBox, so that words keep their size; the inner one,
1000 by 300, stretches. Places of words are in per cent of the outer one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.core.charts import WIDTH, Name, Painter, PlotArea, Scale, Tick, paint_png

_AREA = PlotArea(8.0, 10.0, 88.0, 72.0)
_FLOOR, _FULL = 20, 100
_ABOVE, _LOWEST = 6.0, 78.0  # where the names of scores lie, in per cent of the height


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A share with its interval, all in per cent.

    `name` stands below it, and `day` below that; one with a `style` (serves, held, other) is told
    apart by `words`.
    """

    share: float
    low: float
    high: float
    name: str
    day: str
    style: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class ScoreBar:
    """A score as it is drawn: its dot, and the ends of its bar."""

    style: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreChart:
    """The drawing of scores; `way` joins the dots as a list of "x,y", `days` are the ends'."""

    way: str
    bars: tuple[ScoreBar, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    days: tuple[Tick, ...]
    names: tuple[Name, ...]


def fit_scores(scores: Sequence[Score]) -> Scale:
    """Return the scale of scores, each at the middle of its place; at least one."""
    least = min(math.floor(min(score.low for score in scores) / _FLOOR) * _FLOOR, _FULL - _FLOOR)
    rows = tuple(float(each) for each in range(least, _FULL + 1, _FLOOR))
    return Scale(len(scores), rows, tuple(at + 0.5 for at in range(len(scores))), is_log=False)


def plot_scores(scores: Sequence[Score], language: str) -> ScoreChart | None:
    """Return the drawing of scores, oldest first, None without any."""
    if not scores:
        return None
    scale = fit_scores(scores)
    bars, columns, names = [], [], []
    for at, each in zip(scale.columns, scores, strict=True):
        (x, y), (_, low), (_, high) = (
            scale.point((at, value)) for value in (each.share, each.low, each.high)
        )
        bars.append(ScoreBar(each.style, x, y, low, high))
        columns.append(Tick(_AREA.right(x), x, each.name))
        if each.words:
            names.append(_score_name(each, x, low))
    ends = dict.fromkeys((0, len(scores) - 1))
    return ScoreChart(
        way=" ".join(f"{bar.x:g},{bar.y:g}" for bar in bars),
        bars=tuple(bars),
        rows=_AREA.rows(scale, language),
        columns=tuple(columns),
        days=tuple(replace(columns[at], words=scores[at].day) for at in ends),
        names=tuple(names),
    )


def plot_scores_png(scores: Sequence[Score], language: str, title: str) -> bytes:
    """Return scores, oldest first and at least one, as a PNG."""
    scale = fit_scores(scores)
    places = list(zip(scale.columns, scores, strict=True))

    def colour(painter: Painter, score: Score) -> str:
        colours = painter.colours
        named = {"serves": colours.good, "this": colours.warn}
        return named.get(score.style, colours.train)

    def draw(painter: Painter) -> None:
        painter.draw_grid()
        for x, each in places:
            hole = painter.colours.ground if each.style == "this" else ""
            ends = (each.low, each.high)
            painter.draw_interval(x, each.share, ends, colour(painter, each), hole)

    def write(painter: Painter) -> None:
        unit, (left, _, _, bottom) = painter.unit, painter.box
        painter.write_rows()
        painter.write_title(title)
        for at, each in places:
            x, _ = painter.to_pixel((at, scale.rows[0]))
            painter.write((x, bottom + 8 * unit), each.name, "mt")
            if at in (scale.columns[0], scale.columns[-1]):
                painter.write((x, bottom + 24 * unit), each.day, "mt")
            if each.words:
                named = (left, 44 * unit), each.words, "lm", colour(painter, each)
                left = painter.write(*named) + 22 * unit

    return paint_png(scale, draw, write, language)


def _score_name(score: Score, x: float, low: float) -> Name:
    """Return the name of a score: of what serves above the drawing, of another below its bar."""
    is_above = score.style == "serves"
    y = _ABOVE if is_above else min(_AREA.down(low) + _ABOVE, _LOWEST)
    third = min(int(3 * x / WIDTH), 2)
    return Name(
        score.style, _AREA.right(x), y, 0, 0, ("start", "middle", "end")[third], score.words
    )
