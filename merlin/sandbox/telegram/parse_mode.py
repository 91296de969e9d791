"""Marked text by its parse_mode: HTML and MarkdownV2; the legacy Markdown is refused."""

from __future__ import annotations

from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.marked_text import Entity
from merlin.sandbox.telegram.parse_html import parse_html
from merlin.sandbox.telegram.parse_markdown import parse_markdown

_PARSERS = {"html": parse_html, "markdownv2": parse_markdown}


def parse_marked(text: str, mode: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities (offsets in UTF-16 units).

    Raises BotApiError with Telegram's words when the marks do not fit or the mode is unknown.
    """
    parser = _PARSERS.get(mode.lower())
    if parser is None:
        raise bad_request("unsupported parse_mode")
    return parser(text)
