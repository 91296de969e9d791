"""The text of an example file with other words, tags, split mark or allowed rules."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from merlin.core.errors import Refused
from merlin.core.example_keys import KEYS
from merlin.dataset.example import Example
from merlin.dataset.example_file import parse_example, write_example
from merlin.dataset.finding import Finding
from merlin.dataset.layout import NameAllocator
from merlin.dataset.yaml_io import Node, read_yaml, split_lines


def reword_example(
    text: str | None,
    question: str | None = None,
    answer: str | None = None,
    tags: Sequence[str] | None = None,
    split: str | None = None,
) -> str:
    """Return the example's text with another first question, last answer, tags or split mark.

    None keeps a value. `split` is train or test, "" for no mark. Raises Refused if the example
    cannot be parsed: it can only be replaced completely.
    """
    example = _require_example(text)
    messages = list(example.messages)
    first = next(place for place, each in enumerate(messages) if each.role == "user")
    if question is not None:
        messages[first] = replace(messages[first], content=question)
    if answer is not None:
        messages[-1] = replace(messages[-1], content=answer)
    kept = example.tags if tags is None else tuple(tags)
    mark = example.split if split is None else split or None
    return rewrite_example(
        text, replace(example, messages=tuple(messages), tags=kept, split=mark)
    )


def rewrite_example(text: str | None, wanted: Example) -> str:
    """Return the example's text that says what is wanted; what it says already stays as it is.

    Raises Refused as `reword_example`.
    """
    example = _require_example(text)
    written = write_example(wanted)
    edited = text or ""
    pairs = zip(example.messages, wanted.messages, strict=False)
    changed: list[tuple[str | int, ...]] = [
        ("messages", place) for place, (old, new) in enumerate(pairs) if old != new
    ]
    changed += (
        (key.name,)
        for key in KEYS
        if key.name != "messages"
        and getattr(example, key.name) != getattr(wanted, key.name)
    )
    for path in changed:
        edited = set_lines(edited, path, cut_lines(written, path))
    # It is not as wanted with more or fewer messages, or a list in brackets.
    is_right = parse_example(edited) == wanted.at("", "", "")
    return edited if is_right else written


def _require_example(text: str | None) -> Example:
    example = parse_example(text)
    if example is None:
        raise Refused("the example is broken", "example-broken")
    return example


def cut_lines(text: str, path: Sequence[str | int]) -> list[str]:
    """Return the lines of a value of a YAML file, with its key; none if it is not there."""
    first, last = _find_lines(text, path)
    return split_lines(text)[first:last]


def set_lines(text: str, path: Sequence[str | int], written: Sequence[str]) -> str:
    """Return a YAML file's text with these lines of a value, in place of those that it had.

    The map or the list around it is there.
    """
    first, last = _find_lines(text, path)
    lines = split_lines(text.rstrip("\r\n"))
    if written and first < last:
        deeper = _count_spaces(lines[first]) - _count_spaces(written[0])
        written = [f"{' ' * deeper}{line[max(-deeper, 0) :]}" for line in written]
    return "\n".join([*lines[:first], *written, *lines[last:], ""])


def _find_lines(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Return the places of a value's first line and of that behind it; equal: it is not there.

    Comments before the next value belong to that.
    """
    node: Any = read_yaml(text.encode("utf-8", "surrogatepass"))
    lines = split_lines(text.rstrip("\r\n"))
    first = 0
    last = len(lines)
    for step in path:
        starts = _list_starts(node)
        if step not in starts:
            return last, last
        first = starts[step]
        last = min((at for at in starts.values() if at > first), default=last)
        depth = _count_spaces(lines[first])
        while last > first + 1 and _is_beside(lines[last - 1], depth):
            last -= 1
        node = node.value[step]
    return first, last


def _is_beside(line: str, depth: int) -> bool:
    """Return whether a line is empty, or a comment that is no deeper than a value's first line."""
    words = line.lstrip()
    return not words or (words[0] == "#" and _count_spaces(line) <= depth)


def _count_spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _list_starts(node: Node | Finding) -> dict[str | int, int]:
    """Return key or place of each value within a map or list -> the place of its first line."""
    value = node.value if isinstance(node, Node) else ""
    if isinstance(value, dict):
        return {key: each.key[0] - 1 for key, each in value.items()}
    items = enumerate(value) if isinstance(value, list) else ()
    return {place: each.line - 1 for place, each in items}


def allow_rules(text: str | None, rules: Iterable[str], reason: str) -> str:
    """Return the example's text that allows what breaks these rules, for a reason.

    Raises Refused as `reword_example`.
    """
    example = _require_example(text)
    allow = dict(example.allow) | dict.fromkeys(sorted(rules), reason)
    allowing = replace(example, allow=tuple(allow.items()))
    return rewrite_example(text, allowing)


def free_example_id(text: str | None, taken: Iterable[str]) -> str:
    """Return an unused id derived from an example's question; from `new` for a broken one."""
    example = parse_example(text)
    return NameAllocator(taken).allocate(example.question if example else "new")
