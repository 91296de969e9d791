"""The text of a DOCX file, read in the child process (`document_child`).

A DOCX is a zip of XML files, which is checked before it is unpacked. python-docx parses XML without
entities (`resolve_entities=False`), and lxml fetches nothing.
"""

from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from merlin.providers.document_child import ExtractedText, UnreadableDocument, join_parts

MAX_MEMBERS = 2000
MAX_BYTES = 100_000_000
# The usual compression ratio is about 10, higher for repetitive text.
SMALL_BYTES, MAX_RATIO = 10_000_000, 100
_ENCRYPTED_FLAG = 0x1
# The container of an encrypted document, and the name in it. Source: MS-OFFCRYPTO 2.3.
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_P, _TABLE, _ROW, _CELL, _DELETED = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc", "del"))
_DOCX_SIGNS = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_TEXT = qn("w:t")


def read_docx(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of the body; headers, footers, notes and pictures are not read.

    Raises UnreadableDocument, and for damaged files any exception of the libraries.
    """
    if content.startswith(_OLE):
        raise UnreadableDocument("password" if _ENCRYPTED in content else "unknown")
    # Refuse a zip bomb or encrypted members, without unpacking anything.
    with ZipFile(BytesIO(content)) as packed:
        members = packed.infolist()
    # A member that has more than it declares is ended by the child's memory limit.
    size = sum(member.file_size for member in members)
    is_dense = size > SMALL_BYTES and size > MAX_RATIO * len(content)
    if len(members) > MAX_MEMBERS or size > MAX_BYTES or is_dense:
        raise UnreadableDocument("bomb")
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise UnreadableDocument("password")
    if "[Content_Types].xml" not in {member.filename for member in members}:
        raise UnreadableDocument("unknown")
    try:
        body = docx.Document(BytesIO(content)).element.body
    except ValueError as error:  # a workbook or a presentation
        raise UnreadableDocument("unknown") from error
    return join_parts(_blocks(body), most_characters), False


def _blocks(element: BaseOxmlElement) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, at any depth."""
    for child in element:
        if child.tag == _P:
            signs = child.iter(_TEXT, *_DOCX_SIGNS)
            yield "".join(_DOCX_SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs)
        elif child.tag == _TABLE:
            yield "\n".join(_rows(child))
        elif child.tag != _DELETED:
            yield from _blocks(child)


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    for row in table.iterchildren(_ROW):
        cells = (" ".join(filter(None, _blocks(cell))) for cell in row.iterchildren(_CELL))
        yield " | ".join(cell.replace("\n", " ").strip() for cell in cells)
