"""Examples as a file: JSON Lines, CSV, or a workbook that spreadsheets open (XLSX).

    id,question,answer,tags
    отпуск,Сколько дней отпуска?,28 дней.,"кадры, отпуск"

An import of the file finds every example as it is. A row of a table has the last question and
answer, the turns before them as JSON under `history`, and a column for each other key that an
example has. An example that would be read otherwise from its cells (calls of functions, HTML,
blanks at an end) stands as its record of JSON Lines under `json`.
"""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Literal, get_args

from merlin.core.errors import Refused
from merlin.core.example_keys import KEYS, RECORD, REVISION
from merlin.core.table_cells import REQUIRED_COLUMNS, escape_formula, escape_number
from merlin.dataset.chat_formats import to_record
from merlin.dataset.example import Example, dump_compact, join_tags
from merlin.dataset.example_file import example_from_json, example_json
from merlin.dataset.import_records import Unreadable, convert_record

ExportForm = Literal["csv", "xlsx", "jsonl"]
FORMS: tuple[ExportForm, ...] = get_args(ExportForm)
# Of a cell in Excel and in openpyxl, which would cut a longer text.
_MAX_CELL_CHARACTERS = 32_767
_COLUMNS = (
    *("id", *REQUIRED_COLUMNS, "system", "history"),
    *(key.name for key in KEYS if not key.is_required),
    RECORD,
    REVISION,
)
_BOM = "\ufeff"


def write_export(
    examples: Iterable[Example], system: str, form: ExportForm, language: str
) -> bytes:
    """Return the file of examples by id; `system` is the dataset's text.

    CSV has what Excel needs: the byte order mark, and the divider of the language. Raises Refused
    for a text that no cell of a workbook can have.
    """
    ordered = sorted(examples, key=lambda each: each.id)
    if form == "jsonl":
        records = (to_record(each, system) for each in ordered)
        return "".join(
            f"{json.dumps(each, ensure_ascii=False)}\n" for each in records
        ).encode()
    rows = [make_row(each, system) for each in ordered]
    filled = {"id", *REQUIRED_COLUMNS}.union(*rows)
    titles = [title for title in _COLUMNS if title in filled]
    cells = [titles, *([row.get(title, "") for title in titles] for row in rows)]
    if form == "xlsx":
        return _write_workbook(cells)
    written = StringIO(newline="")
    table = csv.writer(written, delimiter=";" if language == "ru" else ",")
    table.writerows(
        [escape_number(escape_formula(text)) for text in row] for row in cells
    )
    return f"{_BOM}{written.getvalue()}".encode()


def make_row(example: Example, system: str) -> dict[str, str]:
    """Return column -> cell of an example; an import reads exactly the example from it."""
    values = example_json(example)
    *earlier, asked, said = values.pop("messages")
    own = earlier.pop(0) if earlier and earlier[0]["role"] == "system" else {}
    row = {
        "question": asked["content"],
        "answer": said["content"],
        "system": own.get("content", ""),
        "history": dump_compact(earlier) if earlier else "",
    }
    row |= {name: _write_cell(name, value) for name, value in values.items()}
    filled = {name: text for name, text in row.items() if text}
    if not _reads_back(filled, example):
        filled = {RECORD: dump_compact(to_record(example, system))}
    return {"id": example.id, **filled, REVISION: example.blob}


def _write_cell(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    return (
        join_tags(value)
        if name in _LISTS and isinstance(value, list)
        else dump_compact(value)
    )


_LISTS = {key.name for key in KEYS if key.kind == "words"}


def _reads_back(row: Mapping[str, str], example: Example) -> bool:
    """Return whether an import finds the example in these cells; it strips those of a workbook."""
    left = list[tuple[str, object]]()
    cells = {name: text.strip() for name, text in row.items()}
    try:
        read = [example_from_json(each) for each in convert_record(cells, left)]
    except Unreadable:
        return False
    return read == [example.at("", "", "")] and not left


def _write_workbook(rows: Sequence[Sequence[str]]) -> bytes:
    # Imported on demand: 20 MB, for a file that few ask for.
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.styles import Alignment  # noqa: PLC0415

    written = [[_UNDERSCORE.sub("_x005F_", text) for text in row] for row in rows]
    for row in written:
        if max(map(len, row)) > _MAX_CELL_CHARACTERS:
            raise Refused(
                "the text is too long for a cell",
                "export-too-long",
                example=row[0],
                limit=_MAX_CELL_CHARACTERS,
            )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("examples")
    sheet.freeze_panes = "A2"
    layout = Alignment(wrap_text=True, vertical="top")
    for row in written:
        cells = [WriteOnlyCell(sheet, text) for text in row]
        for cell in cells:
            # A text, whatever it begins with, also after it was edited.
            cell.data_type = "s"
            cell.number_format = "@"
            cell.alignment = layout
        sheet.append(cells)
    output = BytesIO()
    book.save(output)
    return output.getvalue()


# What a workbook would take for an escaped character. Source: ECMA-376, part 1, 22.9.2.19.
_UNDERSCORE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
