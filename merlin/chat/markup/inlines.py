"""Inlines: what stands within a line of Markdown, written on a sheet."""

from __future__ import annotations

from collections.abc import Iterable

from markdown_it.common.normalize_url import normalizeLinkText
from markdown_it.token import Token

from merlin.chat.markup.latex import in_unicode
from merlin.chat.markup.links import opens, readable
from merlin.chat.markup.sheet import Sheet

_MARKS = {"strong": "bold", "em": "italic", "s": "strikethrough"}


def write_inlines(sheet: Sheet, tokens: Iterable[Token]) -> None:
    """Write `tokens`, the children of one inline token of markdown-it."""
    link = _Link(sheet)
    for token in tokens:
        if token.tag in _MARKS:
            _write_mark(sheet, token)
        elif token.type in {"link_open", "link_close"}:
            link.turn(token)
        else:
            link.label += _write_leaf(sheet, token)


def _write_mark(sheet: Sheet, token: Token) -> None:
    if token.nesting > 0:
        sheet.start(_MARKS[token.tag])
    else:
        sheet.end()


def _write_leaf(sheet: Sheet, token: Token) -> str:
    """Write a token without marks around it; return what it says."""
    if token.type == "code_inline":
        sheet.code(token.content)
    elif token.type == "image":
        return _write_image(sheet, token)
    elif token.type == "formula":
        sheet.write(in_unicode(token.content))
    elif token.type in {"softbreak", "hardbreak"}:
        sheet.write("\n")
    else:
        sheet.write(token.content)
    return token.content


def _write_image(sheet: Sheet, token: Token) -> str:
    """Write a picture as a link to it."""
    address = str(token.attrs.get("src", ""))
    link = _Link(sheet)
    link.open(address)
    link.label = token.content
    sheet.write(link.label)
    link.close()
    return link.label


class _Link:
    """The link that is being written; `label` is what it says so far."""

    def __init__(self, sheet: Sheet) -> None:
        self.label = ""
        self._sheet = sheet
        self._address = ""

    def turn(self, token: Token) -> None:
        """Open the link, or close it."""
        if token.nesting > 0:
            self.open(str(token.attrs.get("href", "")))
        else:
            self.close()

    def open(self, address: str) -> None:
        """Begin a link to `address`."""
        self.label, self._address = "", address
        if opens(address):
            self._sheet.start("text_link", address)

    def close(self) -> None:
        """End it; an address that cannot be opened, or has no words for it, is shown."""
        does_open = opens(self._address)
        shown = readable(normalizeLinkText(self._address))
        if not self.label.strip():
            self._sheet.write(shown)
        elif not does_open and shown not in {"", self.label}:
            self._sheet.write(f" ({shown})")
        if does_open:
            self._sheet.end()
