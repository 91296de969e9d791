"""Tables: a table of Markdown in columns where it fits a telephone, else as lines.

Columns need letters of one width, so they are written as a block of code; a block holds no
links, so a table with links is written as lines: "heading: value", a group of lines a row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markdown_it.token import Token

from merlin.chat.markup.inlines import write_inlines
from merlin.chat.markup.sheet import Sheet
from merlin.core.page import Page

# What a telephone shows of a block of code without breaking its lines.
MOST_COLUMNS = 46
_BETWEEN = " | "
_CROSSING = "-+-"
# Markdown has no other way to write two lines into one cell.
_LINE_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)


class Cell(NamedTuple):
    """One cell: what stands in it, and the side it is aligned to."""

    tokens: Sequence[Token]
    side: str = ""


Row = Sequence[Cell]


def rows_of(tokens: Sequence[Token]) -> list[list[Cell]]:
    """Return the rows of a table's tokens, the heading first."""
    rows: list[list[Cell]] = []
    side = ""
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            side = str(token.attrs.get("style", "")).removeprefix("text-align:")
        elif token.type == "inline":
            rows[-1].append(Cell(list(_broken(token.children or [])), side))
    return rows


def _broken(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a cell, each <br> of its text as the line break that it means."""
    for token in tokens:
        if token.type != "text":
            yield token
            continue
        for place, line in enumerate(_LINE_BREAK.split(token.content)):
            if place:
                yield Token("hardbreak", "br", 0)
            yield token.copy(content=line)


def write_table(sheet: Sheet, rows: Sequence[Row]) -> None:
    """Write a table whose first row is its heading."""
    written = [[_written(cell) for cell in row] for row in rows]
    widths = [max(_width(page.text) for page in column) for column in zip(*written, strict=False)]
    has_links = any(
        mark.kind == "text_link" for row in written for one in row for mark in one.marks
    )
    if not has_links and sum(widths) + len(_BETWEEN) * (len(widths) - 1) <= MOST_COLUMNS:
        sheet.gap(2)
        sheet.block(_in_columns(rows, written, widths))
    else:
        _write_lines(sheet, rows, written)


def _written(cell: Cell) -> Page:
    sheet = Sheet()
    write_inlines(sheet, cell.tokens)
    page = sheet.page()
    return Page(" ".join(page.text.split()), page.marks)


def _in_columns(
    rows: Sequence[Row], written: Sequence[Sequence[Page]], widths: Sequence[int]
) -> str:
    lines = [
        _BETWEEN.join(
            _padded(page.text, width, cell.side)
            for cell, page, width in zip(row, pages, widths, strict=False)
        ).rstrip()
        for row, pages in zip(rows, written, strict=True)
    ]
    return "\n".join([lines[0], _CROSSING.join("-" * width for width in widths), *lines[1:]])


def _padded(text: str, width: int, side: str) -> str:
    room = width - _width(text)
    before = {"right": room, "center": room // 2}.get(side, 0)
    return " " * before + text + " " * (room - before)


def _width(text: str) -> int:
    """Return how many columns `text` takes: none for an accent, two for 漢 or an emoji."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(sign) in {"Mn", "Me", "Cf"} else 1 + _is_wide(sign)
        for sign in text
    )


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in {"W", "F"}


def _write_lines(sheet: Sheet, rows: Sequence[Row], written: Sequence[Sequence[Page]]) -> None:
    headings = [page.text for page in written[0]]
    for row, pages in zip(rows[1:] or rows, written[1:] or written, strict=True):
        lines = 2
        for place, (cell, page) in enumerate(zip(row, pages, strict=True)):
            if not page.text:
                continue
            sheet.gap(lines)
            lines = 1
            heading = headings[place] if len(rows) > 1 else ""
            sheet.write(f"{heading}: " if heading else "")
            write_inlines(sheet, cell.tokens)
