"""Splices: the ways to change one entry of a YAML text, the plainest first.

They are proposals: who takes one reads the text back, and tries the next where it says
something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merlin.dataset.yaml_places import Place, at
from merlin.dataset.yaml_words import entry, item, scalar, within


@dataclass(frozen=True, slots=True)
class Splice:
    """What is to be changed: the entry `name` of the map or list that `path` leads to.

    `value` is what it shall say, `raw` the lines that said so elsewhere in the file, "" for none.
    """

    text: str
    root: Place
    path: tuple[str | int, ...]
    name: str | int
    value: object = None
    raw: str = ""

    @property
    def inside(self) -> Place:
        """Return the map or list that the entry is of."""
        return at(self.root, self.path)


def splices(deed: str, splice: Splice, order: Sequence[str]) -> Iterator[str]:
    """Yield texts in which the deed (set, add, drop) may be done."""
    if deed == "set":
        yield from _set(splice)
    elif deed == "drop":
        yield from _drop(splice)
    else:
        for is_quoted in (False, True):
            yield from _add(splice, order, is_quoted=is_quoted)


def line_of_dash(text: str, inside: Place, start: int) -> int:
    """Return where the line begins whose dash opens the item of a block list that is at `start`."""
    dash = f"{' ' * inside.column}-"
    line = _line_start(text, start)
    while line > 0 and not text.startswith(dash, line):
        line = _line_start(text, line - 1)
    return line


def line_end(text: str, index: int) -> int:
    """Return where the line after the one of `index` begins, or where the text ends."""
    if index and text[index - 1] == "\n":  # what stands below a bar takes its line's end along
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _cut(text: str, start: int, end: int, new: str = "") -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:start]}{new.replace(chr(10), newline)}{text[end:]}"


def _set(splice: Splice) -> Iterator[str]:
    """Yield texts with another text or number in the place of the one that stands there."""
    inside = splice.inside
    old = at(inside, (splice.name,))
    if not isinstance(old.value, str) or isinstance(splice.value, list | dict):
        return
    is_ended = old.end > old.start and splice.text[old.end - 1] == "\n"
    for is_quoted in (False, True):
        if inside.is_flow:
            new = within(splice.value, is_quoted=is_quoted)
        else:
            new = scalar(splice.value, inside.column, is_quoted=is_quoted)
        yield _cut(splice.text, old.start, old.end, f"{new}\n" if is_ended else new)


def _add(splice: Splice, order: Sequence[str], *, is_quoted: bool) -> Iterator[str]:
    inside, name, value = splice.inside, splice.name, splice.value
    if isinstance(inside.value, dict):
        before, key = _before(inside, str(name), order), str(name)
        written = entry(key, value, inside.column, is_quoted=is_quoted)
        within_brackets = f"{key}: {within(value, is_quoted=is_quoted)}"
    else:
        before = int(name)
        written = _like_neighbours(inside.value, value, inside.column, is_quoted=is_quoted)
        within_brackets = within(value, is_quoted=is_quoted)
        if splice.raw and not inside.is_flow:
            yield _in_block(splice, before, splice.raw)
        if inside.is_flow and not inside.value and isinstance(value, dict):
            yield from _first_item(splice, is_quoted=is_quoted)
    if inside.is_flow:
        yield _in_brackets(splice, before, within_brackets)
    else:
        yield _in_block(splice, before, written)


def _like_neighbours(
    items: str | list[Place], value: object, indent: int, *, is_quoted: bool
) -> str:
    """Return a new item of a block list: in one line where the first one is in brackets."""
    if isinstance(items, list) and items and items[0].is_flow:
        return f"- {within(value, is_quoted=is_quoted)}"
    return item(value, indent, is_quoted=is_quoted)


def _before(inside: Place, name: str, order: Sequence[str]) -> int:
    """Return how many keys of a map stay before a new one."""
    keys = list(inside.value) if isinstance(inside.value, dict) else []
    if name not in order:
        return len(keys)
    earlier = set(order[: order.index(name)])
    return max((place + 1 for place, key in enumerate(keys) if key in earlier), default=0)


def _in_brackets(splice: Splice, before: int, written: str) -> str:
    inside, text = splice.inside, splice.text
    entries = inside.entries
    if before:
        end = entries[before - 1][1]
        return _cut(text, end, end, f", {written}")
    start = entries[0][0] if entries else inside.start + 1
    return _cut(text, start, start, f"{written}, " if entries else written)


def _in_block(splice: Splice, before: int, written: str) -> str:
    """Return the text with a new entry in lines of its own."""
    inside, text = splice.inside, splice.text
    pad = " " * inside.column
    if before:
        end = line_end(text, inside.entries[before - 1][1])
        is_ended = text[:end].endswith("\n")
        new = f"{pad}{written}\n" if is_ended else f"\n{pad}{written}"
        return _cut(text, end, end, new)
    start = inside.entries[0][0]
    if isinstance(inside.value, dict):
        return _cut(text, start, start, f"{written}\n{pad}")
    start = line_of_dash(text, inside, start)
    return _cut(text, start, start, f"{pad}{written}\n")


def _first_item(splice: Splice, *, is_quoted: bool) -> Iterator[str]:
    """Yield the text with the first item of an empty list below its key."""
    inside, parent = splice.inside, at(splice.root, splice.path[:-1])
    if splice.path and not parent.is_flow:
        indent = parent.column + 2
        new = item(splice.value, indent, is_quoted=is_quoted)
        start = splice.text.rfind(":", 0, inside.start) + 1
        yield _cut(splice.text, start, inside.end, f"\n{' ' * indent}{new}")


def _drop(splice: Splice) -> Iterator[str]:
    inside, text = splice.inside, splice.text
    entries = inside.entries
    place = splice.name
    if isinstance(inside.value, dict):
        place = list(inside.value).index(str(place))
    number = int(place)
    start, end = entries[number]
    if inside.is_flow:
        yield from _from_brackets(splice, number)
    elif len(entries) == 1:
        yield from _last_item(splice)
    elif isinstance(inside.value, list):
        yield _cut(text, line_of_dash(text, inside, start), line_end(text, end))
    elif text[_line_start(text, start) : start].strip():
        yield _cut(text, start, entries[number + 1][0] if number + 1 < len(entries) else end)
    else:
        yield _cut(text, _line_start(text, start), line_end(text, end))


def _from_brackets(splice: Splice, number: int) -> Iterator[str]:
    inside, entries = splice.inside, splice.inside.entries
    start, end = entries[number]
    if number + 1 < len(entries):
        yield _cut(splice.text, start, entries[number + 1][0])
    elif number:
        yield _cut(splice.text, entries[number - 1][1], end)
    else:
        yield _cut(splice.text, start, end)
        yield _cut(splice.text, inside.start + 1, inside.end - 1)


def _last_item(splice: Splice) -> Iterator[str]:
    """Yield the text in which the last item of a list gave way to an empty list."""
    inside, text = splice.inside, splice.text
    if not splice.path or not isinstance(inside.value, list):
        return
    start = line_of_dash(text, inside, inside.entries[0][0])
    colon = text.find(":", inside.key[1])
    emptied = _cut(text, start, line_end(text, inside.end))
    yield f"{emptied[: colon + 1]} []{emptied[colon + 1 :]}"
