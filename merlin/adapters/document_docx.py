"""The text of a DOCX file: paragraphs and tables in their order.

A DOCX is a zip of XML files: it is looked over before anything is unpacked. python-docx reads
XML without entities (`resolve_entities=False`), and lxml fetches nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from zipfile import BadZipFile, ZipFile

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from merlin.adapters.document_found import Fault, Found, Gatherer, Word

MOST_MEMBERS = 2000
MOST_BYTES = 100_000_000
# Real documents shrink to a tenth; what holds repeated words, further.
SMALL_BYTES, MOST_TIMES = 10_000_000, 100
_ENCRYPTED_FLAG = 0x1
# A document with a password lies in this container, under this name. Source: MS-OFFCRYPTO 2.3.
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_P, _TABLE, _ROW, _CELL, _DELETED = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc", "del"))
_SIGNS = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_TEXT = qn("w:t")


def read_docx(content: bytes, most_characters: int) -> Found:
    """Return the text of the body; headers, footers, notes and pictures are not read.

    Raises Fault, and for damaged files whatever the libraries happen to raise.
    """
    if content.startswith(_OLE):
        raise Fault(Word.PASSWORD if _ENCRYPTED in content else Word.UNKNOWN)
    _look_over(content)
    try:
        body = docx.Document(BytesIO(content)).element.body
    except ValueError as error:  # a workbook or a presentation
        raise Fault(Word.UNKNOWN) from error
    gathered = Gatherer(most_characters)
    for block in _blocks(body):
        gathered.add(block)
    return Found(gathered.text("\n\n"))


def _look_over(content: bytes) -> None:
    """Raise Fault for a zip bomb and for locked members; nothing is unpacked."""
    try:
        with ZipFile(BytesIO(content)) as packed:
            members = packed.infolist()
    except BadZipFile as error:
        raise Fault(Word.DAMAGED) from error
    # What a member tells of its size is also where unpacking it ends.
    size = sum(member.file_size for member in members)
    is_dense = size > SMALL_BYTES and size > MOST_TIMES * len(content)
    if len(members) > MOST_MEMBERS or size > MOST_BYTES or is_dense:
        raise Fault(Word.BOMB)
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise Fault(Word.PASSWORD)
    if "[Content_Types].xml" not in {member.filename for member in members}:
        raise Fault(Word.UNKNOWN)


def _blocks(element: BaseOxmlElement) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, whatever they are wrapped in."""
    for child in element:
        if child.tag == _P:
            yield _words(child)
        elif child.tag == _TABLE:
            yield "\n".join(_rows(child))
        elif child.tag != _DELETED:
            yield from _blocks(child)


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    for row in table.iterchildren(_ROW):
        cells = (" ".join(filter(None, _blocks(cell))) for cell in row.iterchildren(_CELL))
        yield " | ".join(cell.replace("\n", " ").strip() for cell in cells)


def _words(paragraph: BaseOxmlElement) -> str:
    signs = paragraph.iter(_TEXT, *_SIGNS)
    return "".join(_SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs)
