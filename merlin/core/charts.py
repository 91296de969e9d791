"""Loss curves as SVG and as text.

Curve: a job's losses over its steps as a drawing of two layers, ready for a template.

The outer drawing has no viewBox, so that its words keep their size at every width; the inner one,
1000 by 300, stretches. Places of words are in per cent of the outer one.

Losses: a job's train and test loss over its steps, as its diary and checkpoints tell them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.core.i18n import number

WIDE, HIGH = 1000, 300
# Where the inner drawing lies within the outer one, in per cent.
LEFT, TOP, WIDTH, HEIGHT = 6.0, 4.0, 84.0, 82.0
MOST_POINTS = 400
# Beyond it a name beside the line's end would leave the drawing.
_LATE = 0.7
# Nearer than that, in per cent of the height, two names would lie over one another.
_NEAR = 9.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tick:
    """A number at an axis: its place in per cent (outer), or in units (inner) for its line."""

    place: float
    line: float
    words: str


@dataclass(frozen=True, slots=True)
class Name:
    """A line's name at its end."""

    style: str
    x: float
    y: float
    dx: int
    dy: int
    anchor: str
    words: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The drawing; `train` and `test` are lists of "x,y", "" without, `dots` those of test."""

    train: str
    test: str
    dots: tuple[Point, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What is written at the lines' ends, without the number; the language of numbers."""

    train: str
    test: str
    language: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a (step, loss) lies; `rows` and `columns` are the losses and steps that are numbered.

    `last` is the step at the right end, `most` the loss at the top.
    """

    last: float
    most: float
    rows: tuple[float, ...]
    columns: tuple[float, ...]

    def point(self, at: Point) -> Point:
        """Return the place of a (step, loss) in the inner drawing."""
        step, loss = at
        return round(WIDE * step / self.last, 1), round(HIGH * (1 - loss / self.most), 1)

    def line(self, series: Sequence[Point]) -> str:
        """Return the places of a series, "x,y" each."""
        return " ".join(f"{x:g},{y:g}" for x, y in map(self.point, series))


def scale_of(train: Sequence[Point], test: Sequence[Point], total: float) -> Scale | None:
    """Return the scale on which all of both series lies, None without any.

    `total` is how many steps there will be, 0 where nobody knows.
    """
    every = [*train, *test]
    if not every:
        return None
    last, most = max(total, *(step for step, _ in every)), max(loss for _, loss in every)
    columns, rows = _ticks(last or 1.0, is_whole=True), _ticks(most or 1.0)
    end = max(last, columns[-1] if not total else 0.0) or 1.0
    return Scale(end, rows[-1], tuple(rows), tuple(each for each in columns if each <= end))


def curve_of(
    train: Sequence[Point], test: Sequence[Point], total: float, words: Words
) -> Curve | None:
    """Return the drawing of (step, loss) series, None without any; `total` as in `scale_of`."""
    scale = scale_of(train, test, total)
    if scale is None:
        return None
    lines = [("", train, words.train), ("t", test, words.test)]
    names = [
        _name(style, scale, series[-1], said, words) for style, series, said in lines if series
    ]
    return Curve(
        train=scale.line(thin(train)),
        test=scale.line(thin(test)),
        dots=tuple(scale.point(each) for each in thin(test)),
        rows=tuple(_row(scale, each, words.language) for each in scale.rows),
        columns=tuple(_column(scale, each, words.language) for each in scale.columns),
        names=_apart(names),
    )


def _ticks(most: float, *, is_whole: bool = False) -> list[float]:
    """Return round numbers from 0 to at least `most`, three to six of them."""
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough)
    if is_whole:
        step = max(math.ceil(step), 1)
    return [step * place for place in range(math.ceil(most / step - 1e-9) + 1)]


def _row(scale: Scale, value: float, language: str) -> Tick:
    _, line = scale.point((0, value))
    return Tick(round(TOP + HEIGHT * line / HIGH, 1), line, brief(value, language))


def _column(scale: Scale, value: float, language: str) -> Tick:
    line, _ = scale.point((value, 0))
    return Tick(round(LEFT + WIDTH * line / WIDE, 1), line, brief(value, language))


def brief(value: float, language: str) -> str:
    """Return a number with the digits that it has and no more."""
    said = f"{value:.10g}"
    return number(language, value, len(said.partition(".")[2]))


def _name(style: str, scale: Scale, end: Point, said: str, words: Words) -> Name:
    x, y = scale.point(end)
    is_late = x > _LATE * WIDE
    return Name(
        style=style,
        x=round(LEFT + WIDTH * x / WIDE, 1),
        y=round(TOP + HEIGHT * y / HIGH, 1),
        dx=0 if is_late else 8,
        dy=-9 if is_late else 4,
        anchor="end" if is_late else "start",
        words=f"{said} {number(words.language, end[1])}",
    )


def _apart(names: list[Name]) -> tuple[Name, ...]:
    """Move two names that lie over one another: the upper one up, the lower one down."""
    upper, *others = sorted(names, key=lambda name: name.y)
    if not others or others[0].y - upper.y > _NEAR:
        return tuple(names)
    (lower,) = others
    return _moved(upper, -9), _moved(lower, 18)


def _moved(name: Name, dy: int) -> Name:
    return Name(name.style, name.x, name.y, name.dx, dy, name.anchor, name.words)


def thin(series: Sequence[Point]) -> Sequence[Point]:
    """Return so many points as can be seen, the last one among them."""
    if len(series) <= MOST_POINTS:
        return series
    every = math.ceil(len(series) / MOST_POINTS)
    return [*series[:-1:every], series[-1]]


NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train_loss", "training_loss"),
    "test": ("valid_loss", "full_valid_loss"),
}
Measured = tuple[float, Mapping[str, Any]]


def losses_of(job: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (step, loss) by step, for "train" and "test"; empty where none are known.

    `job` has `events` with `data` and `checkpoints` with `step` and `metrics`; a checkpoint says
    it better than the diary. A loss that is no number is left out, and so is an epoch's mean of
    the train loss where steps told their own: it is above the last of them.
    """
    told = list(_told(job))
    steps = [each for each in told if "epoch" not in each[1]]
    own = _series(steps, NAMES["train"])
    every = [*told, *_kept(job)]
    train = own if len(own) > 1 else _series(every, NAMES["train"])
    return {"train": sorted(train.items()), "test": sorted(_series(every, NAMES["test"]).items())}


def _series(measured: Iterable[Measured], names: tuple[str, ...]) -> dict[float, float]:
    series: dict[float, float] = {}
    for step, metrics in measured:
        for name in names:
            value = metrics.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                series[step] = float(value)
    return series


def _told(job: Mapping[str, Any]) -> Iterator[Measured]:
    for each in job["events"]:
        metrics = each["data"] if isinstance(each["data"], dict) else {}
        step = metrics.get("step", metrics.get("epoch"))
        if isinstance(step, int | float):
            yield step, metrics


def _kept(job: Mapping[str, Any]) -> Iterator[Measured]:
    for each in job["checkpoints"]:
        yield each["step"], each["metrics"] or {}
