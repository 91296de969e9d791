"""Rich: a model's Markdown as the text and marks that Telegram shows.

CommonMark with GitHub's tables and strikethrough and with formulas; markdown-it-py reads it. HTML
is shown as it stands, and so are links by reference and underlined headings: a text that is still
growing would change its look with every line. Nothing is lost, and nothing raises: what cannot be
read as Markdown is shown as it is.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from merlin.chat.markup.blocks import Blocks
from merlin.chat.markup.formulas import with_formulas
from merlin.chat.markup.products import with_products
from merlin.chat.markup.sheet import Sheet
from merlin.core.log import get_logger
from merlin.core.page import Page

log = get_logger(__name__)

# Beyond these a text is shown as it is: markdown-it takes a second for it, and the bot waits.
MOST_CHARACTERS = 64_000
MOST_OF = {"[": 2000, "|": 5000}
# What is nested deeper would be left out by markdown-it.
DEEPEST = 40
_UNSHOWN = re.compile(r"[\0\ud800-\udfff]")
# Without any of these a text says the same with and without a parser.
_SIGN = re.compile(r"[*_`~\[<|$\\&]|\n\n\n")
_LINE_SIGN = re.compile(r"[-+=>#]|\d{1,9}[.)]")


def _parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": DEEPEST}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    return with_products(with_formulas(parser.disable(["reference", "lheading"])))


_PARSER = _parser()


def plain(text: str) -> Page:
    """Return `text` as a page without marks; what no client shows becomes U+FFFD."""
    return Page(_UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


def rich(markdown: str) -> Page:
    """Return an answer's Markdown, whole or growing, as a page; never raises."""
    text = plain(markdown).text.rstrip().lstrip("\n")
    if not _is_marked(text) or _is_too_heavy(text):
        return Page(text)
    try:
        page = _read(text)
    except Exception as problem:  # noqa: BLE001 - an answer is shown whatever its marks are
        # The trace would hold people's words.
        kind = type(problem).__name__
        log.warning("markdown cannot be read", characters=len(text), problem=kind)
        return Page(text)
    return page if page.text else Page(text)


def _is_marked(text: str) -> bool:
    return bool(_SIGN.search(text)) or any(
        line != line.strip() or _LINE_SIGN.match(line) for line in text.split("\n")
    )


def _is_too_heavy(text: str) -> bool:
    return len(text) > MOST_CHARACTERS or any(
        text.count(sign) > most for sign, most in MOST_OF.items()
    )


def _read(text: str) -> Page:
    tokens = _PARSER.parse(text)
    if any(token.level >= DEEPEST - 1 for token in tokens):
        return Page(text)
    sheet = Sheet()
    Blocks(sheet, tokens).write()
    return sheet.page()
