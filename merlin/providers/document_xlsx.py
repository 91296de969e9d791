"""The rows of a workbook (XLSX), read in the child process (`document_child`).

The first visible sheet whose first row is a heading is read; without one, the first visible sheet
with rows. Blank cells at the end of a row are left out, so a blank row has no cells.
"""

import json
import warnings
from collections.abc import Iterator
from datetime import datetime, time
from functools import partial
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from openpyxl import load_workbook

from merlin.core.table_cells import Row, make_row, parse_heading
from merlin.providers.document_child import ExtractedText, UnreadableDocument

_MAX_ROWS, _MAX_COLUMNS = 100_000, 100
# What openpyxl says of another Office file, and what is said below, as the selector of
# `finding-import-xlsx`.
_REASONS = {
    "File contains no valid workbook part": "no-workbook",
    "no visible sheet has rows": "no-rows",
    "too many rows": "many-rows",
}


def read_xlsx(content: bytes, most_characters: int) -> ExtractedText:
    """Return one JSON value a line: the titles of the sheet and of other filled ones, its rows.

    Their cells have the last computed values. If the file is damaged, the last line is the reason.
    Raises UnreadableDocument if there are too many characters.
    """
    lines, remaining = list[str](), most_characters
    for value in _read_sheet(BytesIO(content)):
        lines.append(json.dumps(value, ensure_ascii=False))
        remaining -= len(lines[-1])
        if remaining <= 0:
            raise UnreadableDocument("too-long")
    return "\n".join(lines), False


def _read_sheet(content: BytesIO) -> Iterator[tuple[str, list[str]] | Row | str]:
    # openpyxl warns about parts that it would lose when saving, such as styles.
    warnings.simplefilter("ignore")
    try:
        with ZipFile(content) as packed:
            members = packed.namelist()
            if "[Content_Types].xml" not in members:
                yield "no-workbook"
                return
            # A second reading takes as long as the first.
            sheets = (name for name in members if name.startswith("xl/worksheets/"))
            has_formulas = any(b"<f" in packed.read(name) for name in sheets)
        sheet, others = _choose_sheet(_open(content, data_only=True))
        yield sheet.title, others
        formulas = _open(content, data_only=False)[sheet.title] if has_formulas else None
        yield from _sheet_rows(sheet, formulas)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file makes the library raise anything
        yield _REASONS.get(str(error), "damaged")


# Opens a workbook for its values (`data_only`), or for its formulas.
_open = partial(load_workbook, read_only=True, keep_links=False)


def _choose_sheet(book: Any) -> tuple[Any, list[str]]:
    """Return the sheet to read, and the titles of other filled ones. Raises ValueError."""
    visible = (sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
    filled = [(sheet, row) for sheet in visible if (row := _find_row(sheet))]
    if not filled:
        raise ValueError("no visible sheet has rows")
    chosen = next((sheet for sheet, row in filled if parse_heading(row)), filled[0][0])
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
        if number > _MAX_ROWS:
            raise ValueError("too many rows")
        formula_row = next(written, row)
        # Each row is filled up to 100 columns with empty cells.
        width = next((n for n in range(len(row), 0, -1) if formula_row[n - 1].value is not None), 0)
        yield make_row(number, map(_read_sheet_cell, row[:width], formula_row))


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
