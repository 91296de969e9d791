"""Documents made by code: PDF and DOCX with any letters, whole and hostile."""

from __future__ import annotations

import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import docx
from pypdf import PdfReader, PdfWriter

_FONT = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H"
    b" /DescendantFonts [5 0 R] /ToUnicode 4 0 R >>"
)
_LETTERS = (
    b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /DW 500"
    b" /CIDSystemInfo << /Registry (A) /Ordering (I) /Supplement 0 >> >>"
)


def pdf(*pages, raw_objects=(), packs=False, catalog=b""):
    """Return a PDF whose pages say these texts, in any letters; "" is an empty page, None a scan.

    Letters are codes of UTF-16 with a table back to Unicode, as writers with own fonts do it.
    `raw_objects` go along as they are, numbered after the pages; `catalog` are more of its keys.
    """
    letters = sorted({letter for page in pages for letter in page or "" if letter != "\n"})
    rows = [f"<{ord(letter):04x}> <{ord(letter):04x}>" for letter in letters]
    table = "\n".join(
        f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar"
        for part in (rows[start : start + 100] for start in range(0, len(rows), 100))
    )
    head = "begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange\n"
    numbers = [6 + 2 * place for place in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        _FONT,
        _stream(f"{head}{table}\nendcmap".encode(), packs=packs),
        _LETTERS,
    ]
    for number, page in zip(numbers, pages, strict=True):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {number + 1} 0 R"
            f" /Resources << {_FONTS if page is not None else _PICTURES} >> >>".encode()
        )
        objects.append(_stream(_shown(page or ""), packs=packs))
    return _file([*objects, *raw_objects])


_FONTS, _PICTURES = "/Font << /F 3 0 R >>", "/XObject << /I 5 0 R >>"


def _shown(text):
    lines = [f"<{''.join(f'{ord(one):04x}' for one in line)}> Tj T*" for line in text.split("\n")]
    return f"BT /F 12 Tf 14 TL 20 780 Td {' '.join(lines)} ET".encode() if text else b""


def _stream(content, *, packs=False):
    if not packs:
        return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
    packed = zlib.compress(content, 9)
    head = b"<< /Length %d /Filter /FlateDecode >>" % len(packed)
    return head + b"\nstream\n" + packed + b"\nendstream"


def _file(objects):
    made = bytearray(b"%PDF-1.7\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(made) + b"startxref\n%d\n%%%%EOF\n" % start


def changed_pdf(content, change):
    """Return a PDF after `change(writer)`."""
    with PdfWriter() as writer:
        writer.append(PdfReader(BytesIO(content)))
        change(writer)
        made = BytesIO()
        writer.write(made)
    return made.getvalue()


def docx_of(*paragraphs, table=(), title=""):
    """Return a DOCX with paragraphs and, after them, a table of rows."""
    document = docx.Document()
    document.core_properties.title = title
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if table:
        made = document.add_table(len(table), len(table[0]))
        for row, texts in zip(made.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def docx_with(content, **members):
    """Return a DOCX some of whose members (by last name, without ending) are replaced."""
    made = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(made, "w", ZIP_DEFLATED) as new:
        for member in old.infolist():
            name = member.filename.rpartition("/")[2].partition(".")[0]
            new.writestr(member.filename, members.pop(name, None) or old.read(member))
        for name, added in members.items():
            new.writestr(f"word/{name}.xml", added)
    return made.getvalue()


def body_of(content):
    """Return the XML of a DOCX's body."""
    with ZipFile(BytesIO(content)) as packed:
        return packed.read("word/document.xml")
