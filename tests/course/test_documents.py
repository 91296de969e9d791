"""Documents as materials: their Markdown, what is said of them, and their parts."""

import asyncio

import docx
import pytest

from merlin.core.errors import Refused
from merlin.course import documents
from merlin.course.documents import Document, name_part, split_text
from merlin.dataset.passages import page_mark
from merlin.providers.documents import ChildReader
from tests.support.refusals import refusal_key
from tests.support.sample_documents import (
    edit_pdf,
    make_docx,
    make_pdf,
    make_workbook,
    place_lines,
    place_texts,
)

functional = pytest.mark.functional
unit = pytest.mark.unit

LINES = "The pump of this page\nis two lines long."
PDF = place_texts(
    [(50, 760, "Pumps", 20, "Helvetica-Bold"), *place_lines(50, 700, LINES)],
    [
        *((60, 700, "a"), (210, 700, "b"), (60, 680, "1"), (210, 680, "2")),
        (50, 600, "# After | it"),
    ],
)  # fmt: skip
HTML = b"""<!DOCTYPE html><html><title>no</title><body><nav>menu</nav><h2>Part</h2><p>A
<img src=x>b</p><table><tr><td>x|y<td>z</table><ul><li>c</ul>"""


def read_document(content, name):
    return asyncio.run(documents.read_document(content, name, ChildReader()))


@functional
@pytest.mark.parametrize(
    ("content", "name", "title", "markdown", "left"),
    [
        (
            PDF,
            "a.pdf",
            "Pumps",
            (
                "<!-- page 1 -->\n\n# Pumps\n\nThe pump of this page is two lines long.\n\n"
                "<!-- page 2 -->\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n\\# After | it\n"
            ),
            {},
        ),
        (
            HTML,
            "a.html",
            "a",
            "## Part\n\nA b\n\n| x\\|y | z |\n| --- | --- |\n\n- c\n",
            {"navigation": 1, "pictures": 1},
        ),
        ("<html><p>Ёж мал.".encode("cp1251"), "a.htm", "a", "Ёж мал.\n", {}),
        (b"\xef\xbb\xbf# One\r\n\r\ntwo", "a.md", "One", "# One\n\ntwo", {}),
        (b"one < two", "notes.txt", "notes", "one < two", {}),
    ],
)
def test_document_becomes_markdown(content, name, title, markdown, left):
    document = read_document(content, name)
    assert (document.title, document.markdown) == (title, markdown)
    assert {kind: count for kind, count in document.left.items() if count} == left


@functional
def test_word_document_becomes_markdown(tmp_path):
    document = docx.Document()
    document.add_heading("Water", 1)
    document.add_paragraph("one", style="List Number")
    document.add_paragraph().add_run("Bold").bold = True
    document.add_paragraph("<!-- page 7 -->")
    document.save(tmp_path / "a.docx")
    found = read_document((tmp_path / "a.docx").read_bytes(), "a.docx")
    assert found.title == "Water"
    assert found.markdown == "# Water\n\n1. one\n\n**Bold**\n\n\\<!-- page 7 -->\n"
    table = make_docx("before", table=(("a", "b"), ("c", "d")))
    assert read_document(table, "b.docx").markdown == (
        "before\n\n| a | b |\n| --- | --- |\n| c | d |\n"
    )


@functional
@pytest.mark.parametrize(
    ("content", "name", "key"),
    [
        (make_pdf(None), "scan.pdf", "media-no-text"),
        (edit_pdf(PDF, lambda pdf: pdf.encrypt("x")), "locked.pdf", "media-password"),
        (PDF[:300], "half.pdf", "media-damaged"),
        (b" \n", "a.txt", "media-empty"),
        (b"a\0\xff\xfe\x81", "a.txt", "media-unknown"),
        (make_workbook(["a"]), "a.xlsx", "media-unknown"),
        (b"a" * (20 * 1024 * 1024 + 1), "a.txt", "media-too-large"),
        (b"<html><p> </p>", "a.html", "media-no-text"),
    ],
)
def test_unusable_document_is_refused_with_a_reason(content, name, key):
    assert refusal_key(Refused, read_document, content, name) == key


@unit
def test_what_was_left_out_and_what_to_look_at_is_said():
    document = Document(
        "a",
        "b",
        {"pictures": 2, "notes": 0},
        {"scanned": [3, 5, 6, 7], "columns": [*range(1, 60, 2)]},
    )
    assert document.notes("en") == [
        (
            "Read column by column: pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, … (30)."
            " Look whether the order is right."
        ),
        (
            "Left out, as they are pictures without text (a scan): pages 3, 5–7."
            " Have their text recognised, or write it in."
        ),
        "Left out: 2 pictures.",
    ]
    assert document.notes("ru")[2] == "Пропущено: 2 картинки."


@unit
def test_long_text_is_split_between_pages_else_between_paragraphs():
    pages = [f"{page_mark(page)}\n\n{'x' * 30}\n\ny" for page in range(1, 6)]
    text = "\n\n".join(pages)
    parts = split_text(text, 120)
    assert parts == ["\n\n".join(pages[:2]), "\n\n".join(pages[2:4]), pages[4]]
    assert split_text(text) == [text]
    assert split_text("aaa\n\nbbb\n\nccc", 10) == ["aaa\n\nbbb", "ccc"]
    assert name_part("T", 1, parts[0], "en") == "T (pages 1–2)"
    assert name_part("T", 2, "no pages", "ru") == "T (часть 2)"
