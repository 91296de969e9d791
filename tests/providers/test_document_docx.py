"""The outline of a DOCX file: its headings, items, links and tables."""

import json
from io import BytesIO

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from merlin.providers.document_child import UnreadableDocument
from merlin.providers.document_docx import read_docx, read_outline
from tests.support.sample_documents import make_docx, make_workbook

pytestmark = pytest.mark.unit


def save(document):
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def read(content):
    return json.loads(read_outline(content, 100_000)[0])


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
    assert read(save(document)) == [
        [1, 1, "Title", []],
        [2, 2, "Part", []],
        [3, 7, "Bold", []],
        [4, 0, "half bold", []],
        [5, 0, "- item", []],
        [7, 0, "after", []],
    ]


def test_row_of_a_table_is_one_block_with_its_cells():
    content = make_docx("before", table=(("a", "b"), ("c\nd", "e")))
    found = read(content)
    assert [text for _, _, text, _ in found] == ["before", "a | b", "c\nd | e"]
    assert [cells for *_, cells in found] == [[], ["a", "b"], ["c\nd", "e"]]
    assert read_docx(content, 1000)[0] == "before\n\na | b\nc d | e"


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
    assert read(save(document)) == [[1, 0, f"see [the site]({address})", []]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (make_docx("x" * 200), "too-long"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\xd0\xcf\x11\xe0", "unknown"),
        (make_workbook(["a"]), "unknown"),
    ],
)
def test_outline_of_another_file_or_of_too_much_text_is_refused(content, reason):
    with pytest.raises(UnreadableDocument) as caught:
        read_outline(content, 100)
    assert caught.value.reason == reason
