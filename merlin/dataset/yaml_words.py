"""Values as the plainest YAML: maps and lists below their keys, small ones in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from merlin.dataset.scalar import as_json, below_key, in_brackets

# As long as a line of ours may be.
_WIDTH = 100


def within(value: object, *, is_quoted: bool = False) -> str:
    """Return a value as it stands within brackets; `is_quoted`: every text in quotes."""
    if isinstance(value, Mapping):
        pairs = (f"{key}: {within(each, is_quoted=is_quoted)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(within(each, is_quoted=is_quoted) for each in value)}]"
    return in_brackets(value) if isinstance(value, str) and not is_quoted else as_json(value)


def entry(key: str, value: object, indent: int, *, is_quoted: bool = False) -> str:
    """Return an entry of a map whose keys stand `indent` deep, without that indent before it.

    Several lines where the value wants them; no line end at the end.
    """
    lines = _below(value, indent, is_quoted=is_quoted)
    return f"{key}:{lines}"


def item(value: object, indent: int, *, is_quoted: bool = False) -> str:
    """Return an item of a list whose dashes stand `indent` deep, without that indent before it."""
    if isinstance(value, Mapping) and value:
        return f"- {_map(value, indent + 2, is_quoted=is_quoted)}"
    return f"- {within(value, is_quoted=is_quoted)}"


def document(value: Mapping[str, object]) -> str:
    """Return a whole file that says `value`, its keys in the order given."""
    return "".join(f"{entry(key, each, 0)}\n" for key, each in value.items())


def scalar(value: object, indent: int, *, is_quoted: bool = False) -> str:
    """Return what is no map and no list, as the value of a key `indent` deep."""
    if not isinstance(value, str) or is_quoted:
        return as_json(value)
    bar = "|" if value.endswith("\n") and not value.endswith("\n\n") else "|-"
    words = value[:-1] if bar == "|" else value
    shown = below_key(words, bar, indent + 2, is_exact=bar == "|-")
    return shown if bar == "|-" or shown.startswith("|") else as_json(value)


def _below(value: object, indent: int, *, is_quoted: bool) -> str:
    """Return what follows a key and its colon."""
    if isinstance(value, Mapping) and value and not _is_small(value, indent):
        return f"\n{' ' * (indent + 2)}{_map(value, indent + 2, is_quoted=is_quoted)}"
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return "".join(_items(value, indent + 2, is_quoted=is_quoted))
    if isinstance(value, Mapping | list):
        return f" {within(value, is_quoted=is_quoted)}"
    return f" {scalar(value, indent, is_quoted=is_quoted)}"


def _items(value: list[Any], indent: int, *, is_quoted: bool) -> Iterator[str]:
    for each in value:
        yield f"\n{' ' * indent}{item(each, indent, is_quoted=is_quoted)}"


def _map(value: Mapping[str, object], indent: int, *, is_quoted: bool) -> str:
    pairs = (entry(key, each, indent, is_quoted=is_quoted) for key, each in value.items())
    return f"\n{' ' * indent}".join(pairs)


def _is_small(value: Mapping[str, object], indent: int) -> bool:
    """Return whether a map fits into one line in brackets."""
    is_flat = all(isinstance(each, str) and "\n" not in each for each in value.values())
    return is_flat and indent + len(within(value)) < _WIDTH
