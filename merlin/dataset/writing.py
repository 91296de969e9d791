"""Writing an example: the one short form in which Merlin writes a conversation as YAML.

    messages:
      - user: One line stays as it is.
      - assistant: |
          Several lines stand below a bar.
    tags: [one, two]

Every text is written in the plainest way that the reader (`merlin.dataset.reading`) reads back as
it was; what other readers of YAML would take for a number, a date or a truth is put in quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from merlin.core.message import Message
from merlin.dataset.example import Example, said
from merlin.dataset.finding import Finding
from merlin.dataset.reading import read

_SHORT_ROLES = ("system", "user", "assistant")
_TEXT = "tag:yaml.org,2002:str"
# Where YAML 1.1 ends a line too, and what it takes for the mark at a file's beginning.
_ESCAPED = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029", "\ufeff": "\\ufeff"}
_resolve: Any = yaml.resolver.Resolver().resolve


def write_example(example: Example) -> str:
    """Return the example as a file's text; reading it gives the same example.

    Line ends after a message are left out, as reading does. A text with a sign that no example
    may hold is written all the same: the check tells of it.
    """
    return "".join(f"{line}\n" for line in _lines(example))


def _lines(example: Example) -> Iterator[str]:
    yield "messages:"
    for message in example.messages:
        yield from _message(message)
    if example.tags:
        yield f"tags: [{', '.join(_tag(tag) for tag in example.tags)}]"
    if example.split:
        yield f"split: {example.split}"
    if example.source:
        yield f"source: {_text(example.source, '|-', 2)}"
    if example.note:
        yield f"note: {_text(example.note, '|-', 2)}"
    if example.tools:
        yield f"tools: {_json(list(example.tools))}"


def _message(message: Message) -> Iterator[str]:
    content = said(message.content)
    if message.role in _SHORT_ROLES and not message.extra:
        yield f"  - {message.role}: {_text(content, '|', 6)}"
        return
    yield f"  - role: {message.role}"
    if content or "tool_calls" not in message.extra:
        yield f"    content: {_text(content, '|', 6)}"
    for key, value in message.extra.items():
        yield f"    {key}: {_json(value)}"


def _text(words: str, bar: str, indent: int) -> str:
    """Return the words as the value of a key: plain, below a bar, or in quotes."""
    shown = _block(words, bar, indent) if "\n" in words else words
    is_fine = "\n" in words or _is_plain(words)
    back = _read_back(f"{' ' * (indent - 2)}key: {shown}", "key")
    return shown if is_fine and back is not None and said(back) == said(words) else _json(words)


def _tag(tag: str) -> str:
    return tag if _is_plain(tag) and _read_back(f"key: [{tag}]", "key", 0) == tag else _json(tag)


def _is_plain(words: str) -> bool:
    """Return whether one line shows as itself and every reader takes it for words."""
    if not words.isprintable():
        return False
    return bool(_resolve(yaml.ScalarNode, words, (True, False)) == _TEXT)


def _block(words: str, bar: str, indent: int) -> str:
    """Return several lines below a bar, each `indent` deep; empty ones stay empty."""
    # A first line that begins with a blank would be taken for deeper indentation.
    depth = "2" if words.lstrip("\n").startswith(" ") else ""
    lines = (f"{' ' * indent}{line}" if line else "" for line in words.split("\n"))
    return "\n".join((bar[0] + depth + bar[1:], *lines))


def _read_back(written: str, *path: str | int) -> str | None:
    """Return what the reader finds at `path` of `written`, None where there are no words."""
    node = read(f"{written}\n".encode("utf-8", "replace"))
    if isinstance(node, Finding):
        return None
    for step in path:
        inside: Any = node.value
        if isinstance(inside, str) or len(inside) != 1:
            return None
        node = inside[step]
    return node.value if isinstance(node.value, str) else None


def _json(value: object) -> str:
    """Return `value` as JSON, which is YAML; text stays readable."""
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(_ESCAPED.get(letter, letter) for letter in shown)
