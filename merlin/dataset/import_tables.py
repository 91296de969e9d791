"""The rows of a table: CSV in any of its usual forms, or a sheet of a workbook (XLSX).

CSV is separated by commas, semicolons or tabs, or by the character in a first line `sep=;`, which
Excel writes and reads. In a workbook the first visible sheet whose first row is a heading is read;
without one, the first visible sheet with rows. Blank cells at the end of a row are left out, so a
blank row has no cells.

A cell's text can be that of an error: in a workbook it is typed `#N/A`, in CSV `'#N/A`.
"""

import csv
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time
from io import BufferedReader, BytesIO
from itertools import chain
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from merlin.core.csv_cells import is_cell_error, unescape_formula
from merlin.core.reasons import REASONS
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.layout import MAX_EXAMPLES
from merlin.dataset.yaml_io import MAX_FILE_BYTES

# The number of a row's first line, its cells, and index -> rule of those that have no text to read.
Row = tuple[int, list[str], dict[int, str]]

_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
# Part of the library's message -> the reason: only a quote that is not closed makes a cell so long.
_CSV_ERRORS = {
    "expected after": "text after a quote",
    "larger than field limit": "unexpected end of data",
}


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
            yield _make_row(start, map(_read_csv_cell, cells))
    except csv.Error as error:
        message = str(error)
        words = next((words for part, words in _CSV_ERRORS.items() if part in message), message)
        yield Finding("", end + 1, 1, "import-csv", arguments={"words": shorten(words)})


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


def _make_row(number: int, cells: Iterator[tuple[str, str]]) -> Row:
    """Return a row without the blank cells at the end; `cells` are texts and rules, "" for none."""
    row, rules = [], {}
    for place, (cell, rule) in enumerate(cells):
        row.append(cell)
        if rule:
            rules[place] = rule
    while row and not row[-1].strip():
        row.pop()
    return number, row, rules


_MAX_UNPACKED = 50_000_000
_MAX_COLUMNS = 100
# What openpyxl says of other Office files; those of OpenDocument are said to be the same.
_NO_WORKBOOK = "File contains no valid workbook part"


def workbook_rows(
    file: BufferedReader, is_heading: Callable[[Sequence[str]], bool]
) -> Iterator[Row | Finding]:
    """Yield the rows of one sheet of a workbook, with the last computed cell values.

    The whole workbook is read into memory, so its unpacked size is limited. The filled sheets that
    are not read are named by a finding at the first row.
    """
    with file:
        content = BytesIO(file.read(_MAX_UNPACKED + 1))
    number = 0
    try:
        size = _measure(content)
        if size > _MAX_UNPACKED:
            yield Finding("", 1, 1, "too-large", arguments={"size": size, "limit": _MAX_UNPACKED})
            return
        content = _unpack(content)
        book = _open_workbook(content, data_only=True)
        sheet, others = _choose_sheet(book, is_heading)
        if others:
            left = {"sheet": shorten(sheet.title), "others": shorten(", ".join(others))}
            yield Finding("", 1, 1, "import-left-sheets", Severity.WARNING, left)
        formulas = None
        if _has_formulas(content):
            formulas = _open_workbook(content, data_only=False)[sheet.title]
        for row in _sheet_rows(sheet, formulas):
            number = row[0]
            yield row
    except Exception as error:  # noqa: BLE001 - a damaged file makes the library raise anything
        words = str(error) if str(error) in REASONS else "damaged or unusual"
        yield Finding("", number + 1, 1, "import-xlsx", arguments={"words": words})


def _measure(content: BytesIO) -> int:
    """Return the unpacked size of a workbook. Raises BadZipFile, ValueError for another file."""
    with ZipFile(content) as packed:
        if "[Content_Types].xml" not in packed.namelist():
            raise ValueError(_NO_WORKBOOK)
        size = sum(member.file_size for member in packed.infolist())
    return max(size, content.getbuffer().nbytes)


def _unpack(content: BytesIO) -> BytesIO:
    """Return a workbook with its members stored, each no longer than declared. Raises ValueError.

    openpyxl calls `ZipFile.read`, which unpacks all that a member has before it cuts it.
    """
    unpacked = BytesIO()
    with ZipFile(content) as packed, ZipFile(unpacked, "w") as stored:
        for member in packed.infolist():
            # Other methods, which office programs do not write, do not unpack in parts.
            if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise ValueError("an unusual method of compression")
            with packed.open(member) as part:
                stored.writestr(member.filename, part.read(member.file_size))
    return unpacked


def _has_formulas(content: BytesIO) -> bool:
    """Return whether a sheet may have formulas: a second reading takes as long as the first."""
    with ZipFile(content) as packed:
        sheets = (name for name in packed.namelist() if name.startswith("xl/worksheets/"))
        return any(b"<f" in packed.read(name) for name in sheets)


def _open_workbook(content: BytesIO, *, data_only: bool) -> Any:
    """Open a workbook for its values, or for its formulas."""
    from openpyxl import load_workbook  # noqa: PLC0415 - few need its 10 MB

    # openpyxl warns about parts that it would lose when saving, such as styles.
    warnings.filterwarnings("ignore", module="openpyxl")
    return load_workbook(content, read_only=True, data_only=data_only, keep_links=False)


def _choose_sheet(book: Any, is_heading: Callable[[Sequence[str]], bool]) -> tuple[Any, list[str]]:
    """Return the sheet to read, and the titles of other filled ones. Raises ValueError."""
    visible = (sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
    filled = [(sheet, row) for sheet in visible if (row := _find_row(sheet))]
    if not filled:
        raise ValueError("no visible sheet has rows")
    chosen = next((sheet for sheet, row in filled if is_heading(row)), filled[0][0])
    return chosen, [sheet.title for sheet, _ in filled if sheet is not chosen]


def _find_row(sheet: Any) -> list[str] | None:
    """Return the first row of a sheet that is not blank, None for one without."""
    return next((cells for _, cells, _ in _sheet_rows(sheet) if cells), None)


def _sheet_rows(sheet: Any, formulas: Any = None) -> Iterator[Row]:
    """Yield the rows of a sheet; `formulas` is the same one with formulas for their values."""
    # Some programs write wrong dimensions.
    sheet.reset_dimensions()
    written = iter(())
    if formulas:
        formulas.reset_dimensions()
        written = formulas.iter_rows(max_col=_MAX_COLUMNS)
    for number, row in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), start=1):
        if number > MAX_EXAMPLES:
            raise ValueError("too many rows")
        formula_row = next(written, row)
        # Each row is filled up to 100 columns with empty cells.
        width = next((n for n in range(len(row), 0, -1) if formula_row[n - 1].value is not None), 0)
        yield _make_row(number, map(_read_sheet_cell, row[:width], formula_row))


def _read_sheet_cell(cell: Any, written: Any) -> tuple[str, str]:
    """Return a cell's text and rule; `written` is the same cell with its formula."""
    if cell.value is None and written.data_type == "f" and cell.data_type == "n":
        return "", "import-no-value"
    return _read_value(cell), "import-cell-error" if cell.data_type == "e" else ""


def _read_value(cell: Any) -> str:
    """Return a cell's text; openpyxl returns a date as midnight of that day."""
    value = cell.value
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A spreadsheet shows as many digits, and stores 0.3 as 0.30000000000000004.
        is_share = "%" in cell.number_format
        return f"{value * 100:.15g}%" if is_share else f"{value:.15g}"
    return "" if value is None else str(value).strip()
