"""Outlines of DOCX files, rows of workbooks, and XML files and archives of JSON as trees."""

import datetime as dt
import json
from datetime import date, datetime
from io import BytesIO
from zipfile import ZipFile

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.drawing.image import Image as Picture
from openpyxl.styles import Font
from PIL import Image

from merlin.providers.cell_format import show_cell
from merlin.providers.document_child import UnreadableDocument
from merlin.providers.document_docx import read_docx, read_outline
from merlin.providers.document_tree import read_xml, read_zip
from merlin.providers.document_xlsx import read_xlsx
from tests.support.pictures import PNG
from tests.support.refusals import catch
from tests.support.sample_documents import make_docx, make_workbook

pytestmark = pytest.mark.unit

HEADING = ["question", "answer"]
# The beginning of a container that is no DOCX file.
OTHER = b"\xd0\xcf\x11\xe0"


def save(document):
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def outline(content):
    return json.loads(read_outline(content, 100_000)[0])["blocks"]


def test_headings_have_levels_and_items_their_mark():
    document = docx.Document()
    document.add_heading("Title", 0)
    document.add_heading("Part", 2)
    document.add_paragraph("").add_run("Bold").bold = True
    mixed = document.add_paragraph("half ")
    mixed.add_run("bold").bold = True
    document.add_paragraph("item", style="List Bullet")
    document.add_paragraph(" ")
    document.add_paragraph("after")
    assert outline(save(document)) == [
        [1, 1, "Title", []],
        [2, 2, "Part", []],
        [3, 7, "Bold", []],
        [4, 0, "half bold", []],
        [5, 0, "- item", []],
        [7, 0, "after", []],
    ]


def test_row_of_a_table_is_one_block_with_its_cells():
    content = make_docx("before", table=(("a", "b"), ("c\nd", "e")))
    found = outline(content)
    assert [text for _, _, text, _ in found] == ["before", "a | b", "c\nd | e"]
    assert [cells for *_, cells in found] == [[], ["a", "b"], ["c\nd", "e"]]
    assert read_docx(content, 1000)[0] == "before\n\na | b\nc d | e"


def test_text_of_a_docx_says_that_pictures_and_notes_are_left_out():
    document = docx.Document()
    note = document.add_paragraph("before")
    assert read_docx(save(document), 1000) == ("before", False)
    note.add_run()._r.append(OxmlElement("w:endnoteReference"))
    assert read_docx(save(document), 1000) == ("before", True)
    document = docx.Document()
    document.add_paragraph("before").add_run().add_picture(BytesIO(PNG))
    assert read_docx(save(document), 1000) == ("before", True)


def test_link_is_written_as_in_markdown():
    document = docx.Document()
    paragraph = document.add_paragraph("see ")
    link = OxmlElement("w:hyperlink")
    address = "https://a.example/"
    place = document.part.relate_to(
        address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True
    )
    link.set(qn("r:id"), place)
    link.append(paragraph.add_run("the site")._r)
    paragraph._p.append(link)
    assert outline(save(document)) == [[1, 0, f"see [the site]({address})", []]]


def pack(**files):
    """Return an archive with these files, in which "_" stands for the full stop of a name."""
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return content.getvalue()


def test_elements_have_their_text_attributes_lines_and_children():
    content = '<?xml version="1.0"?><a b="1">ё\n<c>x</c><!-- n --><c/></a>'.encode()
    read, is_cut = read_xml(content, 1000)
    children = [{"#": "x", "@line": 2}, {"#": "", "@line": 2}]
    assert json.loads(read) == {"a": {"@b": "1", "#": "ё\n", "@line": 1, "c": children}}
    assert not is_cut


def test_json_files_of_an_archive_are_read_by_name():
    content = pack(a_json='{"k": "ё"}', b_txt="not JSON", c_json="[1]")
    assert json.loads(read_zip(content, 1000)[0]) == {
        "a.json": {"k": "ё"},
        "c.json": [1],
    }


def make_endless():
    book = Workbook()
    book.active["A100001"] = "far below"
    return save(book)


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (read_outline, make_docx("x" * 200), "too-long"),
        (read_outline, OTHER + "EncryptedPackage".encode("utf-16-le"), "password"),
        (read_outline, OTHER, "unknown"),
        (read_outline, make_workbook(["a"]), "unknown"),
        (read_xlsx, make_workbook(), "no-text"),
        (read_xlsx, make_workbook(HEADING, ["x" * 200, ""]), "too-long"),
        (read_xlsx, make_endless(), "too-long"),
        (read_xml, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "damaged"),
        (read_xml, b"<a>" + b"x" * 100 + b"</a>", "too-long"),
        (read_zip, pack(a_json='"' + "x" * 150 + '"'), "too-long"),
        (read_zip, pack(a_json='"' + "x" * 300 + '"'), "bomb"),
    ],
)
def test_what_is_of_another_kind_too_long_or_may_expand_is_refused(
    read, content, reason
):
    assert catch(UnreadableDocument, read, content, 100).reason == reason


def rows(content):
    return json.loads(read_xlsx(content, 100_000)[0])


def test_first_visible_sheet_with_a_heading_is_read():
    found = rows(make_workbook(HEADING, ["a", "b"], before=[["notes"]], after=[["c"]]))
    assert (found["title"], found["rows"]) == ("rows", [HEADING, ["a", "b"]])
    assert found["others"] == ["Sheet", "after"]
    hidden = rows(make_workbook(HEADING, before=[HEADING], state="hidden"))
    assert (hidden["title"], hidden["left"]["hidden-sheets"]) == ("rows", 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 11, 30), "2026-11-30"),
        (datetime(2026, 11, 30, 12, 5), "2026-11-30 12:05:00"),  # noqa: DTZ001 - a cell has no zone
        (0.1 + 0.2, "0.3"),
        (7, "7"),
        (True, "TRUE"),
        ("#N/A", "#N/A"),
        (" words ", "words"),
        ("+7 900", "'+7 900"),
        (None, ""),
    ],
)
def test_cell_is_its_text(value, text):
    assert rows(make_workbook(HEADING, [value, "end"]))["rows"][1] == [text, "end"]


def test_shares_and_links_are_told_as_a_spreadsheet_shows_them():
    book = Workbook()
    sheet = book.active
    sheet.append([*HEADING, "more"])
    sheet.append([0.25, "the site", "a.example/1"])
    sheet["A2"].number_format = "0%"
    sheet["B2"].hyperlink = "https://a.example/"
    sheet["C2"].hyperlink = "https://www.a.example/1/"
    sheet["A3"] = '=HYPERLINK("https://b.example/", "b")'
    assert rows(save(book))["rows"][1:] == [
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
    found = rows(save(book))
    assert found["rows"] == [[*HEADING, ""], [], ["d", "e", ""], ["d", "g", ""]]
    assert found["left"] == {
        "hidden-sheets": 0,
        "hidden-rows": 1,
        "hidden-columns": 1,
        "drawings": 0,
        "struck": 0,
    }
    assert found["merged"] == [[4, 0]]


def make_illustrated(pictures):
    """Return a workbook with so many pictures on its first sheet, and one on the second."""
    book = Workbook()
    for row in (HEADING, ["a", "b"]):
        book.active.append(row)
    for sheet, count in ((book.active, pictures), (book.create_sheet("other"), 1)):
        for at in range(count):
            pixel = BytesIO()
            Image.new("RGB", (1, 1)).save(pixel, "PNG")
            sheet.add_image(Picture(pixel), f"C{at + 1}")
    return save(book)


@pytest.mark.parametrize("pictures", [0, 2])
def test_pictures_over_the_cells_of_the_sheet_are_counted(pictures):
    assert rows(make_illustrated(pictures))["left"]["drawings"] == pictures


DAY = dt.datetime.fromisoformat("2026-09-01")
MORNING = dt.datetime.fromisoformat("2026-09-01T09:30")
SHOWN = [
    (dt.time(9, 30), "h:mm:ss", "9:30:00"),
    (dt.time(14, 5), "h:mm AM/PM", "2:05 PM"),
    (dt.time(9, 5), 'h" h "mm" min"', "9 h 05 min"),
    (dt.timedelta(hours=25, minutes=30), "[h]:mm", "25:30"),
    (dt.timedelta(seconds=95), "[mm]:ss", "01:35"),
    (MORNING, "dd.mm.yyyy hh:mm", "01.09.2026 09:30"),
    (DAY, "d.m.yy", "1.9.26"),
    (DAY, "yyyy-mm-dd", "2026-09-01"),
    (1e15, "0.00", None),
    (DAY, "mm-dd-yy", None),
    (DAY, "d mmmm yyyy", None),
    (DAY, "[$-F800]dd.mm.yyyy", None),
    (7, "000", "007"),
    (1500, '#,##0 "₽"', "1,500 ₽"),
    (20, '"$"#,##0', "$20"),
    (-1990.5, "_-* #,##0.00 [$₽-419]_-;-* #,##0.00 [$₽-419]_-", "-1,990.50 ₽"),
    (-3, "0.0", "-3.0"),
    (-5, "0;(0)", "(5)"),
    (0, '0;-0;"none"', "none"),
    (5, ";;;", ""),
    (70000000000, "+0 (000) 000-00-00", "+7 (000) 000-00-00"),
    (0.5, "# ?/?", "1/2"),
    (1.25, "# ?/??", "1 1/4"),
    (2, "# ?/?", "2"),
    (1.005, "0.00", "1.01"),
    (0.5, "0.0#", "0.5"),
    (14, '[Red]0" days"', "14 days"),
    (14, "0\\ d\\.", None),
    (14, "0\\ \\d", "14 d"),
    (0.125, "0.0%", "12.5%"),
    (305, "General", None),
    (305, "[>100]0;0.0", None),
    (12345678, "#,##0,", None),
    (12, "yyyy", None),
]


@pytest.mark.parametrize(("value", "code", "text"), SHOWN)
def test_value_is_shown_as_its_format_says(value, code, text):
    assert show_cell(value, code) == text


def test_struck_through_text_of_cells_is_left_out():
    book = Workbook()
    struck = InlineFont(strike=True)
    book.active.append(HEADING)
    book.active["A2"] = CellRichText(
        "On ",
        TextBlock(struck, "Monday"),
        " ",
        TextBlock(InlineFont(b=True), "Tuesday"),
    )
    book.active["B2"] = "all"
    book.active["B2"].font = Font(strike=True)
    found = rows(save(book))
    assert found["rows"][1:] == [["On Tuesday"]]
    assert found["left"]["struck"] == 2


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a_x000D_\nb", "a\nb"),
        ("_x0041_", "A"),
        ("_x005F_x000D_", "_x000D_"),
        ("a_x", "a_x"),
        ("_xD83D__xDE00_", "😀"),
    ],
)
def test_escapes_of_a_workbook_are_decoded(written, text):
    content = make_workbook(HEADING, ["here", "b"])
    output = BytesIO()
    with ZipFile(BytesIO(content)) as before, ZipFile(output, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(b"here", written.encode()))
    assert rows(output.getvalue())["rows"][1] == [text, "b"]


def test_outline_leaves_out_what_is_struck_through_or_hidden_and_marks_pictures():
    document = docx.Document()
    paragraph = document.add_paragraph("On ")
    paragraph.add_run("Monday ").font.strike = True
    paragraph.add_run("now ").font.double_strike = True
    paragraph.add_run("secret ").font.hidden = True
    paragraph.add_run("Tuesday").font.strike = False
    pixel = BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")
    document.add_picture(pixel)
    found = json.loads(read_outline(save(document), 10_000)[0])
    assert [block[2] for block in found["blocks"]] == ["On Tuesday", "![](…)"]
    assert found["left"] == {"struck": 2, "hidden-texts": 1, "notes": 0}
