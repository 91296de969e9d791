"""Values as the plainest YAML that the reader reads back as they were.

Maps and lists stand below their keys, small ones in brackets. What other readers of YAML would take
for a number, a date or a truth is put in quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from merlin.dataset.finding import Finding
from merlin.dataset.yaml_reader import read_yaml

_TEXT = "tag:yaml.org,2002:str"
# Where YAML 1.1 ends a line too, and what it takes for the mark at a file's beginning.
_ESCAPED = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029", "\ufeff": "\\ufeff"}
_resolve: Any = yaml.resolver.Resolver().resolve
# As long as a line of ours may be.
_WIDTH = 100


def format_flow(value: object, *, is_quoted: bool = False) -> str:
    """Return a value as it stands within brackets; `is_quoted`: every text in quotes."""
    if isinstance(value, Mapping):
        pairs = (f"{key}: {format_flow(each, is_quoted=is_quoted)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(format_flow(each, is_quoted=is_quoted) for each in value)}]"
    return (
        format_flow_text(value) if isinstance(value, str) and not is_quoted else format_json(value)
    )


def format_entry(key: str, value: object, indent: int, *, is_quoted: bool = False) -> str:
    """Return an entry of a map whose keys stand `indent` deep, without that indent before it.

    Several lines where the value wants them; no line end at the end.
    """
    lines = _below(value, indent, is_quoted=is_quoted)
    return f"{key}:{lines}"


def format_item(value: object, indent: int, *, is_quoted: bool = False) -> str:
    """Return an item of a list whose dashes stand `indent` deep, without that indent before it."""
    if isinstance(value, Mapping) and value:
        return f"- {_map(value, indent + 2, is_quoted=is_quoted)}"
    return f"- {format_flow(value, is_quoted=is_quoted)}"


def format_document(value: Mapping[str, object]) -> str:
    """Return a whole file that says `value`, its keys in the order given."""
    return "".join(f"{format_entry(key, each, 0)}\n" for key, each in value.items())


def format_scalar(value: object, indent: int, *, is_quoted: bool = False) -> str:
    """Return what is no map and no list, as the value of a key `indent` deep."""
    if not isinstance(value, str) or is_quoted:
        return format_json(value)
    bar = "|" if value.endswith("\n") and not value.endswith("\n\n") else "|-"
    words = value[:-1] if bar == "|" else value
    shown = format_key_text(words, bar, indent + 2, is_exact=bar == "|-")
    return shown if bar == "|-" or shown.startswith("|") else format_json(value)


def _below(value: object, indent: int, *, is_quoted: bool) -> str:
    """Return what follows a key and its colon."""
    if isinstance(value, Mapping) and value and not _is_small(value, indent):
        return f"\n{' ' * (indent + 2)}{_map(value, indent + 2, is_quoted=is_quoted)}"
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return "".join(_items(value, indent + 2, is_quoted=is_quoted))
    if isinstance(value, Mapping | list):
        return f" {format_flow(value, is_quoted=is_quoted)}"
    return f" {format_scalar(value, indent, is_quoted=is_quoted)}"


def _items(value: list[Any], indent: int, *, is_quoted: bool) -> Iterator[str]:
    for each in value:
        yield f"\n{' ' * indent}{format_item(each, indent, is_quoted=is_quoted)}"


def _map(value: Mapping[str, object], indent: int, *, is_quoted: bool) -> str:
    pairs = (format_entry(key, each, indent, is_quoted=is_quoted) for key, each in value.items())
    return f"\n{' ' * indent}".join(pairs)


def _is_small(value: Mapping[str, object], indent: int) -> bool:
    """Return whether a map fits into one line in brackets."""
    is_flat = all(isinstance(each, str) and "\n" not in each for each in value.values())
    return is_flat and indent + len(format_flow(value)) < _WIDTH


def format_key_text(words: str, bar: str, indent: int, *, is_exact: bool = False) -> str:
    """Return the words as the value of a key: plain, below a bar, or in quotes.

    `bar` is "|" or "|-", `indent` how deep lines below it stand. Line ends after the words are
    kept where `is_exact`, else left to the bar.
    """
    shown = _block(words, bar, indent) if "\n" in words else words
    is_fine = "\n" in words or _is_plain(words)
    back = _read_back(f"{' ' * (indent - 2)}key: {shown}", "key")
    is_same = (
        back == words
        if is_exact
        else back is not None and strip_line_ends(back) == strip_line_ends(words)
    )
    return shown if is_fine and is_same else format_json(words)


def format_flow_text(words: str) -> str:
    """Return the words as one of a list in brackets: plain or in quotes."""
    is_fine = _is_plain(words) and _read_back(f"key: [{words}]", "key", 0) == words
    return words if is_fine else format_json(words)


def format_json(value: object) -> str:
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
    node = read_yaml(f"{written}\n".encode("utf-8", "replace"))
    if isinstance(node, Finding):
        return None
    for step in path:
        inside: Any = node.value
        if isinstance(inside, str) or len(inside) != 1:
            return None
        node = inside[step]
    return node.value if isinstance(node.value, str) else None


def strip_line_ends(content: str) -> str:
    """Return the words without the line ends after them: those are YAML's `|`, not speech."""
    return content.rstrip("\n")
