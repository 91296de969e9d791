"""Scalar: one text as YAML, in the plainest way that the reader reads back as it was.

What other readers of YAML would take for a number, a date or a truth is put in quotes.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from merlin.dataset.example import said
from merlin.dataset.finding import Finding
from merlin.dataset.reading import read

_TEXT = "tag:yaml.org,2002:str"
# Where YAML 1.1 ends a line too, and what it takes for the mark at a file's beginning.
_ESCAPED = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029", "\ufeff": "\\ufeff"}
_resolve: Any = yaml.resolver.Resolver().resolve


def below_key(words: str, bar: str, indent: int, *, is_exact: bool = False) -> str:
    """Return the words as the value of a key: plain, below a bar, or in quotes.

    `bar` is "|" or "|-", `indent` how deep lines below it stand. Line ends after the words are
    kept where `is_exact`, else left to the bar.
    """
    shown = _block(words, bar, indent) if "\n" in words else words
    is_fine = "\n" in words or _is_plain(words)
    back = _read_back(f"{' ' * (indent - 2)}key: {shown}", "key")
    is_same = back == words if is_exact else back is not None and said(back) == said(words)
    return shown if is_fine and is_same else as_json(words)


def in_brackets(words: str) -> str:
    """Return the words as one of a list in brackets: plain or in quotes."""
    is_fine = _is_plain(words) and _read_back(f"key: [{words}]", "key", 0) == words
    return words if is_fine else as_json(words)


def as_json(value: object) -> str:
    """Return `value` as JSON, which is YAML; text stays readable."""
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(_ESCAPED.get(letter, letter) for letter in shown)


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
