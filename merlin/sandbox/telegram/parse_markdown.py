"""Text in parse_mode MarkdownV2 into plain text and entities.

Source: core.telegram.org/bots/api, "MarkdownV2 style"; the error words are those of tdlib.
Quotations are left as text: no bot of ours marks them so.
"""

from __future__ import annotations

import re
from typing import Any

from merlin.sandbox.telegram.marked_text import Entity, Plain, cannot_parse

_MARKS = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler"}
_MARK_TOKEN = re.compile(
    r"```(?:([A-Za-z0-9_+-]*)\n)?([\s\S]*?)```|`([^`\n]*)`|\\([\x21-\x7e])"
    r"|__|\|\||[*_~]|\[|\]\(((?:[^)\\]|\\.)*)\)|[^\\`*_~\[\]|]+|[\s\S]"
)
_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")


def parse_markdown(text: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities. Raises BotApiError for marks that do not fit."""
    plain = Plain()
    for token in _MARK_TOKEN.finditer(text):
        language, block, code, escaped, url = token.groups()
        word = token.group()
        if block is not None:
            extra = {"language": language} if language else {}
            _whole(plain, block, type="pre", **extra)
        elif code is not None:
            _whole(plain, code, type="code")
        elif escaped is not None:
            plain.add(escaped)
        elif word in _MARKS or word == "[":
            _toggle(plain, word)
        elif url is not None:
            _end_link(plain, url, token.start())
        else:
            _add_unmarked(plain, word, text, token.start())
    if plain.open:
        raise cannot_parse("Can't find end of the entity")
    return plain.done()


def _whole(plain: Plain, text: str, **entity: Any) -> None:
    plain.start("`", **entity)
    plain.add(re.sub(r"\\([\x21-\x7e])", r"\1", text))
    plain.end()


def _toggle(plain: Plain, mark: str) -> None:
    if plain.open and plain.open[-1][0] == mark:
        plain.end()
    elif mark == "[":
        plain.start("[", type="text_link")
    else:
        plain.start(mark, type=_MARKS[mark])


def _end_link(plain: Plain, url: str, where: int) -> None:
    if not plain.open or plain.open[-1][0] != "[":
        raise cannot_parse(f"Unexpected end of link at byte offset {where}")
    plain.open[-1][2]["url"] = re.sub(r"\\(.)", r"\1", url)
    plain.end()


def _add_unmarked(plain: Plain, word: str, text: str, start: int) -> None:
    for place, character in enumerate(word):
        if character not in _RESERVED:
            continue
        if character == ">" and (start + place == 0 or text[start + place - 1] == "\n"):
            continue
        raise cannot_parse(
            f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
        )
    plain.add(word)
