"""The rows of a workbook (XLSX), read in the child process (`document_child`)."""

import json
import re
import warnings
from datetime import datetime, time, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.cell.rich_text import CellRichText
from openpyxl.packaging.relationship import get_dependents, get_rels_path
from openpyxl.xml.functions import fromstring

from merlin.core.table_cells import escape_formula, parse_heading
from merlin.providers.cell_format import show_cell
from merlin.providers.document_child import (
    ExtractedText,
    UnreadableDocument,
    clean_text,
)

_MAX_ROWS = 100_000
_MAX_COLUMNS = 100
_HEADING_WITHIN = 10
_SCHEME = re.compile(r"mailto:|https?://(?:www\.)?")
_LINK_FORMULA = re.compile(r'=HYPERLINK\("([^"]+)"(?:[,;]\s*"([^"]*)")?')


def read_xlsx(content: bytes, most_characters: int) -> ExtractedText:
    """Return a JSON object: the `title` and `rows` of a sheet, titles of `others`, what is `left`.

    `merged` are the rows, from 1, and columns, from 0, of cells that belong to the one above.

    It is the first visible sheet with a heading among its first rows, without one the first with
    rows; others with rows are `others`. Cells have the last computed values as they are
    shown, texts escaped as in CSV, so that errors differ from texts that look alike; links as in
    Markdown; struck-through text is left out.
    Raises UnreadableDocument, and for damaged files any exception of the library.
    """
    # openpyxl warns about parts that it would lose when saving, such as styles.
    warnings.simplefilter("ignore")
    content = _mark_escapes(content)
    book = load_workbook(
        BytesIO(content), data_only=True, keep_links=False, rich_text=True
    )
    links = _read_link_formulas(content)
    left = {"hidden-sheets": 0}
    filled = dict[str, list[list[str]]]()
    counts = dict[str, dict[str, int]]()
    merged = dict[str, list[tuple[int, int]]]()
    for sheet in book.worksheets:
        rows, hidden = _read_rows(sheet, links)
        merged[sheet.title] = [
            (row, area.min_col - 1)
            for area in sheet.merged_cells.ranges
            for row in range(area.min_row + 1, area.max_row + 1)
        ]
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
    left["drawings"] = _count_pictures(content, title)
    values = {
        "title": title,
        "rows": filled.pop(title),
        "others": [*filled],
        "left": left,
        "merged": merged[title],
    }
    text = json.dumps(values, ensure_ascii=False)
    if len(text) > most_characters:
        raise UnreadableDocument("too-long")
    return text, False


_PICTURE = re.compile(rb"<(?:\w+:)?pic[ >]")


def _count_pictures(content: bytes, title: str) -> int:
    """Return how many pictures lie over the cells of a sheet."""
    with ZipFile(BytesIO(content)) as archive:
        (book,) = _find_parts(archive, "", "officeDocument")
        related = get_dependents(archive, get_rels_path(book)).to_dict()
        (relation,) = (
            value
            for sheet in fromstring(archive.read(book)).iter("{*}sheet")
            for name, value in sheet.items()
            if sheet.get("name") == title and name.endswith("}id")
        )
        drawings = _find_parts(archive, related[relation].target, "drawing")
        return sum(len(_PICTURE.findall(archive.read(each))) for each in drawings)


def _find_parts(archive: ZipFile, part: str, kind: str) -> list[str]:
    """Return the parts of a kind that a part of a workbook, or ("") the workbook itself, names."""
    path = get_rels_path(part)
    related = get_dependents(archive, path) if path in archive.namelist() else ()
    return [each.target for each in related if each.Type.endswith(f"/{kind}")]


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


# An underscore that begins no escape is itself escaped. Source: ECMA-376, part 1, 22.9.2.19.
_ESCAPED_UNDERSCORE = "_x005F_"
_UNDERSCORE = "\ue000"
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def _mark_escapes(content: bytes) -> bytes:
    """Return a workbook with another sign for escaped underscores, which openpyxl drops."""
    with ZipFile(BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    old, new = _ESCAPED_UNDERSCORE.encode(), _UNDERSCORE.encode()
    if not any(old in each for each in files.values()):
        return content
    output = BytesIO()
    with ZipFile(output, "w") as changed:
        for name, text in files.items():
            changed.writestr(name, text.replace(old, new))
    return output.getvalue()


def _unescape(text: str) -> str:
    """Return a text with the characters that a workbook writes as `_x000D_`."""
    decoded = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    cleaned = clean_text(decoded) if decoded != text else text
    return cleaned.replace(_UNDERSCORE, "_")


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
    struck = 0
    filled_columns = set[int]()
    width = min(sheet.max_column, _MAX_COLUMNS)
    for number, row in enumerate(sheet.iter_rows(max_col=width), start=1):
        cells = (firsts.get((number, cell.column), cell) for cell in row)
        texts = [
            _read_value(cell, links.get((sheet.title, cell.coordinate)))
            for cell in cells
        ]
        struck += sum(str(_visible_value(cell)) != str(cell.value) for cell in row)
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
        "struck": struck,
    }
    return rows, left


def _visible_value(cell: Any) -> Any:
    """Return a cell's value without what is struck through."""
    value = cell.value
    if value is not None and cell.has_style and cell.font.strike:
        return None
    if not isinstance(value, CellRichText):
        return value
    kept = [each for each in value if isinstance(each, str) or not each.font.strike]
    text = "".join(map(str, kept))
    return text if len(kept) == len(value) else re.sub(" {2,}", " ", text)


def _read_value(cell: Any, formula: Link | None) -> str:
    """Return a cell's text as it is shown."""
    value = _visible_value(cell)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float | datetime | time | timedelta):
        shown = show_cell(value, cell.number_format)
        return (
            _show_plain(value, cell.number_format)
            if shown is None
            else escape_formula(shown)
        )
    address, words = formula or (cell.hyperlink and cell.hyperlink.target, "")
    text = words if value is None else _unescape(str(value)).strip()
    if cell.data_type == "e":
        return text
    is_link = (
        address and text and text not in (address, _SCHEME.sub("", address).rstrip("/"))
    )
    return f"[{text}]({address})" if is_link else escape_formula(text)


def _show_plain(value: Any, code: str) -> str:
    """Return a number or a moment whose format isn't known; midnight stands for its day."""
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    if isinstance(value, int | float):
        # A spreadsheet shows as many digits, and stores 0.3 as 0.30000000000000004.
        return f"{value * 100:.15g}%" if "%" in code else f"{value:.15g}"
    return str(value)
