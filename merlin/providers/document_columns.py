"""Columns and tables of a page that is drawn in signs of one width, as pypdf draws it.

Lines that share a gap, with texts on both sides of it, are a band: columns of prose, which are read
one after another, or the rows of a table.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile, zip_longest
from statistics import mean, median

# What begins a band, and what its lines share.
_WIDE_GAP = re.compile(r"\S {3,}\S")
_SHARED_GAP = re.compile(r"(?<=x) {2,}(?=x)")
_FEWEST_ROWS = 2
# Columns of prose have lines, each of some words and most of them filled.
_FEWEST_LINES = 4
_FEWEST_WORDS = 2.5
_LEAST_FILLED = 0.6
_NUMBER = re.compile(r"[\W\d]*\d[\W\d]*")


def split_bands(lines: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the lines of each band, and where its columns but the first begin; [] for one."""
    single = list[str]()
    at = 0
    while at < len(lines):
        end, starts = _find_band(lines, at)
        if not starts:
            single.append(lines[at])
            at += 1
            continue
        band = list(lines[at:end])
        above = _find_above(single, band, starts)
        single = single[: len(single) - len(above)]
        band = [*above, *band]
        if single:
            yield single, []
        yield band, starts
        single = []
        at = end
    if single:
        yield single, []


def _find_above(
    lines: Sequence[str], band: Sequence[str], starts: Sequence[int]
) -> list[str]:
    """Return the lines above a band of prose in which one column begins higher."""
    found = [*takewhile(lambda line: _is_beside(line, starts[0]), reversed(lines))]
    found.reverse()
    return found if found and are_prose([*found, *band], starts) else []


def _is_beside(line: str, start: int) -> bool:
    """Return whether a line has text, on one side of where a column begins."""
    left, right = line[:start].rstrip(), line[start:]
    return bool(left or right) and (not right or not left)


def _find_band(lines: Sequence[str], first: int) -> tuple[int, list[int]]:
    """Return the end of the band that begins with this line, and its columns; [] for no band.

    What stands apart below it, on the left alone, is no row of it.
    """
    if not _WIDE_GAP.search(lines[first]):
        return first, []
    filled = ""
    starts = list[int]()
    gaps = list[int]()
    rows = 0
    for at in range(first, len(lines)):
        line = lines[at]
        filled = "".join(
            " " if one + other == "  " else "x"
            for one, other in zip_longest(filled, line, fillvalue=" ")
        )
        found = [gap.end() for gap in _SHARED_GAP.finditer(filled)]
        is_whole = rows >= _FEWEST_ROWS
        is_below = (
            is_whole and at - 1 in gaps and line.strip() and not line[starts[0] :]
        )
        if not found or is_below:
            return (at, starts) if is_whole else (first, [])
        if is_whole and len(found) < len(starts) and gaps:
            return gaps[-1], starts
        starts = found
        gaps += [] if line.strip() else [at]
        rows += bool(line[: starts[0]].strip() and line[starts[0] :].strip())
    return (len(lines), starts) if rows >= _FEWEST_ROWS else (first, [])


def split_cells(line: str, starts: Sequence[int]) -> list[str]:
    """Return what a line has in each column, with the blanks before it."""
    edges = [0, *starts, None]
    return [line[a:b].rstrip() for a, b in pairwise(edges)]


def are_prose(lines: Sequence[str], starts: Sequence[int]) -> bool:
    """Return whether columns have sentences over several lines, and are no table."""
    rows = [split_cells(line, starts) for line in lines if line.strip()]
    columns = [
        [each.strip() for each in column if each.strip()]
        for column in zip(*rows, strict=True)
    ]
    firsts = [
        line
        for above, line in pairwise(["", *lines])
        if line.strip() and not above.strip()
    ]
    are_rows = len(firsts) > 1 and all(
        all(map(str.strip, split_cells(line, starts))) for line in firsts
    )
    return not are_rows and all(
        len(column) >= _FEWEST_LINES
        and mean(len(each.split()) for each in column) >= _FEWEST_WORDS
        and median(map(len, column)) >= _LEAST_FILLED * max(map(len, column))
        for column in columns
    )


def read_rows(lines: Sequence[str], starts: Sequence[int]) -> Iterator[list[str]]:
    """Yield the rows of a table, of which each may take several lines."""
    rows = list[list[list[str]]]()
    width = max(len(split_cells(line, starts)[0].strip()) for line in lines)
    is_apart = True
    for line in lines:
        cells = [each.strip() for each in split_cells(line, starts)]
        if any(cells) and not is_apart and _goes_on(rows[-1][-1], cells, width):
            rows[-1].append(cells)
        elif any(cells):
            rows.append([cells])
        is_apart = not any(cells)
    for row in rows:
        yield [" ".join(filter(None, cell)) for cell in zip(*row, strict=True)]


def _goes_on(above: Sequence[str], cells: Sequence[str], width: int) -> bool:
    """Return whether a line is one row with the line above: its first cell is empty or goes on."""
    is_full = len(above[0]) >= width * _LEAST_FILLED
    has_number = any(_NUMBER.fullmatch(each) for each in cells)
    return not cells[0] or (is_full and cells[0][0].islower() and not has_number)
