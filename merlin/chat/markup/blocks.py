"""Blocks: paragraphs, headings, lists, quotes, code and tables of Markdown, on a sheet."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markdown_it.token import Token

from merlin.chat.markup.inlines import write_inlines
from merlin.chat.markup.latex import in_unicode
from merlin.chat.markup.sheet import Sheet
from merlin.chat.markup.tables import rows_of, write_table

RULE = "———"
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_TASK = re.compile(r"\[([ xX])\](?:\s+|$)")


class Blocks:
    """Writes the tokens of a whole text, one after the other."""

    def __init__(self, sheet: Sheet, tokens: Sequence[Token]) -> None:
        self._sheet = sheet
        self._tokens = tokens
        # The numbers of the items to come, a list within a list after it; None for bullets.
        self._numbers: list[int | None] = []
        self._lines_before_list = 2
        self._writers: dict[str, Callable[[int], None]] = {
            "paragraph_open": self._open_paragraph,
            "heading_open": lambda _: self._open_marked("bold"),
            "heading_close": lambda _: sheet.end(),
            "inline": lambda place: write_inlines(sheet, tokens[place].children or []),
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": lambda _: self._close_list(),
            "ordered_list_close": lambda _: self._close_list(),
            "list_item_open": self._open_item,
            "list_item_close": lambda _: sheet.end_item(len(self._numbers) - 1),
            "blockquote_open": lambda _: self._open_marked("blockquote"),
            "blockquote_close": lambda _: sheet.end(),
            "fence": self._write_code,
            "code_block": self._write_code,
            "formula_block": self._write_formula,
            "hr": lambda _: self._write_rule(),
        }

    def write(self) -> None:
        """Write them all."""
        place = 0
        while place < len(self._tokens):
            kind = self._tokens[place].type
            if kind == "table_open":
                place = self._write_table(place)
            elif kind in self._writers:
                self._writers[kind](place)
            place += 1

    def _between(self) -> int:
        """Return the lines from one block to the next: none is left blank within a list."""
        return 1 if self._numbers else 2

    def _open_paragraph(self, place: int) -> None:
        self._sheet.gap(1 if self._tokens[place].hidden else 2)

    def _open_marked(self, kind: str) -> None:
        self._sheet.gap(2)
        self._sheet.start(kind)

    def _open_list(self, place: int) -> None:
        opening = self._tokens[place]
        is_ordered = opening.type == "ordered_list_open"
        self._lines_before_list = 1 if self._numbers or self._follows_words(place) else 2
        self._numbers.append(int(opening.attrs.get("start", 1)) if is_ordered else None)

    def _follows_words(self, place: int) -> bool:
        """Return whether a list begins on the line right after a paragraph, as its items do."""
        if place < 3 or self._tokens[place - 1].type != "paragraph_close":  # noqa: PLR2004 - a paragraph's tokens
            return False
        paragraph, here = self._tokens[place - 3].map, self._tokens[place].map
        return bool(paragraph and here and paragraph[1] == here[0])

    def _close_list(self) -> None:
        self._numbers.pop()

    def _open_item(self, place: int) -> None:
        number = self._numbers[-1]
        bullet = "•"
        if number is not None:
            bullet = f"{number}{self._tokens[place].markup}"
            self._numbers[-1] = number + 1
        is_first = self._tokens[place - 1].type.endswith("list_open")
        lines = self._lines_before_list if is_first else self._lines_between_items(place)
        bullet = self._task(place) or bullet
        self._sheet.item(bullet, len(self._numbers) - 1, lines)

    def _lines_between_items(self, place: int) -> int:
        within = self._tokens[place + 1]
        return 2 if within.type == "paragraph_open" and not within.hidden else 1

    def _task(self, place: int) -> str:
        """Return the box of a task, and take it out of the item's words; "" for other items."""
        inline = self._tokens[min(place + 2, len(self._tokens) - 1)]
        first = inline.children[0] if inline.type == "inline" and inline.children else None
        found = _TASK.match(first.content) if first and first.type == "text" else None
        if first is None or found is None:
            return ""
        first.content = first.content[found.end() :]
        return "☐" if found.group(1) == " " else "☑"

    def _write_code(self, place: int) -> None:
        token = self._tokens[place]
        language = _LANGUAGE.fullmatch((token.info.split() or [""])[0])
        self._sheet.gap(self._between())
        self._sheet.block(token.content, language.group() if language else "")

    def _write_formula(self, place: int) -> None:
        self._sheet.gap(self._between())
        self._sheet.write(in_unicode(self._tokens[place].content))

    def _write_rule(self) -> None:
        self._sheet.gap(2)
        self._sheet.write(RULE)

    def _write_table(self, start: int) -> int:
        """Write the table that begins at `start`; return the place of its last token."""
        end = start
        while self._tokens[end].type != "table_close":
            end += 1
        write_table(self._sheet, rows_of(self._tokens[start:end]))
        return end
