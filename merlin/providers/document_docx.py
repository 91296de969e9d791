"""The text of a DOCX file, read in the child process (`document_child`).

A DOCX is a zip of XML files, which is checked before it is unpacked. python-docx parses XML without
entities (`resolve_entities=False`), and lxml fetches nothing.
"""

from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile

import docx
from docx.oxml.ns import qn
from docx.oxml.parser import parse_xml
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.parts.story import StoryPart

from merlin.providers.document_child import ExtractedText, UnreadableDocument, join_parts

MAX_MEMBERS = 2000
MAX_BYTES = 100_000_000
# The usual compression ratio is about 10, higher for repetitive text.
SMALL_BYTES, MAX_RATIO = 10_000_000, 100
_ENCRYPTED_FLAG = 0x1
# The container of an encrypted document, and the name in it. Source: MS-OFFCRYPTO 2.3.
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_P, _TABLE, _ROW, _CELL, _ID = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc", "id"))
# Deleted text, the former place of moved text, and the copy of a text box for old programs.
_LEFT_OUT = (
    qn("w:del"),
    qn("w:moveFrom"),
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
)
_NOTES = ("footnotes", "endnotes", "comments")
_REFERENCES = tuple(qn(f"w:{name[:-1]}Reference") for name in _NOTES)
_DOCX_SIGNS = {
    _P: "\n",
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_TEXTS = (qn("w:t"), qn("m:t"), *_REFERENCES)


def read_docx(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of the body with its notes and comments, and its changes accepted.

    Headers, footers and pictures are not read.
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
        part = docx.Document(BytesIO(content)).part
    except ValueError as error:  # a workbook or a presentation
        raise UnreadableDocument("unknown") from error
    _accept_changes(part.element.body)
    _insert_notes(part)
    return join_parts(_blocks(part.element.body), most_characters), False


def _accept_changes(root: BaseOxmlElement) -> BaseOxmlElement:
    """Remove what is not read from a part, and return it."""
    for element in list(root.iter(*_LEFT_OUT)):
        element.getparent().remove(element)
    return root


def _insert_notes(part: StoryPart) -> None:
    """Write each note and comment in brackets where the body refers to it."""
    notes = {
        (note.tag, note.get(_ID)): " ".join("".join(_blocks(note)).split())
        for relation in part.rels.values()
        if relation.reltype.rpartition("/")[2] in _NOTES and not relation.is_external
        for note in _accept_changes(parse_xml(relation.target_part.blob))
    }
    for reference in part.element.body.iter(*_REFERENCES):
        key = str(reference.tag).removesuffix("Reference"), reference.get(_ID)
        reference.text = f" [{notes.get(key, '')}]"


def _blocks(element: BaseOxmlElement) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, at any depth."""
    for child in element:
        if child.tag == _P:
            signs = child.iter(*_TEXTS, *_DOCX_SIGNS)
            yield "".join(_DOCX_SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs)
        elif child.tag == _TABLE:
            yield "\n".join(_rows(child))
        else:
            yield from _blocks(child)


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    for row in _find_parts(table, _ROW):
        cells = (" ".join(" ".join(_blocks(cell)).split()) for cell in _find_parts(row, _CELL))
        yield " | ".join(cells)


def _find_parts(element: BaseOxmlElement, tag: str) -> Iterator[BaseOxmlElement]:
    """Yield the rows of a table or the cells of a row, also those in content controls."""
    for child in element:
        if child.tag == tag:
            yield child
        else:
            yield from _find_parts(child, tag)
