"""Text in parse_mode HTML into plain text and entities.

Source: core.telegram.org/bots/api, "HTML style"; the error words are those of tdlib.
"""

from __future__ import annotations

import html
import re

from merlin.sandbox.telegram.marked_text import Entity, Plain, cannot_parse

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_TOKEN = re.compile(
    r"<(/?)([A-Za-z-]+)([^<>]*)>|&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);|[<&]|[^<&]+"
)
_HREF = re.compile(r"""href\s*=\s*["']([^"']*)["']""")
_LANGUAGE = re.compile(r"""class\s*=\s*["']language-([^"']+)["']""")


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities. Raises BotApiError for tags that do not fit."""
    plain = Plain()
    for token in _TOKEN.finditer(text):
        closing, tag, attributes = token.groups()
        where = len(text[: token.start()].encode())
        if tag is None:
            if token.group() == "<":
                raise cannot_parse(f'Unsupported start tag "" at byte offset {where}')
            plain.add(html.unescape(token.group()))
        elif closing:
            _close_tag(plain, tag.lower(), where)
        else:
            _open_tag(plain, tag.lower(), attributes, where)
    if plain.open:
        raise cannot_parse(f'Can\'t find end tag corresponding to start tag "{plain.open[-1][0]}"')
    return plain.done()


def _open_tag(plain: Plain, tag: str, attributes: str, where: int) -> None:
    kind = _TAGS.get(tag)
    if tag == "span" and "tg-spoiler" in attributes:
        kind = "spoiler"
    if kind is None:
        raise cannot_parse(f'Unsupported start tag "{tag}" at byte offset {where}')
    link = _HREF.search(attributes)
    language = _LANGUAGE.search(attributes)
    if kind == "text_link":
        plain.start(tag, type=kind, url=link.group(1) if link else "")
    elif kind == "code" and language and plain.open and plain.open[-1][0] == "pre":
        plain.open[-1][2]["language"] = language.group(1)
        plain.start(tag)
    else:
        plain.start(tag, type=kind)


def _close_tag(plain: Plain, tag: str, where: int) -> None:
    if not plain.open:
        raise cannot_parse(f"Unexpected end tag at byte offset {where}")
    expected = plain.open[-1][0]
    if expected != tag:
        raise cannot_parse(
            f'Unmatched end tag at byte offset {where}, expected "</{expected}>", found "</{tag}>"'
        )
    plain.end()
    # The code inside pre only names the language; pre is the one entity.
    if plain.entities and "type" not in plain.entities[-1]:
        plain.entities.pop()
