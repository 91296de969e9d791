"""An HTML page as an outline, read in the child process (`document_child`).

lxml fetches nothing, and cuts off what is nested deeper than 255 levels.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lxml.html import HTMLParser, defs, document_fromstring  # type: ignore[import-untyped]

from merlin.providers.document_child import (
    RAISED,
    ExtractedText,
    UnreadableDocument,
    clean_text,
)

# Tag -> what is left out, "" for what people do not see.
_LEFT_OUT = {
    **dict.fromkeys(("head", "noscript", "script", "style", "template"), ""),
    **dict.fromkeys(defs.form_tags - {"fieldset", "form", "label", "legend"}, ""),
    **dict.fromkeys(("aside", "footer", "nav"), "navigation"),
    **dict.fromkeys(("del", "s", "strike"), "struck"),
    **dict.fromkeys(("canvas", "embed", "iframe", "img", "object", "svg"), "pictures"),
    **dict.fromkeys(("audio", "video"), "pictures"),
}
_INLINE = defs.phrase_tags | defs.font_style_tags | defs.special_inline_tags
_INLINE |= {"data", "label", "mark", "rp", "rt", "ruby", "time", "wbr"}
_CODE = frozenset(("code", "kbd", "samp", "tt"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BOLD = 7  # as in the outline of a DOCX
_HEADINGS |= {"summary": _BOLD, "dt": _BOLD}
_HIDDEN = re.compile(r"(?i)display\s*:\s*none|visibility\s*:\s*hidden")
# What a table that arranges a page has in its cells.
_ARRANGED = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre")
_SPAN = re.compile(r"\A[1-9]\d?")
_Block = tuple[int, int, str, list[str]]


def read_html(content: bytes, most_characters: int) -> ExtractedText:
    """Return a JSON object: `blocks` as those of `read_outline`, and what is `left` out.

    The content is UTF-8. Of a page that has one, only `main` or its only `article` is read. Raises
    UnreadableDocument.
    """
    parser = HTMLParser(encoding="utf-8", no_network=True)
    root = document_fromstring(content, parser=parser)
    found = [*root.iter("main")] or [*root.iter("article")]
    page = _Page()
    blocks = [*page.read_blocks(found[0] if len(found) == 1 else root)]
    if not blocks:
        raise UnreadableDocument("no-text")
    result = json.dumps({"blocks": blocks, "left": page.left}, ensure_ascii=False)
    if len(result) > most_characters:
        raise UnreadableDocument("too-long")
    return result, False


class _Page:
    """Reads the elements of a page, and counts what it leaves out."""

    def __init__(self) -> None:
        self.left = Counter[str]()

    def read_blocks(self, element: Any, mark: str = "") -> Iterator[_Block]:
        """Yield the blocks of an element; the first text gets a mark before it."""
        tag = element.tag
        if tag in _HEADINGS:
            yield from _block(element, self._read_line(element), _HEADINGS[tag])
        elif tag == "pre":
            code = clean_text("".join(element.itertext()).strip("\n"))
            yield from _block(element, code and f"```\n{code}\n```")
        elif tag == "table" and next(element.iterdescendants(*_ARRANGED), None) is None:
            yield from self._read_table(element)
        else:
            yield from self._read_children(element, mark)

    def _read_children(self, element: Any, mark: str) -> Iterator[_Block]:
        line = mark + (element.text or "")
        number = int(element.get("start", "1")) if element.tag == "ol" else 0
        for child in element:
            if self._is_inline(child):
                line += self._read_inline(child)
            else:
                if line.strip() != mark.strip():
                    yield from _block(element, _join_words(line))
                    mark = ""
                of_item = f"{number}. " if number else "- "
                number += bool(number)
                yield from self.read_blocks(
                    child, of_item if child.tag == "li" else mark
                )
                line = mark = ""
            line += child.tail or ""
        if line.strip() != mark.strip():
            yield from _block(element, _join_words(line))

    def _is_inline(self, element: Any) -> bool:
        """Return whether an element is part of a line, as what is left out is."""
        return element.tag in _INLINE or _find_kind(element) is not None

    def _read_line(self, element: Any) -> str:
        return _join_words(self._read_inside(element))

    def _read_inside(self, element: Any) -> str:
        parts = [element.text or ""]
        for child in element:
            gap = "" if self._is_inline(child) else " "
            parts += [gap, self._read_inline(child), gap, child.tail or ""]
        return "".join(parts)

    def _read_inline(self, element: Any) -> str:
        """Return the text of an element of a line, in Markdown; "" for what is left out."""
        tag = element.tag
        kind = _find_kind(element)
        if kind is not None:
            self.left.update([kind] if kind else [])
            return ""
        if tag == "br":
            return " "
        text = self._read_inside(element)
        if tag in RAISED:
            return text.translate(RAISED[tag])
        if tag in _CODE and text.strip():
            return f"`{text.strip()}`"
        address = element.get("href", "")
        is_link = tag == "a" and address.startswith(("http://", "https://"))
        return f"[{text}]({address})" if is_link and text.strip() else text

    def _read_table(self, table: Any) -> Iterator[_Block]:
        """Yield the rows of a table; a cell of several rows is in each of them."""
        below = dict[int, tuple[int, str]]()
        for caption in table.iter("caption"):
            yield from _block(caption, self._read_line(caption))
        for row in table.iter("tr"):
            cells = list[str]()
            for cell in row.iter("td", "th"):
                _take_from_above(cells, below)
                text = self._read_line(cell)
                columns, rows = (
                    int(([*_SPAN.findall(cell.get(name, "")), "1"])[0])
                    for name in ("colspan", "rowspan")
                )
                for at in range(columns):
                    if rows > 1:
                        below[len(cells)] = (rows - 1, "" if at else text)
                    cells.append("" if at else text)
            _take_from_above(cells, below)
            if any(cells):
                yield row.sourceline or 1, 0, " | ".join(cells), cells


def _take_from_above(cells: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Add the cells of rows above that reach down to where a row is read to."""
    while len(cells) in below:
        rows, text = below.pop(len(cells))
        if rows > 1:
            below[len(cells)] = (rows - 1, text)
        cells.append(text)


def _find_kind(element: Any) -> str | None:
    """Return what is left out with an element, "" for what nobody sees, None for nothing."""
    if not isinstance(element.tag, str):  # a comment
        return ""
    is_hidden = element.get("hidden") is not None
    if is_hidden or _HIDDEN.search(element.get("style", "")):
        return "hidden-texts"
    return _LEFT_OUT.get(element.tag)


def _join_words(text: str) -> str:
    return clean_text(" ".join(text.split()))


def _block(element: Any, text: str, level: int = 0) -> Iterator[_Block]:
    if text:
        yield element.sourceline or 1, level, text, []
