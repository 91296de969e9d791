"""The rows of a workbook (XLSX), read in the child process (`document_child`)."""

import json
import warnings
from datetime import datetime, time
from io import BytesIO
from typing import Any

from openpyxl import load_workbook

from merlin.core.table_cells import escape_formula, parse_heading
from merlin.providers.document_child import ExtractedText, UnreadableDocument

_MAX_ROWS, _MAX_COLUMNS = 100_000, 100


def read_xlsx(content: bytes, most_characters: int) -> ExtractedText:
    """Return a JSON object: the `title` and `rows` of a sheet, and the titles of `others`.

    It is the first visible sheet whose first row is a heading, without one the first with rows;
    others with rows are `others`. Cells have the last computed values, texts escaped as in CSV, so
    that errors differ from texts that look alike.
    Raises UnreadableDocument, and for damaged files any exception of the library.
    """
    # openpyxl warns about parts that it would lose when saving, such as styles.
    warnings.simplefilter("ignore")
    book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    filled = {sheet.title: rows for sheet in visible if any(rows := _read_rows(sheet))}
    if not filled:
        raise UnreadableDocument("no-text")
    headed = (name for name, rows in filled.items() if parse_heading(next(filter(None, rows))))
    title = next(headed, next(iter(filled)))
    sheet = {"title": title, "rows": filled.pop(title), "others": [*filled]}
    text = json.dumps(sheet, ensure_ascii=False)
    if len(text) > most_characters:
        raise UnreadableDocument("too-long")
    return text, False


def _read_rows(sheet: Any) -> list[list[str]]:
    """Return the rows of a sheet without blank cells at their ends."""
    sheet.reset_dimensions()  # some programs write wrong ones
    rows = list[list[str]]()
    for row in sheet.iter_rows(max_col=_MAX_COLUMNS):
        if len(rows) == _MAX_ROWS:
            raise UnreadableDocument("too-long")
        width = next((n for n in range(len(row), 0, -1) if row[n - 1].value is not None), 0)
        rows.append([_read_value(cell) for cell in row[:width]])
    return rows


def _read_value(cell: Any) -> str:
    """Return a cell's text; openpyxl returns a date as midnight of that day."""
    value = cell.value
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A spreadsheet shows as many digits, and stores 0.3 as 0.30000000000000004.
        is_share = "%" in cell.number_format
        return f"{value * 100:.15g}%" if is_share else f"{value:.15g}"
    text = "" if value is None else str(value).strip()
    return text if cell.data_type == "e" else escape_formula(text)
