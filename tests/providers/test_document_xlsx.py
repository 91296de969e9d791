"""The rows of a workbook: which sheet, which cells, what is left out."""

import json
from datetime import date, datetime
from io import BytesIO

import pytest
from openpyxl import Workbook

from merlin.providers.document_child import UnreadableDocument
from merlin.providers.document_xlsx import read_xlsx
from tests.support.sample_documents import make_workbook

pytestmark = pytest.mark.unit

HEADING = ["question", "answer"]


def save(book):
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def read(content, most_characters=100_000):
    return json.loads(read_xlsx(content, most_characters)[0])


def test_first_visible_sheet_with_a_heading_is_read():
    found = read(make_workbook(HEADING, ["a", "b"], before=[["notes"]], after=[["c"]]))
    assert (found["title"], found["rows"]) == ("rows", [HEADING, ["a", "b"]])
    assert found["others"] == ["Sheet", "after"]
    hidden = read(make_workbook(HEADING, before=[HEADING], state="hidden"))
    assert (hidden["title"], hidden["left"]["hidden-sheets"]) == ("rows", 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 11, 30), "2026-11-30"),
        (datetime(2026, 11, 30, 12, 5), "2026-11-30 12:05:00"),  # noqa: DTZ001 - a cell has no zone
        (0.1 + 0.2, "0.3"),
        (7, "7"),
        (True, "True"),
        ("#N/A", "#N/A"),
        (" words ", "words"),
        ("+7 900", "'+7 900"),
        (None, ""),
    ],
)
def test_cell_is_its_text(value, text):
    assert read(make_workbook(HEADING, [value, "end"]))["rows"][1] == [text, "end"]


def test_shares_and_links_are_told_as_a_spreadsheet_shows_them():
    book = Workbook()
    sheet = book.active
    sheet.append([*HEADING, "more"])
    sheet.append([0.25, "the site", "a.example/1"])
    sheet["A2"].number_format = "0%"
    sheet["B2"].hyperlink = "https://a.example/"
    sheet["C2"].hyperlink = "https://www.a.example/1/"
    sheet["A3"] = '=HYPERLINK("https://b.example/", "b")'
    assert read(save(book))["rows"][1:] == [
        ["25%", "[the site](https://a.example/)", "a.example/1"],
        ["[b](https://b.example/)"],
    ]


def test_hidden_cells_are_counted_and_left_out_and_a_merged_one_is_in_each_row():
    book = Workbook()
    sheet = book.active
    for row in ([*HEADING, "secret"], ["a", "b", "c"], ["d", "e", "f"], ["", "g", "h"]):
        sheet.append(row)
    sheet.merge_cells("A3:A4")
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["C"].hidden = True
    found = read(save(book))
    assert found["rows"] == [[*HEADING, ""], [], ["d", "e", ""], ["d", "g", ""]]
    assert found["left"] == {
        "hidden-sheets": 0,
        "hidden-rows": 1,
        "hidden-columns": 1,
    }


def make_endless():
    book = Workbook()
    book.active["A100001"] = "far below"
    return save(book)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (make_workbook(), "no-text"),
        (make_workbook(HEADING, ["x" * 200, ""]), "too-long"),
        (make_endless(), "too-long"),
    ],
)
def test_workbook_without_text_or_with_too_much_is_refused(content, reason):
    with pytest.raises(UnreadableDocument) as caught:
        read_xlsx(content, 100)
    assert caught.value.reason == reason
