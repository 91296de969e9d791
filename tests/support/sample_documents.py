"""Generated PDF, DOCX and XLSX documents with any characters, valid and hostile."""

import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import docx
from openpyxl import Workbook
from pypdf import PdfReader, PdfWriter

_FONT = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H"
    b" /DescendantFonts [5 0 R] /ToUnicode 4 0 R >>"
)
_CHARACTERS = (
    b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /DW 500"
    b" /CIDSystemInfo << /Registry (A) /Ordering (I) /Supplement 0 >> >>"
)


def make_pdf(*pages, raw_objects=(), compressed=False, catalog=b""):
    """Return a PDF with a page for each text; "" is an empty page, None a scanned one.

    Characters are UTF-16 codes with a table back to Unicode, as writers with their own fonts do it.
    `raw_objects` are added unchanged, numbered after the pages; `catalog` has more catalog keys.
    """
    letters = sorted(
        {letter for page in pages for letter in page or "" if letter != "\n"}
    )
    rows = [f"<{ord(letter):04x}> <{ord(letter):04x}>" for letter in letters]
    table = "\n".join(
        f"{len(chunk)} beginbfchar\n" + "\n".join(chunk) + "\nendbfchar"
        for chunk in (rows[start : start + 100] for start in range(0, len(rows), 100))
    )
    head = "begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange\n"
    numbers = [6 + 2 * index for index in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        _FONT,
        _make_stream(f"{head}{table}\nendcmap".encode(), compressed=compressed),
        _CHARACTERS,
    ]
    for number, page in zip(numbers, pages, strict=True):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {number + 1} 0 R"
            f" /Resources << {_FONTS if page is not None else _PICTURES} >> >>".encode()
        )
        objects.append(_make_stream(_draw_text(page or ""), compressed=compressed))
    return _make_file([*objects, *raw_objects])


def place_texts(*pages, rotate=0):
    """Return a PDF with a page for each list of texts, placed in points from the lower left corner.

    A text is (x, y, text), (x, y, text, size) or (x, y, text, size, font), of the standard fonts.
    """
    names = ("Helvetica", "Helvetica-Bold", "Courier")
    fonts = [
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
        for name in names
    ]
    numbers = [6 + 2 * index for index in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    named = " ".join(f"/{name} {at} 0 R" for at, name in enumerate(names, start=3))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        *(font.encode() for font in fonts),
    ]
    matrix = "0 1 -1 0" if rotate else "1 0 0 1"
    for number, page in zip(numbers, pages, strict=True):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {number + 1} 0 R"
            f" /Resources << /Font << {named} >> >> >>".encode()
        )
        drawn = (
            f"BT /{font} {size} Tf {matrix} {x} {y} Tm ({text}) Tj ET"
            for x, y, text, size, font in (
                (*each, *(11, "Helvetica")[len(each) - 3 :]) for each in page
            )
        )
        objects.append(_make_stream("\n".join(drawn).encode("cp1252")))
    return _make_file(objects)


def place_lines(x, y, text, size=11, font="Helvetica"):
    """Return texts for `place_texts`: each line of a text below the one before."""
    return [
        (x, y - 14 * at, line, size, font) for at, line in enumerate(text.split("\n"))
    ]


_FONTS = "/Font << /F 3 0 R >>"
_PICTURES = "/XObject << /I 5 0 R >>"


def _draw_text(text):
    lines = [
        f"<{''.join(f'{ord(letter):04x}' for letter in line)}> Tj T*"
        for line in text.split("\n")
    ]
    return f"BT /F 12 Tf 14 TL 20 780 Td {' '.join(lines)} ET".encode() if text else b""


def _make_stream(content, *, compressed=False):
    if not compressed:
        return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
    packed = zlib.compress(content, 9)
    head = b"<< /Length %d /Filter /FlateDecode >>" % len(packed)
    return head + b"\nstream\n" + packed + b"\nendstream"


def _make_file(objects):
    document = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(document) + b"startxref\n%d\n%%%%EOF\n" % start


def edit_pdf(content, change):
    """Return the PDF after `change(writer)`."""
    with PdfWriter() as writer:
        writer.append(PdfReader(BytesIO(content)))
        change(writer)
        output = BytesIO()
        writer.write(output)
    return output.getvalue()


def make_docx(*paragraphs, table=(), title=""):
    """Return a DOCX with paragraphs followed by a table."""
    document = docx.Document()
    document.core_properties.title = title
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if table:
        docx_table = document.add_table(len(table), len(table[0]))
        for row, texts in zip(docx_table.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def replace_docx_parts(content, **members):
    """Return a DOCX with some members replaced, named by file name without suffix."""
    output = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(output, "w", ZIP_DEFLATED) as new:
        for member in old.infolist():
            name = member.filename.rpartition("/")[2].partition(".")[0]
            new.writestr(member.filename, members.pop(name, None) or old.read(member))
        for name, xml in members.items():
            new.writestr(f"word/{name}.xml", xml)
    return output.getvalue()


def docx_body(content):
    """Return the XML of a DOCX's body."""
    with ZipFile(BytesIO(content)) as archive:
        return archive.read("word/document.xml")


def make_workbook(*rows, before=(), after=(), state="visible"):
    """Return a workbook with these rows, on a sheet between two others; `state` is the first's."""
    book = Workbook()
    content = BytesIO()
    book.create_sheet("rows")
    book.create_sheet("after")
    for sheet, its_rows in zip(book.worksheets, (before, rows, after), strict=True):
        for row in its_rows:
            sheet.append(row)
    book.worksheets[0].sheet_state = state
    book.active = 1
    book.save(content)
    return content.getvalue()
