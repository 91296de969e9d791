"""The text of a DOCX file, read in the child process (`document_child`).

python-docx parses XML without entities (`resolve_entities=False`), and lxml fetches nothing.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

import docx
from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.text.paragraph import Paragraph

from merlin.providers.document_child import (
    RAISED,
    ExtractedText,
    UnreadableDocument,
    join_parts,
)
from merlin.providers.document_numbering import Numbering

# The container of an encrypted document, and the name in it. Source: MS-OFFCRYPTO 2.3.
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_P, _TABLE, _ROW, _CELL = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc"))
_SIGNS = {_P: "\n", qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n"}
# Deleted text has an element of its own, which is not read.
_TEXTS = (qn("w:t"), qn("m:t"))
# Pictures and notes, which are not read, in any version of the format.
_LEFT_OUT = tuple(
    f"{{*}}{name}"
    for name in (
        "blip",
        "imagedata",
        "chart",
        "object",
        "footnoteReference",
        "endnoteReference",
    )
)


def read_docx(content: bytes, most_characters: int) -> ExtractedText:
    """Return the paragraphs and tables of the body, and whether it has pictures or notes too.

    Raises UnreadableDocument, and for damaged files any exception of the libraries.
    """
    body = _open(content).part.element.body
    is_cut = next(body.iter(*_LEFT_OUT), None) is not None
    return join_parts(_blocks(body), most_characters), is_cut


def _open(content: bytes) -> Document:
    if content.startswith(_OLE):
        raise UnreadableDocument("password" if _ENCRYPTED in content else "unknown")
    try:
        return docx.Document(BytesIO(content))
    except (KeyError, ValueError) as error:  # another zip, a workbook or a presentation
        raise UnreadableDocument("unknown") from error


_UNSEEN = {
    "struck": (qn("w:strike"), qn("w:dstrike")),
    "hidden-texts": (qn("w:vanish"),),
}
_NOTES = (qn("w:footnoteReference"), qn("w:endnoteReference"))
_PICTURES = (qn("pic:pic"), "{urn:schemas-microsoft-com:vml}imagedata")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BOLD = 7  # below all headings


def read_outline(content: bytes, most_characters: int) -> ExtractedText:
    """Return a JSON object: paragraphs and rows of tables as `blocks`, and what is `left` out.

    A block is its number, level, text and cells. The level of a heading is from 1, that of a
    paragraph in bold type 7, of others 0. Links and pictures are as in Markdown, signs of lists as
    in Word; `labels` are those of blocks by their numbers. Raises as `read_docx`.
    """
    document = _open(content)
    body = document.part.element.body
    left = {kind: _blank(body, tags) for kind, tags in _UNSEEN.items()}
    left["notes"] = sum(1 for _ in body.iter(*_NOTES))
    _write_signs(document)
    numbering = Numbering(document)
    labels = dict[int, str]()
    blocks = list[tuple[int, int, str, list[str]]]()
    for number, element in enumerate(body.iter(_P, _ROW), start=1):
        if element.tag == _ROW:
            cells = [
                " ".join(_blocks(cell)).strip() for cell in _find_parts(element, _CELL)
            ]
            blocks.append((number, 0, " | ".join(cells), cells))
        elif next(element.iterancestors(_ROW, _P), None) is None:
            text = "".join(_blocks([element])).strip()
            style: Any = Paragraph(element, document).style
            name = getattr(style, "name", "")
            label = numbering.next_label(element, style) if text else ""
            labels |= {number: label} if label else {}
            text = f"{label} {text}".strip()
            blocks.append((number, _find_level(element, name), text, []))
    values = {
        "blocks": [block for block in blocks if block[2]],
        "left": left,
        "labels": labels,
    }
    result = json.dumps(values, ensure_ascii=False)
    if len(result) > most_characters:
        raise UnreadableDocument("too-long")
    return result, False


def _write_signs(document: Document) -> None:
    """Write links, pictures and raised digits into the text as Markdown has them."""
    body = document.part.element.body
    for copy in [*body.iter(_FALLBACK)]:  # of a text box, for an old Word
        copy.getparent().remove(copy)
    for mark in body.iter(qn("w:vertAlign")):
        table = RAISED.get(mark.get(qn("w:val"))[:3], {})
        for text in mark.getparent().getparent().iterchildren(qn("w:t")):
            text.text = (text.text or "").translate(table)
    for picture in [*body.iter(*_PICTURES)]:
        sign = OxmlElement("w:t")
        sign.text = "![](…)"
        picture.append(sign)
    for link in body.iter(qn("w:hyperlink")):
        texts = [*link.iter(qn("w:t"))]
        relation = document.part.rels.get(link.rId)
        if texts and relation is not None and relation.is_external:
            texts[0].text = f"[{texts[0].text or ''}"
            texts[-1].text = f"{texts[-1].text or ''}]({relation.target_ref})"


def _blank(body: BaseOxmlElement, tags: Sequence[str]) -> int:
    """Empty the runs of text that have one of these marks, and return how many there were."""
    runs = [
        mark.getparent().getparent()
        for mark in body.iter(*tags)
        if mark.get(qn("w:val")) not in ("0", "false")
    ]
    texts = [text for run in runs for text in run.iterchildren(qn("w:t"))]
    for text in texts:
        text.text = ""
    return len(texts)


def _find_level(element: BaseOxmlElement, style: str) -> int:
    """Return the level of a paragraph by the English name of its style or its bold type."""
    if match := re.match(r"Heading (\d)|Title", style):
        return int(match[1] or 1)
    runs = [run for run in element.iter(qn("w:r")) if "".join(run.itertext()).strip()]
    is_bold = [run.find(f"./{qn('w:rPr')}/{qn('w:b')}") is not None for run in runs]
    return _BOLD if is_bold and all(is_bold) else 0


def _blocks(element: Iterable[BaseOxmlElement]) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, at any depth."""
    for child in element:
        if child.tag == _P:
            signs = child.iter(*_TEXTS, *_SIGNS)
            yield "".join(
                _SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs
            )
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
