"""The text of a DOCX file, read in the child process (`document_child`).

python-docx parses XML without entities (`resolve_entities=False`), and lxml fetches nothing.
"""

from collections.abc import Iterator
from io import BytesIO

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from merlin.providers.document_child import ExtractedText, UnreadableDocument, join_parts

# The container of an encrypted document, and the name in it. Source: MS-OFFCRYPTO 2.3.
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_P, _TABLE, _ROW, _CELL = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc"))
_SIGNS = {_P: "\n", qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n"}
# Deleted text has an element of its own, which is not read.
_TEXTS = (qn("w:t"), qn("m:t"))


def read_docx(content: bytes, most_characters: int) -> ExtractedText:
    """Return the paragraphs and tables of the body, without notes, comments and pictures.

    Raises UnreadableDocument, and for damaged files any exception of the libraries.
    """
    if content.startswith(_OLE):
        raise UnreadableDocument("password" if _ENCRYPTED in content else "unknown")
    try:
        body = docx.Document(BytesIO(content)).part.element.body
    except (KeyError, ValueError) as error:  # another zip, a workbook or a presentation
        raise UnreadableDocument("unknown") from error
    return join_parts(_blocks(body), most_characters), False


def _blocks(element: BaseOxmlElement) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, at any depth."""
    for child in element:
        if child.tag == _P:
            signs = child.iter(*_TEXTS, *_SIGNS)
            yield "".join(_SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs)
        elif child.tag == _TABLE:
            yield "\n".join(_row_text(row) for row in _find_parts(child, _ROW))
        else:
            yield from _blocks(child)


def _row_text(row: BaseOxmlElement) -> str:
    cells = (" ".join(_blocks(cell)) for cell in _find_parts(row, _CELL))
    return " | ".join(" ".join(cell.split()) for cell in cells)


def _find_parts(element: BaseOxmlElement, tag: str) -> Iterator[BaseOxmlElement]:
    """Yield the rows of a table or the cells of a row, also those in content controls."""
    for child in element:
        if child.tag == tag:
            yield child
        else:
            yield from _find_parts(child, tag)
