"""Picture: a job's losses over its steps as a PNG, for chats and for whoever saves it.

The same scale as the curve on pages. Lines are drawn three times as large and made smaller, which
smooths them; letters are drawn as they are. The library is imported when the first picture is
wanted: a bot that draws none does without its memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.core.charts import HIGH, WIDE, Point, Scale, brief, scale_of, thin
from merlin.core.i18n import number

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

_HERE = Path(__file__).parent / "picture"
# Lines are drawn so many times as large; at three a picture takes 25 MB while it is drawn.
_FINE = 3
# On a picture so wide the sizes below are pixels.
_PLAIN_WIDTH = 640
_BOLD = "dejavu-sans-bold.ttf"


@dataclass(frozen=True, slots=True)
class PictureWords:
    """What is written on a picture; `none` stands there while nothing was measured."""

    title: str
    train: str
    test: str
    steps: str
    none: str
    language: str


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


LIGHT = Colours("#ffffff", "#dedbd2", "#81878c", "#1c242b", "#535e68", "#27597f", "#9c4520")
DARK = Colours("#1a2127", "#303b45", "#74818d", "#e7ebee", "#a5b1bb", "#8fbde2", "#e6a07a")


def loss_picture(
    train: Sequence[Point],
    test: Sequence[Point],
    words: PictureWords,
    *,
    width: int = 1280,
    height: int = 720,
    dark: bool = False,
) -> bytes:
    """Return (step, loss) series, every number finite, as a PNG of so many pixels."""
    from PIL import Image  # noqa: PLC0415 - see above
    from PIL.ImageDraw import Draw  # noqa: PLC0415 - see above

    colours = DARK if dark else LIGHT
    scale = scale_of(train, test, 0)
    sheet = _Sheet(width, height, scale or Scale(1.0, 1.0, (0.0,), ()), colours)
    fine = Image.new("RGB", (width * _FINE, height * _FINE), colours.ground)
    _draw_lines(Draw(fine), sheet, train, test)
    picture = fine.resize((width, height), Image.Resampling.BOX)
    pen = _Pen(Draw(picture), sheet, words)
    pen.write_axes()
    pen.write_legend(train, test)
    if scale is None:
        pen.write_none()
    made = BytesIO()
    # Few colours: a palette is a third of the size.
    picture.quantize(128).save(made, "PNG", optimize=True)
    return made.getvalue()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where things lie on a picture, in its pixels."""

    width: int
    height: int
    scale: Scale
    colours: Colours

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


def _draw_lines(
    draw: ImageDraw, sheet: _Sheet, train: Sequence[Point], test: Sequence[Point]
) -> None:
    """Draw the grid, then the series: train as a whole line, test dashed, with dots."""
    unit, colours, scale = sheet.unit * _FINE, sheet.colours, sheet.scale
    for place, value in enumerate(scale.rows):
        ends = [sheet.fine((0, value)), sheet.fine((scale.last, value))]
        draw.line(ends, colours.line if place else colours.edge, round(unit))
    bold = round(2 * unit)
    whole = [sheet.fine(each) for each in thin(train)]
    if len(whole) > 1:
        draw.line(whole, colours.train, bold, joint="curve")
    elif whole:
        draw.circle(whole[0], 3 * unit, colours.train)
    checked = [sheet.fine(each) for each in thin(test)]
    for dash in _dashes(checked, 7 * unit, 4.5 * unit):
        draw.line(dash, colours.test, bold, joint="curve")
    for each in checked if len(checked) <= _MOST_DOTS else checked[-1:]:
        draw.circle(each, 3.5 * unit, colours.test)


# More of them would be a line of their own.
_MOST_DOTS = 60


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


@dataclass(frozen=True, slots=True)
class _Pen:
    """Writes the words of one picture."""

    draw: ImageDraw
    sheet: _Sheet
    words: PictureWords

    def write_axes(self) -> None:
        """Write the numbers at the axes, and what the lower one counts."""
        sheet, unit = self.sheet, self.sheet.unit
        left, _, right, bottom = sheet.box
        for value in sheet.scale.rows:
            _, y = sheet.at((0, value))
            self._write((left - 8 * unit, y), self._told(value), "rm")
        for value in sheet.scale.columns:
            x, _ = sheet.at((value, 0))
            self._write((x, bottom + 8 * unit), self._told(value), "mt")
        self._write((right, bottom + 26 * unit), self.words.steps, "rt")

    def write_legend(self, train: Sequence[Point], test: Sequence[Point]) -> None:
        """Write the title, and below it what each line is, with its last loss."""
        sheet, unit, words = self.sheet, self.sheet.unit, self.words
        room = sheet.width - 40 * unit
        font = _font(_BOLD, round(15 * unit))
        title = _cut(words.title, font, room)
        self.draw.text((20 * unit, 22 * unit), title, sheet.colours.text, font, "lm")
        x, y = 20 * unit, 44 * unit
        lines = ((train, words.train, sheet.colours.train), (test, words.test, sheet.colours.test))
        for series, name, colour in lines:
            if series:
                self._mark((x, y), colour, is_broken=series is test)
                said = f"{name} {number(words.language, series[-1][1])}"
                x = self._write((x + 28 * unit, y), said, "lm", colour) + 22 * unit

    def write_none(self) -> None:
        """Say that nothing was measured yet."""
        left, top, right, bottom = self.sheet.box
        self._write(((left + right) / 2, (top + bottom) / 2), self.words.none, "mm")

    def _mark(self, at: Point, colour: str, *, is_broken: bool) -> None:
        x, y = at
        unit = self.sheet.unit
        parts = ((0, 9), (13, 22)) if is_broken else ((0, 22),)
        for start, end in parts:
            ends = [(x + start * unit, y), (x + end * unit, y)]
            self.draw.line(ends, colour, round(2 * unit))

    def _write(self, at: Point, words: str, anchor: str, colour: str = "") -> float:
        """Write words; return where they end."""
        font = _font(_BOLD if colour else "dejavu-sans.ttf", round(11 * self.sheet.unit))
        self.draw.text(at, words, colour or self.sheet.colours.pale, font, anchor)
        return at[0] + font.getlength(words)

    def _told(self, value: float) -> str:
        return brief(value, self.words.language)


def _cut(words: str, font: FreeTypeFont, room: float) -> str:
    """Return words that fit into the room, the end left out where they do not."""
    while len(words) > 1 and font.getlength(words) > room:
        words = f"{words[:-2]}…"
    return words


@cache
def _font(name: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont  # noqa: PLC0415 - see above

    # Without shaping: our languages need none, and the library for it is not everywhere.
    return ImageFont.truetype(str(_HERE / name), size, layout_engine=ImageFont.Layout.BASIC)
