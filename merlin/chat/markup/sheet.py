"""Sheet: a text being written from top to bottom, with the marks open at the moment.

It knows what Telegram allows to lie within what: code holds no other mark, and bold around code
is broken off for it; links and quotes do not lie within their own kind. Source: the Bot API,
"Formatting options".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from merlin.chat.markup.spans import Span, marks_of
from merlin.core.page import Page

_INDENT = "   "
_DEEPEST = 8
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")


@dataclass(slots=True)
class _Open:
    """A mark that is not closed yet; a mute one lies within its own kind and shows nothing."""

    kind: str
    value: str
    start: int
    is_mute: bool


class Sheet:
    """The text so far; line breaks that are due are written only before what follows them."""

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._size = 0
        self._lines_due = 0
        self._bullet = ""
        self._indent = ""
        self._open: list[_Open] = []
        self._spans: list[Span] = []

    def page(self) -> Page:
        """Return what is written."""
        whole = "".join(self._chunks)
        text = whole.rstrip()
        # Of two that cover the same, the outer one was closed last.
        return Page(text, marks_of(text, reversed(self._spans)))

    def gap(self, lines: int) -> None:
        """Let what follows begin on a new line, or after a blank one if `lines` is 2."""
        if not self._bullet:
            self._lines_due = max(self._lines_due, lines)

    def item(self, bullet: str, depth: int, lines: int) -> None:
        """Begin an item of a list that lies within `depth` others."""
        self._write_lead()
        self.gap(lines)
        self._bullet = f"{_INDENT * min(depth, _DEEPEST)}{bullet} "
        self._indent = _INDENT * min(depth + 1, _DEEPEST)

    def end_item(self, depth: int) -> None:
        """End it."""
        self._write_lead()
        self._indent = _INDENT * min(depth, _DEEPEST)

    def write(self, text: str) -> None:
        """Write on."""
        if text:
            self._write_lead()
            self._add(text.replace("\n", f"\n{self._indent}"))

    def start(self, kind: str, value: str = "") -> None:
        """Open a mark."""
        is_mute = any(one.kind == kind for one in self._open)
        self._open.append(_Open(kind, value, self._size, is_mute))

    def end(self) -> None:
        """Close the mark opened last."""
        self._mark(self._open.pop())

    def code(self, text: str) -> None:
        """Write code within a line; within a link it is plain text."""
        if any(one.kind == "text_link" for one in self._open):
            self.write(text)
            return
        self._write_lead()
        broken = [one for one in self._open if one.kind != "blockquote"]
        for one in reversed(broken):
            self._mark(one)
        self.start("code")
        self.write(text.replace("\n", " "))
        self.end()
        for one in broken:
            one.start = self._size

    def block(self, text: str, language: str = "") -> None:
        """Write a block of code; its own indent is kept, and nothing is added to it."""
        text = _BLANK_LINES.sub("", text).rstrip()
        if not text:
            return
        if self._bullet:
            self._write_lead()
            self.gap(1)
        self._break_lines()
        self.start("pre", language)
        self._add(text)
        self.end()

    def _mark(self, one: _Open) -> None:
        if self._size > one.start and not one.is_mute:
            self._spans.append(Span(one.start, self._size, one.kind, one.value))

    def _write_lead(self) -> None:
        """Write the line breaks that are due, and what stands at the start of a line."""
        is_new_line = self._break_lines()
        if self._bullet or is_new_line:
            self._add(self._bullet or self._indent)
        self._bullet = ""

    def _break_lines(self) -> bool:
        is_new_line = self._lines_due > 0 and self._size > 0
        if is_new_line:
            self._add("\n" * self._lines_due)
        self._lines_due = 0
        return is_new_line

    def _add(self, text: str) -> None:
        self._chunks.append(text)
        self._size += len(text)
