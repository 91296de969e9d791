"""The rows of a workbook (XLSX), read in the child process (`document_child`)."""

import json
import re
import warnings
from datetime import datetime, time
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from openpyxl import load_workbook

from merlin.core.table_cells import escape_formula, parse_heading
from merlin.providers.document_child import ExtractedText, UnreadableDocument

_MAX_ROWS = 100_000
_MAX_COLUMNS = 100
_HEADING_WITHIN = 10
_SCHEME = re.compile(r"mailto:|https?://(?:www\.)?")
_LINK_FORMULA = re.compile(r'=HYPERLINK\("([^"]+)"(?:[,;]\s*"([^"]*)")?')


def read_xlsx(content: bytes, most_characters: int) -> ExtractedText:
    """Return a JSON object: the `title` and `rows` of a sheet, titles of `others`, what is `left`.

    It is the first visible sheet with a heading among its first rows, without one the first with
    rows; others with rows are `others`. Cells have the last computed values, texts escaped as in
    CSV, so that errors differ from texts that look alike; links as in Markdown.
    Raises UnreadableDocument, and for damaged files any exception of the library.
    """
    # openpyxl warns about parts that it would lose when saving, such as styles.
    warnings.simplefilter("ignore")
    book = load_workbook(BytesIO(content), data_only=True, keep_links=False)
    links = _read_link_formulas(content)
    left = {"hidden-sheets": 0, "hidden-rows": 0, "hidden-columns": 0}
    filled = dict[str, list[list[str]]]()
    counts = dict[str, dict[str, int]]()
    for sheet in book.worksheets:
        rows, hidden = _read_rows(sheet, links)
        is_visible = sheet.sheet_state == "visible"
        left["hidden-sheets"] += any(rows) and not is_visible
        if any(rows) and is_visible:
            filled[sheet.title] = rows
            counts[sheet.title] = hidden
    if not filled:
        raise UnreadableDocument("no-text")
    headed = (
        name
        for name, rows in filled.items()
        if any(parse_heading(row) for row in [*filter(None, rows)][:_HEADING_WITHIN])
    )
    title = next(headed, next(iter(filled)))
    left |= counts[title]
    values = {
        "title": title,
        "rows": filled.pop(title),
        "others": [*filled],
        "left": left,
    }
    text = json.dumps(values, ensure_ascii=False)
    if len(text) > most_characters:
        raise UnreadableDocument("too-long")
    return text, False


Link = tuple[str, str]


def _read_link_formulas(content: bytes) -> dict[tuple[str, str], Link]:
    """Return sheet and cell -> address and words of its formula, of which a value is the words."""
    with ZipFile(BytesIO(content)) as archive:
        sheets = [
            name for name in archive.namelist() if name.startswith("xl/worksheets/")
        ]
        if not any(b"HYPERLINK(" in archive.read(name) for name in sheets):
            return {}
    found = dict[tuple[str, str], Link]()
    for sheet in load_workbook(BytesIO(content), keep_links=False).worksheets:
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            if match := _LINK_FORMULA.match(str(cell.value or "")):
                found[sheet.title, cell.coordinate] = (match[1], match[2] or match[1])
    return found


def _read_rows(
    sheet: Any, links: dict[tuple[str, str], Link]
) -> tuple[list[list[str]], dict[str, int]]:
    """Return the visible rows without blank cells at their ends, and how much is hidden.

    A cell of several rows is in each of them.
    """
    if sheet.max_row > _MAX_ROWS:
        raise UnreadableDocument("too-long")
    hidden_rows = {at for at, row in sheet.row_dimensions.items() if row.hidden}
    hidden = [each for each in sheet.column_dimensions.values() if each.hidden]
    columns = {
        at for each in hidden for at in range(each.min, min(each.max, _MAX_COLUMNS) + 1)
    }
    firsts = {
        (row, area.min_col): sheet.cell(area.min_row, area.min_col)
        for area in sheet.merged_cells.ranges
        for row in range(area.min_row + 1, area.max_row + 1)
    }
    rows = list[list[str]]()
    hidden_count = 0
    filled_columns = set[int]()
    for number, row in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), start=1):
        cells = (firsts.get((number, cell.column), cell) for cell in row)
        texts = [
            _read_value(cell, links.get((sheet.title, cell.coordinate)))
            for cell in cells
        ]
        filled = [at for at, text in enumerate(texts, start=1) if text]
        filled_columns.update(filled)
        hidden_count += bool(filled) and number in hidden_rows
        shown = [] if number in hidden_rows else texts[: max(filled, default=0)]
        rows.append(
            ["" if at in columns else text for at, text in enumerate(shown, start=1)]
        )
    left = {
        "hidden-rows": hidden_count,
        "hidden-columns": len(columns & filled_columns),
    }
    return rows, left


def _read_value(cell: Any, formula: Link | None) -> str:
    """Return a cell's text; openpyxl returns a date as midnight of that day."""
    value = cell.value
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A spreadsheet shows as many digits, and stores 0.3 as 0.30000000000000004.
        is_share = "%" in cell.number_format
        return f"{value * 100:.15g}%" if is_share else f"{value:.15g}"
    address, words = formula or (cell.hyperlink and cell.hyperlink.target, "")
    text = words if value is None else str(value).strip()
    if cell.data_type == "e":
        return text
    is_link = (
        address and text and text not in (address, _SCHEME.sub("", address).rstrip("/"))
    )
    return f"[{text}]({address})" if is_link else escape_formula(text)
