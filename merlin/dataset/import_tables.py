"""The rows of a table: CSV in any of its usual forms, or a sheet of a workbook (XLSX).

CSV is separated by commas, semicolons or tabs, or by the character in a first line `sep=;`, which
Excel writes and reads. A workbook is read by a child process (`merlin.providers.documents`).

A cell's text can be that of an error: in a workbook it is typed `#N/A`, in CSV `'#N/A`.
"""

import csv
import json
import re
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain

from merlin.core.errors import Refused
from merlin.core.table_cells import Row, is_cell_error, make_row, unescape_formula
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.yaml_io import MAX_FILE_BYTES
from merlin.providers.documents import read_workbook

_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)


def csv_rows(lines: Iterator[str]) -> Iterator[Row | Finding]:
    """Yield the rows of CSV; a finding at the row that cannot be read ends them."""
    number, first = _find_line(lines, 0)
    separator = _SEPARATOR.fullmatch(first)
    if separator:
        number, first = _find_line(lines, number)
    divider = separator[1] if separator else max(",;\t", key=first.count)
    # The limit of the library is a seventh of a message's.
    csv.field_size_limit(MAX_FILE_BYTES)
    reader = csv.reader(
        chain([first], lines), delimiter=divider, strict=True, skipinitialspace=True
    )
    before, end = number - 1, number - 1
    try:
        for cells in reader:
            start, end = end + 1, before + reader.line_num
            yield make_row(start, map(_read_csv_cell, cells))
    except csv.Error as error:
        yield Finding("", end + 1, 1, "import-csv", arguments={"words": shorten(str(error))})


def _find_line(lines: Iterator[str], number: int) -> tuple[int, str]:
    """Return the next line that is not blank, and its number after the `number` lines before."""
    for line in lines:
        number += 1
        if line.strip():
            return number, line
    return number + 1, ""


def _read_csv_cell(cell: str) -> tuple[str, str]:
    text = unescape_formula(cell).replace("\r\n", "\n")
    return text, "import-cell-error" if is_cell_error(cell) else ""


_MAX_WORKBOOK = 50_000_000


def workbook_rows(file: BufferedReader) -> Iterator[Row | Finding]:
    """Yield the rows of one sheet of a workbook, with the last computed cell values.

    The filled sheets that are not read are named by a finding at the first row.
    """
    with file:
        content = file.read(_MAX_WORKBOOK + 1)
    if len(content) > _MAX_WORKBOOK:
        sizes = {"size": len(content), "limit": _MAX_WORKBOOK}
        yield Finding("", 1, 1, "too-large", arguments=sizes)
        return
    try:
        lines = read_workbook(content)
    except Refused as error:
        is_damaged = error.key == "media-damaged"
        lines = [json.dumps("damaged" if is_damaged else "too-much")]
    number = 0
    for value in map(json.loads, lines):
        match value:
            case [number, cells, rules]:
                yield number, cells, {int(place): rule for place, rule in rules.items()}
            case [title, others]:
                left = {"sheet": shorten(title), "others": shorten(", ".join(others))}
                if others:
                    yield Finding("", 1, 1, "import-left-sheets", Severity.WARNING, left)
            case reason:
                yield Finding("", number + 1, 1, "import-xlsx", arguments={"reason": reason})
