"""Workbooks (XLSX) are imported as tables: rows of the first sheet, errors with their row."""

import datetime as dt
import subprocess
import sys
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from merlin.dataset.import_lines import read_import_files
from tests.support.sample_documents import make_workbook

pytestmark = pytest.mark.unit


def read(content):
    return list(read_import_files([(content, "book")]))


def rules(lines):
    return [(line.line, finding.rule) for line in lines for finding in line.findings]


def change_member(content, path, old, new):
    """Return a workbook with a text replaced in one of its members."""
    output = BytesIO()
    with (
        ZipFile(BytesIO(content)) as before,
        ZipFile(output, "w", ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            text = before.read(name)
            after.writestr(name, text.replace(old, new) if name == path else text)
    return output.getvalue()


HEADING = ["question", "answer"]
SHEET = "xl/worksheets/sheet2.xml"
GOOD = make_workbook(
    ["Вопрос", " ответ ", "теги"], ["Где?", "Тут.", "a, b"], [], ["Сколько?", 42]
)


def test_rows_of_a_sheet_become_examples():
    first, second = read_import_files([(GOOD, "a.csv")])
    assert (first.line, first.example.question, first.example.answer) == (
        2,
        "Где?",
        "Тут.",
    )
    assert (first.example.tags, first.file) == (("a", "b"), "a.csv")
    assert (second.line, second.example.answer) == (4, "42")


def test_dates_and_booleans_are_read_as_text():
    day = dt.date(2026, 11, 22)
    moment = dt.datetime.combine(day, dt.time(9, 30))
    lines = read(
        make_workbook(HEADING, ["Когда?", day], ["Во сколько?", moment], ["Так?", True])
    )
    answers = [line.example.answer for line in lines]
    assert answers == ["2026-11-22", "2026-11-22 9:30:00", "TRUE"]


def test_numbers_are_read_as_a_spreadsheet_shows_them():
    book = Workbook()
    content = BytesIO()
    for row in (HEADING, ["Сколько?", 0.3], ["Какая доля?", 0.07]):
        book.active.append(row)
    book.active["B3"].number_format = "0%"
    book.save(content)
    stored = change_member(
        content.getvalue(),
        "xl/worksheets/sheet1.xml",
        b"<v>0.3<",
        b"<v>0.30000000000000004<",
    )
    assert [line.example.answer for line in read(stored)] == ["0.3", "7%"]


@pytest.mark.parametrize(
    ("state", "before", "after", "left"),
    [
        ("visible", [], [], []),
        ("visible", [["About", "this file"]], [], ["Sheet"]),
        ("visible", [], [HEADING, ["Кто?", "Я."]], ["after"]),
        ("hidden", [HEADING, ["Кто?", "Я."]], [], ["hidden-sheets"]),
    ],
)
def test_first_visible_sheet_with_a_heading_is_read_and_the_others_named(
    state, before, after, left
):
    content = make_workbook(
        HEADING, ["Где?", "Тут."], before=before, after=after, state=state
    )
    (line,) = read(content)
    assert line.example.question == "Где?"
    named = [
        str(finding.arguments.get("others", finding.arguments.get("kind")))
        for finding in line.findings
    ]
    assert named == left
    assert {rule for _, rule in rules([line])} <= {"import-left-sheets", "import-left"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (make_workbook(), [(1, "import-unreadable")]),
        (make_workbook(HEADING), [(1, "empty-file")]),
        (make_workbook(HEADING, ["Где?", "#N/A"]), [(2, "import-cell-error")]),
        (make_workbook([], ["a", "b"], ["c", "d"]), [(2, "import-heading")]),
        (GOOD[:-100], [(1, "import-unreadable")]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), [(1, "import-kind")]),
        (
            change_member(GOOD, "xl/workbook.xml", b"</workbook>", b""),
            [(1, "import-unreadable")],
        ),
        (
            change_member(GOOD, "[Content_Types].xml", b"sheet.main+xml", b"+xml"),
            [(1, "import-unreadable")],
        ),
        (
            change_member(GOOD, SHEET, b'r="A4"', b'r="A9999999"'),
            [(1, "import-unreadable")],
        ),
    ],
)
def test_unreadable_workbook_is_reported(content, expected):
    assert rules(read(content)) == expected


def test_part_of_a_workbook_that_no_sheet_needs_is_not_unpacked():
    bomb = BytesIO(GOOD)
    with ZipFile(bomb, "a", ZIP_DEFLATED) as packed:
        packed.writestr("xl/bomb.xml", bytes(60_000_000))
    assert [line.line for line in read(bomb.getvalue())] == [2, 4]


def test_small_file_that_unpacks_to_a_huge_one_is_refused():
    text = "Тут.".encode("ascii", "xmlcharrefreplace")
    bomb = change_member(GOOD, SHEET, text, b"a" * 8 * 10**6)
    (line,) = read(bomb)
    assert len(bomb) < 10**6
    assert rules([line]) == [(1, "import-unreadable")]
    assert "слишком много памяти" in line.findings[0].text("ru")
    assert "too much memory" in line.findings[0].text("en")


_READ_AND_LIST_MODULES = """
import sys
from merlin.dataset.import_reading import read_files
(first, second) = read_files([(sys.stdin.buffer.read(), "book")])
print(first.example.answer, "openpyxl" in sys.modules)
"""


def test_workbook_is_read_by_a_process_of_its_own():
    process = subprocess.run(
        [sys.executable, "-c", _READ_AND_LIST_MODULES],
        input=GOOD,
        capture_output=True,
        check=True,
    )
    assert process.stdout.decode().split()[-2:] == ["Тут.", "False"]


def test_merged_question_joins_its_answers_and_a_merged_tag_does_not():
    book = Workbook()
    for row in (
        [*HEADING, "tags"],
        *(["How?", "One.", "a"], ["", "Two.", ""], ["", "Two.", ""]),
        *(["Who?", "Me.", "b"], ["Why?", "So.", ""]),
    ):
        book.active.append(row)
    for area in ("A2:A4", "C2:C4", "C5:C6"):
        book.active.merge_cells(area)
    content = BytesIO()
    book.save(content)
    found = [
        (one.example.question, one.example.answer, one.example.tags)
        for one in read(content.getvalue())
    ]
    assert found == [
        *(
            ("How?", "One.\nTwo.\nTwo.", ("a",)),
            ("Who?", "Me.", ("b",)),
            ("Why?", "So.", ("b",)),
        ),
    ]
