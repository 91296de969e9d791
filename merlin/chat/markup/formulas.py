r"""Formulas within Markdown: rules for markdown-it that know $ $, $$ $$, \( \), \[ \] and \begin.

A dollar is often money: as in Pandoc, one that opens stands before no white space, one that
closes stands after none and before no letter or digit, and what lies between must look like
mathematics.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# A formula that is longer stays as it was written; the search for an end stops there, too.
MOST_CHARACTERS = 2000
MOST_LINES = 60
# Longer marks first: `$$` is no empty formula between two `$`.
_PAIRS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_SIGNS = re.compile(r"[\\^_{=]")
_SUM = re.compile(r"(?!\d[\d.,]*\s)(?!.*[^\W\d_]{3}).*[-+*/<>|]")
_PROSE = re.compile(r"\s[^\W\d_]{3,}[\s,.]")
_BLOCK = re.compile(r"\s*(?:(\$\$)|(\\\[)|\\begin\{([a-z]+\*?)\})")
_CLOSING_SIGNS = " \t.,;:"


def with_formulas(parser: MarkdownIt) -> MarkdownIt:
    """Teach `parser` formulas: tokens `formula` within a line, `formula_block` as lines."""
    parser.inline.ruler.before("escape", "formula", _inline)
    interrupts = RuleOptionsType(alt=["paragraph", "blockquote", "list"])
    parser.block.ruler.before("fence", "formula_block", _block, interrupts)
    return parser


def _inline(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    if state.src[state.pos] not in "$\\":
        return False
    for opening, closing in _PAIRS:
        if state.src.startswith(opening, state.pos):
            start = state.pos + len(opening)
            end = state.src.find(closing, start, min(state.posMax, start + MOST_CHARACTERS))
            if end <= start or not _is_formula(state.src, opening, start, end):
                return False
            if not silent:
                state.push("formula", "", 0).content = state.src[start:end]
            state.pos = end + len(closing)
            return True
    return False


def _is_formula(text: str, opening: str, start: int, end: int) -> bool:
    content = text[start:end]
    if opening != "$":
        return bool(content.strip())
    before = text[start - 2 : start - 1]
    after = text[end + 1 : end + 2]
    touches = content[0].isspace() or content[-1].isspace() or content.endswith("\\")
    if touches or before.isalnum() or after.isalnum():
        return False
    return not re.search(r"\s", content) or _is_mathematics(content)


def _is_mathematics(content: str) -> bool:
    if _PROSE.search(content) and "\\text" not in content:
        return False
    return bool(_SIGNS.search(content) or _SUM.match(content))


def _block(state: StateBlock, start: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - as above
    begun = _BLOCK.match(_line(state, start))
    if begun is None or state.is_code_block(start):
        return False
    environment = begun.group(3)
    opening = "" if environment else begun.group().strip()
    closing = f"\\end{{{environment}}}" if environment else "$$" if begun.group(1) else "\\]"
    end = _last_line(state, start, last, opening, closing)
    if end is None:
        return False
    if not silent:
        text = state.getLines(start, end + 1, state.blkIndent, False).strip()  # noqa: FBT003 - as above
        text = text.rstrip(_CLOSING_SIGNS)
        token = state.push("formula_block", "", 0)
        token.content = text if environment else text[len(opening) : -len(closing)]
        token.map = [start, end + 1]
        state.line = end + 1
    return True


def _last_line(state: StateBlock, start: int, last: int, opening: str, closing: str) -> int | None:
    """Return the line that ends the formula; none where words follow or a blank line comes."""
    skipped = len(opening)
    for line in range(start, min(last, start + MOST_LINES)):
        text = _line(state, line).strip()
        place = text.find(closing, skipped)
        skipped = 0
        if place >= 0:
            return None if text[place + len(closing) :].strip(_CLOSING_SIGNS) else line
        if not text or state.sCount[line] < state.blkIndent:
            return None
    return None


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
