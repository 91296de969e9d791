"""Loss charts of a job: read from its events, drawn as SVG for pages and as PNG for chats.

The outer SVG has no viewBox, so that its text keeps its size at every width; the inner SVG, 1000 by
300, stretches. Text positions are percentages of the outer SVG.

The PNG uses the same scale. Lines are drawn three times as large and scaled down, which smooths
them; text is drawn at its final size. Pillow is imported only when the first PNG is drawn, so that
a bot that draws none does not pay for its memory.
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
from merlin.core.json_fields import is_number

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

WIDTH, HEIGHT = 1000, 300
MAX_POINTS = 400
# A label stands to the right of the line's end up to the first share of the width, above or below
# it up to the second; beyond that it is right-aligned to the line's end.
_RIGHT_LABEL_UNTIL, _ABOVE_LABEL_UNTIL = 0.5, 0.75
# Assumed share of the width that a label takes.
_LABEL_WIDTH = 0.5
# Two labels closer than this (per cent of the height) would overlap.
_MIN_LABEL_GAP = 9.0
_LOWEST_LABEL = 78.0  # per cent; below it a label would overlap the numbers of the x axis
_MAX_ROWS = 6
# Share of the highest loss; lower losses are drawn on the axis.
_MIN_LOSS_RATIO = 1e-6

_FONTS = Path(__file__).parent / "picture"
_BOLD_FONT = "dejavu-sans-bold.ttf"
# Enlargement while lines are drawn; at three, drawing takes 25 MB of memory.
_SUPERSAMPLING = 3
# Sizes below are pixels of a picture this wide.
_REFERENCE_WIDTH = 640
# With more dots than this they would merge into a line.
_MAX_DOTS = 60
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
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Name:
    """A line's label at its end; `low`: where the part of the line that it covers is lowest."""

    style: str
    x: float
    y: float
    dx: int
    dy: int
    anchor: str
    text: str
    low: float = 0


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


_AREA = PlotArea(6.0, 4.0, 84.0, 82.0)


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
    lines = [("", train, "chart-train"), ("t", test, "chart-test")]
    names = [
        _line_label(style, scale, series, key, language) for style, series, key in lines if series
    ]
    return Curve(
        train=scale.line(downsample(train)),
        test=scale.line(downsample(test)),
        dots=tuple(scale.point(point) for point in downsample(test)),
        rows=_AREA.rows(scale, language),
        columns=tuple(
            Tick(_AREA.right(x), x, format_trimmed(column, language))
            for column in scale.columns
            for x, _ in [scale.point((column, 0))]
        ),
        names=_separate_labels(names),
    )


def _linear_ticks(highest: float) -> list[float]:
    """Return three to six round whole numbers from 0 to at least `highest`."""
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    step = max(math.ceil(step), 1)
    return [step * index for index in range(math.ceil(highest / step - 1e-9) + 1)]


def _log_ticks(lowest: float, highest: float) -> list[float]:
    """Return three to six tick values around a range: powers of 2, 1-3-10 steps or powers of 10."""
    ticks: list[float] = []
    bases = ((2.0, (1,)), (10.0, (1, 3)), (10.0, (1,)), (100.0, (1,)))
    # The label of a power of 2 below an eighth is too long.
    for base, parts in bases[lowest < 1 / 8 :]:
        low, high = (math.floor(math.log(tick, base)) for tick in (lowest, highest))
        powers = [part * base**power for power in range(low - 2, high + 2) for part in parts]
        first = max(index for index, tick in enumerate(powers) if tick <= lowest)
        last = min(index for index, tick in enumerate(powers) if tick >= highest)
        ticks = powers[min(first, max(last - 2, 0)) : last + 1]
        if len(ticks) <= _MAX_ROWS:
            break
    return ticks


def format_trimmed(value: float, language: str) -> str:
    """Return a formatted number without trailing zeros."""
    digits = f"{value:.10f}".rstrip("0")
    return format_number(language, value, len(digits.partition(".")[2]))


def _line_label(style: str, scale: Scale, series: Sequence[Point], key: str, language: str) -> Name:
    x, y = scale.point(series[-1])
    is_beside, is_late = x <= _RIGHT_LABEL_UNTIL * WIDTH, x > _ABOVE_LABEL_UNTIL * WIDTH
    low = y
    if is_late:
        # Above, or below, every part of the line that the label covers.
        points = (scale.point(point) for point in series)
        covered = [point_y for point_x, point_y in points if point_x >= x - _LABEL_WIDTH * WIDTH]
        y, low = min(covered), max(covered)
    return Name(
        style=style,
        x=_AREA.right(x),
        y=_AREA.down(y),
        dx=8 if is_beside else 0 if is_late else -24,
        dy=4 if is_beside else -9,
        anchor="end" if is_late else "start",
        text=_format_last_loss(language, key, series),
        low=_AREA.down(low),
    )


def _format_last_loss(language: str, key: str, series: Sequence[Point]) -> str:
    return f"{text(language, key)} {format_number(language, series[-1][1])}"


def _separate_labels(names: list[Name]) -> tuple[Name, ...]:
    """Move two labels that could overlap apart: the upper one up, the lower one down.

    Near the x axis, whose numbers stand below it, both move up.
    """
    upper, *rest = sorted(names, key=lambda name: name.y)
    if not rest:
        return tuple(names)
    (lower,) = rest
    is_near, is_late = lower.y - upper.y <= _MIN_LABEL_GAP, lower.anchor == "end"
    low = max(upper.low, lower.low)  # the lines may cross below the labels
    if low > _LOWEST_LABEL:
        if is_near:
            return replace(upper, dy=-24), replace(lower, y=upper.y, dy=-9)
        return replace(upper, dy=-9), replace(lower, dy=-9)
    if not is_near and not is_late:
        return tuple(names)
    return replace(upper, dy=-9), replace(lower, y=low, dy=18)


def downsample(series: Sequence[Point], max_points: int = MAX_POINTS) -> Sequence[Point]:
    """Return at most `max_points` evenly spaced points, always including the last."""
    if len(series) <= max_points:
        return series
    step = math.ceil(len(series) / (max_points - 1))
    return [*series[:-1:step], series[-1]]


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one theme, the same as on the pages."""

    ground: str
    line: str
    edge: str
    text: str
    pale: str
    train: str
    test: str
    good: str
    warn: str


_LIGHT_COLOURS = ("#ffffff", "#dedbd2", "#81878c", "#1c242b", "#535e68", "#27597f", "#9c4520")
LIGHT = Colours(*_LIGHT_COLOURS, "#1d6642", "#765000")
_DARK_COLOURS = ("#1a2127", "#303b45", "#74818d", "#e7ebee", "#a5b1bb", "#8fbde2", "#e6a07a")
DARK = Colours(*_DARK_COLOURS, "#7fcba3", "#e4bb64")


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
    """Draw (step, loss) series of finite numbers as a PNG."""
    scale = fit_scale(train, test, 0)

    def write(painter: Painter) -> None:
        painter.write_axes()
        painter.write_title(title)
        painter.write_legend(train, test)
        if scale is None:
            left, top, right, bottom = painter.box
            message, centre = text(language, "chart-none"), ((left + right) / 2, (top + bottom) / 2)
            painter.write(centre, message, "mm")

    shown_scale = scale or Scale(1.0, (1.0, 2.0), ())
    size, colours = (width, height), DARK if dark else LIGHT
    return paint_png(
        shown_scale, lambda painter: painter.draw_lines(train, test), write, language, size, colours
    )


def paint_png(
    scale: Scale,
    draw: Callable[[Painter], None],
    write: Callable[[Painter], None],
    language: str,
    size: tuple[int, int] = (1280, 720),
    colours: Colours = LIGHT,
) -> bytes:
    """Return a PNG: `draw` draws the enlarged lines, then `write` adds text at final size."""
    from PIL import Image  # noqa: PLC0415 - needed by few
    from PIL.ImageDraw import Draw  # noqa: PLC0415 - needed by few

    width, height = size
    enlarged = Image.new("RGB", (width * _SUPERSAMPLING, height * _SUPERSAMPLING), colours.ground)
    draw(Painter(Draw(enlarged), *enlarged.size, scale, colours, language))
    image = enlarged.resize(size, Image.Resampling.BOX)
    write(Painter(Draw(image), *size, scale, colours, language))
    output = BytesIO()
    # A palette suffices for so few colours and makes the file a third of the size.
    image.quantize(128).save(output, "PNG", optimize=True)
    return output.getvalue()


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws on one picture of width by height pixels."""

    draw: ImageDraw
    width: int
    height: int
    scale: Scale
    colours: Colours
    language: str

    @property
    def unit(self) -> float:
        """Return the factor between this picture and one of the reference width."""
        return self.width / _REFERENCE_WIDTH

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the plot area in pixels."""
        unit = self.unit
        return 48 * unit, 62 * unit, self.width - 20 * unit, self.height - 44 * unit

    def to_pixel(self, point: Point) -> Point:
        """Return the pixel of a (step, loss)."""
        left, top, right, bottom = self.box
        x, y = self.scale.point(point)
        return left + (right - left) * x / WIDTH, top + (bottom - top) * y / HEIGHT

    def draw_grid(self) -> None:
        """Draw the horizontal grid lines, one per tick of the left axis."""
        for index, value in enumerate(self.scale.rows):
            ends = [self.to_pixel((step, value)) for step in (0, self.scale.last)]
            colour = self.colours.line if index else self.colours.edge
            self.draw.line(ends, colour, round(self.unit))

    def draw_lines(self, train: Sequence[Point], test: Sequence[Point]) -> None:
        """Draw the grid and both series: train as a solid line, test dashed with dots."""
        draw, unit, colours = self.draw, self.unit, self.colours
        self.draw_grid()
        line_width = round(2 * unit)
        train_points = [self.to_pixel(point) for point in downsample(train)]
        if len(train_points) > 1:
            draw.line(train_points, colours.train, line_width, joint="curve")
        elif train_points:
            draw.circle(train_points[0], 3 * unit, colours.train)
        test_points = [self.to_pixel(point) for point in downsample(test)]
        for dash in _dashes(test_points, 7 * unit, 4.5 * unit):
            draw.line(dash, colours.test, line_width, joint="curve")
        for point in test_points if len(test_points) <= _MAX_DOTS else test_points[-1:]:
            draw.circle(point, 3.5 * unit, colours.test)

    def write_rows(self) -> None:
        """Write the numbers of the left axis."""
        left, *_ = self.box
        for value in self.scale.rows:
            _, y = self.to_pixel((0, value))
            self.write((left - 8 * self.unit, y), format_trimmed(value, self.language), "rm")

    def write_axes(self) -> None:
        """Write the numbers of both axes, and the unit of the lower one."""
        unit, (_, _, right, bottom) = self.unit, self.box
        self.write_rows()
        for value in self.scale.columns:
            x, _ = self.to_pixel((value, 0))
            self.write((x, bottom + 8 * unit), format_trimmed(value, self.language), "mt")
        self.write((right, bottom + 26 * unit), text(self.language, "chart-steps"), "rt")

    def write_title(self, title: str) -> None:
        """Write the title above the chart, truncated to the width."""
        unit = self.unit
        font = _load_font(_BOLD_FONT, round(15 * unit))
        while len(title) > 1 and font.getlength(title) > self.width - 40 * unit:
            title = f"{title[:-2]}…"
        self.draw.text((20 * unit, 22 * unit), title, self.colours.text, font, "lm")

    def write_legend(self, train: Sequence[Point], test: Sequence[Point]) -> None:
        """Write each line's name and last loss below the title."""
        unit, colours = self.unit, self.colours
        x, y = 20 * unit, 44 * unit
        lines = ((train, "chart-train", colours.train), (test, "chart-test", colours.test))
        for series, key, colour in lines:
            if series:
                for start, end in ((0, 9), (13, 22)) if series is test else ((0, 22),):
                    ends = [(x + start * unit, y), (x + end * unit, y)]
                    self.draw.line(ends, colour, round(2 * unit))
                label = _format_last_loss(self.language, key, series)
                x = self.write((x + 28 * unit, y), label, "lm", colour) + 22 * unit

    def write(self, at: Point, message: str, anchor: str, colour: str = "") -> float:
        """Write text and return the x at which it ends."""
        font = _load_font(_BOLD_FONT if colour else "dejavu-sans.ttf", round(11 * self.unit))
        self.draw.text(at, message, colour or self.colours.pale, font, anchor)
        return at[0] + font.getlength(message)


def _dashes(points: Sequence[Point], dash: float, gap: float) -> Iterator[list[Point]]:
    """Split a polyline into dashes; a dash may go round a corner."""
    dash_points: list[Point] = []
    remaining, is_dash = dash, True
    for start, end in pairwise(points):
        position, length = 0.0, math.dist(start, end)
        dash_points = dash_points or [start]
        while length - position > remaining:
            position += remaining
            x, y = (a + (b - a) * position / length for a, b in zip(start, end, strict=True))
            corner = (x, y)
            if is_dash:
                yield [*dash_points, corner]
            dash_points, is_dash = [corner], not is_dash
            remaining = dash if is_dash else gap
        remaining -= length - position
        dash_points.append(end)
    if is_dash and len(dash_points) > 1:
        yield dash_points


@cache
def _load_font(name: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont  # noqa: PLC0415 - needed by few

    # Basic layout: our languages need no shaping, and its library is not installed everywhere.
    return ImageFont.truetype(str(_FONTS / name), size, layout_engine=ImageFont.Layout.BASIC)
