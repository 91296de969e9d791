"""Charts of a job's losses: read from its events, drawn as SVG for pages and as PNG for chats.

The outer drawing of the SVG has no viewBox, so that its words keep their size at every width; the
inner one, 1000 by 300, stretches. Places of words are in per cent of the outer one.

A PNG has the same scale. Lines are drawn three times as large and made smaller, which smooths
them; letters are drawn as they are. Pillow is imported when the first one is wanted: a bot that
draws none does without its memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merlin.core.i18n import format_number, text

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

WIDE, HIGH = 1000, 300
MAX_POINTS = 400
# Up to the first share of the width a name stands right of the line's end, up to the second above
# or below it, and then it ends there.
_BESIDE, _ABOVE = 0.5, 0.75
# A name takes about that share of the width.
_NAMED = 0.5
# Nearer than that, in per cent of the height, two names would lie over one another.
_NEAR = 9.0
_LOW = 78.0  # below it a name would stand among the numbers of the lower axis
_MAX_ROWS = 6
# Of the highest loss; what is lower lies on the axis.
_DEPTH = 1e-6

_FONTS = Path(__file__).parent / "picture"
_BOLD = "dejavu-sans-bold.ttf"
# Lines are drawn so many times as large; at three a picture takes 25 MB while it is drawn.
_FINE = 3
# On a picture so wide the sizes below are pixels.
_PLAIN_WIDTH = 640
# More dots than that would be a line of their own.
_MAX_DOTS = 60
_TRAIN = ("train_loss", "training_loss")
_TEST = ("valid_loss", "full_valid_loss")

Point = tuple[float, float]
Measured = tuple[float, Mapping[str, Any]]


def read_losses(
    events: Iterable[object], checkpoints: Iterable[Measured] = ()
) -> dict[str, list[tuple[float, float]]]:
    """Return (step, loss) by step, for "train" and "test"; empty where none are known.

    `events` are the data of a job's diary; a checkpoint, by step and metrics, says it better. A
    loss that is no number is left out, and so is an epoch's mean of the train loss where steps
    told their own: it is above the last of them.
    """
    metrics = [event for event in events if isinstance(event, dict)]
    dated = ((metric.get("step", metric.get("epoch")), metric) for metric in metrics)
    points = [(step, each) for step, each in dated if isinstance(step, int | float)]
    steps = [each for each in points if "epoch" not in each[1]]
    own = _series(steps, _TRAIN)
    every = [*points, *checkpoints]
    train = own if len(own) > 1 else _series(every, _TRAIN)
    return {"train": sorted(train.items()), "test": sorted(_series(every, _TEST).items())}


def _series(measured: Iterable[Measured], names: tuple[str, ...]) -> dict[float, float]:
    series: dict[float, float] = {}
    for step, metrics in measured:
        for name in names:
            value = metrics.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                series[step] = float(value)
    return series


@dataclass(frozen=True, slots=True)
class Tick:
    """Words at an axis: their place in per cent (outer), or in units (inner) for their line."""

    place: float
    line: float
    words: str
    anchor: str = "middle"


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
class Scale:
    """Where a (step, value) lies; `rows` and `columns` are the values and steps that are numbered.

    Losses lie by their logarithm, from the first of `rows` to the last; `last` is the step at the
    right end.
    """

    last: float
    rows: tuple[float, ...]
    columns: tuple[float, ...]
    is_log: bool = True

    def point(self, at: Point) -> Point:
        """Return the place of a (step, value) in the inner drawing."""
        step, value = at
        least, most = self.rows[0], self.rows[-1]
        if self.is_log:
            value, least, most = (math.log(max(each, least)) for each in (value, least, most))
        share = (value - least) / (most - least)
        return round(WIDE * step / self.last, 1), round(HIGH * (1 - share), 1)

    def line(self, series: Sequence[Point]) -> str:
        """Return the places of a series, "x,y" each."""
        return " ".join(f"{x:g},{y:g}" for x, y in map(self.point, series))


@dataclass(frozen=True, slots=True)
class PlotArea:
    """Where the inner drawing lies within the outer one, in per cent."""

    left: float
    top: float
    width: float
    height: float

    def right(self, x: float) -> float:
        """Return how far from the left a place of the inner drawing lies in the outer one."""
        return round(self.left + self.width * x / WIDE, 1)

    def down(self, y: float) -> float:
        """Return how far from the top a place of the inner drawing lies in the outer one."""
        return round(self.top + self.height * y / HIGH, 1)

    def rows(self, scale: Scale, language: str) -> tuple[Tick, ...]:
        """Return the numbers of the vertical axis."""
        lines = ((value, scale.point((0, value))[1]) for value in scale.rows)
        return tuple(Tick(self.down(line), line, brief(value, language)) for value, line in lines)


_AREA = PlotArea(6.0, 4.0, 84.0, 82.0)


def fit_scale(train: Sequence[Point], test: Sequence[Point], total: float) -> Scale | None:
    """Return the scale on which all of both series lies, None without any.

    `total` is how many steps there will be, 0 where nobody knows. A loss that is not above 0 has no
    logarithm: it lies on the lower axis.
    """
    every = [*train, *test]
    if not every:
        return None
    last = max(total, *(step for step, _ in every))
    above = [loss for _, loss in every if loss > 0] or [1.0]
    columns = _ticks(last or 1.0)
    end = max(last, columns[-1] if not total else 0.0) or 1.0
    rows = log_ticks(max(min(above), max(above) * _DEPTH), max(above))
    return Scale(end, tuple(rows), tuple(column for column in columns if column <= end))


def plot_curve(
    train: Sequence[Point], test: Sequence[Point], total: float, language: str
) -> Curve | None:
    """Return the drawing of (step, loss) series, None without any; `total` as in `fit_scale`."""
    scale = fit_scale(train, test, total)
    if scale is None:
        return None
    lines = [("", train, "chart-train"), ("t", test, "chart-test")]
    names = [_name(style, scale, series, key, language) for style, series, key in lines if series]
    return Curve(
        train=scale.line(thin(train)),
        test=scale.line(thin(test)),
        dots=tuple(scale.point(each) for each in thin(test)),
        rows=_AREA.rows(scale, language),
        columns=tuple(_column(scale, column, language) for column in scale.columns),
        names=_apart(names),
    )


def _ticks(most: float) -> list[float]:
    """Return round whole numbers from 0 to at least `most`, three to six of them."""
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough)
    step = max(math.ceil(step), 1)
    return [step * place for place in range(math.ceil(most / step - 1e-9) + 1)]


def log_ticks(least: float, most: float) -> list[float]:
    """Return three to six numbers around `least` and `most`: powers of 2, 1-3-10, or of 10."""
    found: list[float] = []
    for base, parts in ((2.0, (1,)), (10.0, (1, 3)), (10.0, (1,)), (100.0, (1,))):
        low, high = (math.floor(math.log(each, base)) for each in (least, most))
        ticks = [part * base**power for power in range(low - 2, high + 2) for part in parts]
        first = max(place for place, each in enumerate(ticks) if each <= least)
        last = min(place for place, each in enumerate(ticks) if each >= most)
        found = ticks[min(first, max(last - 2, 0)) : last + 1]
        if len(found) <= _MAX_ROWS:
            break
    return found


def _column(scale: Scale, value: float, language: str) -> Tick:
    line, _ = scale.point((value, 0))
    return Tick(_AREA.right(line), line, brief(value, language))


def brief(value: float, language: str) -> str:
    """Return a number with the digits that it has and no more."""
    digits = f"{value:.10f}".rstrip("0")
    return format_number(language, value, len(digits.partition(".")[2]))


def _name(style: str, scale: Scale, series: Sequence[Point], key: str, language: str) -> Name:
    x, y = scale.point(series[-1])
    is_beside, is_late = x <= _BESIDE * WIDE, x > _ABOVE * WIDE
    if is_late:
        # Above all of the line that the words stand over.
        places = (scale.point(each) for each in series)
        y = min(down for right, down in places if right >= x - _NAMED * WIDE)
    return Name(
        style=style,
        x=_AREA.right(x),
        y=_AREA.down(y),
        dx=8 if is_beside else 0 if is_late else -24,
        dy=4 if is_beside else -9,
        anchor="end" if is_late else "start",
        words=_last_loss(language, key, series),
    )


def _last_loss(language: str, key: str, series: Sequence[Point]) -> str:
    return f"{text(language, key)} {format_number(language, series[-1][1])}"


def _apart(names: list[Name]) -> tuple[Name, ...]:
    """Move two names that could lie over one another: the upper one up, the lower one down.

    Near the lower axis, whose numbers stand below it, both go up.
    """
    upper, *others = sorted(names, key=lambda name: name.y)
    if not others:
        return tuple(names)
    (lower,) = others
    is_near, is_late = lower.y - upper.y <= _NEAR, lower.anchor == "end"
    if lower.y > _LOW:
        return replace(upper, dy=-24 if is_near else -9), replace(lower, dy=-9)
    return (replace(upper, dy=-9), replace(lower, dy=18)) if is_near or is_late else tuple(names)


def thin(series: Sequence[Point], most: int = MAX_POINTS) -> Sequence[Point]:
    """Return so many points as can be seen, the last one among them."""
    if len(series) <= most:
        return series
    every = math.ceil(len(series) / (most - 1))
    return [*series[:-1:every], series[-1]]


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one theme, as the pages have them."""

    ground: str
    line: str
    edge: str
    text: str
    pale: str
    train: str
    test: str
    good: str
    warn: str


_LIGHT = ("#ffffff", "#dedbd2", "#81878c", "#1c242b", "#535e68", "#27597f", "#9c4520")
_DARK = ("#1a2127", "#303b45", "#74818d", "#e7ebee", "#a5b1bb", "#8fbde2", "#e6a07a")
LIGHT, DARK = Colours(*_LIGHT, "#1d6642", "#765000"), Colours(*_DARK, "#7fcba3", "#e4bb64")


def plot_png(
    train: Sequence[Point],
    test: Sequence[Point],
    language: str,
    title: str,
    *,
    width: int = 1280,
    height: int = 720,
    dark: bool = False,
) -> bytes:
    """Return (step, loss) series, every number finite, as a PNG of so many pixels."""
    scale = fit_scale(train, test, 0)

    def write(painter: Painter) -> None:
        painter.write_axes()
        painter.write_title(title)
        painter.write_legend(train, test)
        if scale is None:
            left, top, right, bottom = painter.box
            none, middle = text(language, "chart-none"), ((left + right) / 2, (top + bottom) / 2)
            painter.write(middle, none, "mm")

    fits = scale or Scale(1.0, (1.0, 2.0), ())
    size, colours = (width, height), DARK if dark else LIGHT
    return paint_png(fits, lambda it: it.draw_lines(train, test), write, language, size, colours)


def paint_png(
    scale: Scale,
    draw: Callable[[Painter], None],
    write: Callable[[Painter], None],
    language: str,
    size: tuple[int, int] = (1280, 720),
    colours: Colours = LIGHT,
) -> bytes:
    """Return a PNG: `draw` draws its lines, larger, and then `write` its words."""
    from PIL import Image  # noqa: PLC0415 - needed by few
    from PIL.ImageDraw import Draw  # noqa: PLC0415 - needed by few

    width, height = size
    fine = Image.new("RGB", (width * _FINE, height * _FINE), colours.ground)
    draw(Painter(Draw(fine), width, height, scale, colours, language))
    picture = fine.resize(size, Image.Resampling.BOX)
    write(Painter(Draw(picture), width, height, scale, colours, language))
    made = BytesIO()
    # Few colours: a palette is a third of the size.
    picture.quantize(128).save(made, "PNG", optimize=True)
    return made.getvalue()


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws one picture of so many pixels, whose lines are drawn larger first."""

    draw: ImageDraw
    width: int
    height: int
    scale: Scale
    colours: Colours
    language: str

    @property
    def unit(self) -> float:
        """Return how many pixels stand for one of a picture of plain width."""
        return self.width / _PLAIN_WIDTH

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of what the axes enclose."""
        unit = self.unit
        return 48 * unit, 62 * unit, self.width - 20 * unit, self.height - 44 * unit

    def at(self, point: Point) -> Point:
        """Return the pixel of a (step, loss)."""
        left, top, right, bottom = self.box
        x, y = self.scale.point(point)
        return left + (right - left) * x / WIDE, top + (bottom - top) * y / HIGH

    def fine(self, point: Point) -> Point:
        """Return the same where lines are drawn larger."""
        x, y = self.at(point)
        return x * _FINE, y * _FINE

    def draw_grid(self) -> None:
        """Draw a line for each number of the left axis."""
        for place, value in enumerate(self.scale.rows):
            ends = [self.fine((0, value)), self.fine((self.scale.last, value))]
            colour = self.colours.line if place else self.colours.edge
            self.draw.line(ends, colour, round(self.unit * _FINE))

    def draw_lines(self, train: Sequence[Point], test: Sequence[Point]) -> None:
        """Draw the grid, then the series: train as a whole line, test dashed, with dots."""
        draw, unit, colours = self.draw, self.unit * _FINE, self.colours
        self.draw_grid()
        bold = round(2 * unit)
        whole = [self.fine(each) for each in thin(train)]
        if len(whole) > 1:
            draw.line(whole, colours.train, bold, joint="curve")
        elif whole:
            draw.circle(whole[0], 3 * unit, colours.train)
        checked = [self.fine(each) for each in thin(test)]
        for dash in _dashes(checked, 7 * unit, 4.5 * unit):
            draw.line(dash, colours.test, bold, joint="curve")
        for each in checked if len(checked) <= _MAX_DOTS else checked[-1:]:
            draw.circle(each, 3.5 * unit, colours.test)

    def draw_interval(self, x: float, share: float, ends: Point, colour: str, hole: str) -> None:
        """Draw a value as a dot, with a hole where that has a colour, and a bar between `ends`."""
        unit, places = self.unit * _FINE, [self.fine((x, end)) for end in ends]
        self.draw.line(places, self.colours.train, round(1.5 * unit))
        self.draw.circle(self.fine((x, share)), 5.5 * unit, colour)
        if hole:
            self.draw.circle(self.fine((x, share)), 2.5 * unit, hole)

    def write_rows(self) -> None:
        """Write the numbers of the left axis."""
        left, *_ = self.box
        for value in self.scale.rows:
            _, y = self.at((0, value))
            self.write((left - 8 * self.unit, y), brief(value, self.language), "rm")

    def write_axes(self) -> None:
        """Write the numbers at the axes, and what the lower one counts."""
        unit, (_, _, right, bottom) = self.unit, self.box
        self.write_rows()
        for value in self.scale.columns:
            x, _ = self.at((value, 0))
            self.write((x, bottom + 8 * unit), brief(value, self.language), "mt")
        self.write((right, bottom + 26 * unit), text(self.language, "chart-steps"), "rt")

    def write_title(self, title: str) -> None:
        """Write the title above the drawing."""
        unit = self.unit
        font = _font(_BOLD, round(15 * unit))
        title = _cut(title, font, self.width - 40 * unit)
        self.draw.text((20 * unit, 22 * unit), title, self.colours.text, font, "lm")

    def write_legend(self, train: Sequence[Point], test: Sequence[Point]) -> None:
        """Write below the title what each line is, with its last loss."""
        unit, colours = self.unit, self.colours
        x, y = 20 * unit, 44 * unit
        lines = ((train, "chart-train", colours.train), (test, "chart-test", colours.test))
        for series, key, colour in lines:
            if series:
                self._mark((x, y), colour, is_broken=series is test)
                label = _last_loss(self.language, key, series)
                x = self.write((x + 28 * unit, y), label, "lm", colour) + 22 * unit

    def _mark(self, at: Point, colour: str, *, is_broken: bool) -> None:
        x, y = at
        unit = self.unit
        parts = ((0, 9), (13, 22)) if is_broken else ((0, 22),)
        for start, end in parts:
            ends = [(x + start * unit, y), (x + end * unit, y)]
            self.draw.line(ends, colour, round(2 * unit))

    def write(self, at: Point, message: str, anchor: str, colour: str = "") -> float:
        """Write words; return where they end."""
        font = _font(_BOLD if colour else "dejavu-sans.ttf", round(11 * self.unit))
        self.draw.text(at, message, colour or self.colours.pale, font, anchor)
        return at[0] + font.getlength(message)


def _dashes(points: Sequence[Point], dash: float, gap: float) -> Iterator[list[Point]]:
    """Yield the dashes of a broken line; a dash goes round its corners."""
    here: list[Point] = []
    left, is_drawn = dash, True
    for start, end in pairwise(points):
        at, length = 0.0, math.dist(start, end)
        here = here or [start]
        while length - at > left:
            at += left
            turn = _between(start, end, at / length)
            if is_drawn:
                yield [*here, turn]
            here, is_drawn = [turn], not is_drawn
            left = dash if is_drawn else gap
        left -= length - at
        here.append(end)
    if is_drawn and len(here) > 1:
        yield here


def _between(start: Point, end: Point, share: float) -> Point:
    return (
        start[0] + (end[0] - start[0]) * share,
        start[1] + (end[1] - start[1]) * share,
    )


def _cut(message: str, font: FreeTypeFont, room: float) -> str:
    """Return words that fit into the room, the end left out where they do not."""
    while len(message) > 1 and font.getlength(message) > room:
        message = f"{message[:-2]}…"
    return message


@cache
def _font(name: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont  # noqa: PLC0415 - needed by few

    # Without shaping: our languages need none, and the library for it is not everywhere.
    return ImageFont.truetype(str(_FONTS / name), size, layout_engine=ImageFont.Layout.BASIC)
