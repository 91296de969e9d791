"""Editing YAML: a file's text brought to say something else, the rest of it byte for byte.

    difference (the first one) -> the lines of that entry replaced -> read back -> the next

A comment stays where it is, unless it stands in a line of an entry that goes. For each edit there
are proposals, the plainest first; the first whose text reads back as what was meant is taken. Where
none does, the caller writes the file anew.

Only for text that `merlin.dataset.yaml_io` has read: it is neither too deep nor too large, and
holds no alias, anchor or tag.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import yaml

from merlin.dataset.finding import Finding
from merlin.dataset.spec import validate_file
from merlin.dataset.yaml_io import format_entry, format_flow, format_item, format_scalar, read_yaml

MAX_EDITS = 100


@dataclass(frozen=True, slots=True)
class YamlEdit:
    """One difference: `path` leads to the map or list, `at` to the entry within it."""

    kind: Literal["set", "add", "drop"]
    path: tuple[str | int, ...]
    at: str | int
    value: object = None


def read_value(name: str, text: str) -> Any:
    """Return what a text says as the schema `name` takes it, None where it cannot be read."""
    node = read_yaml(text.encode("utf-8", "surrogatepass"))
    return None if isinstance(node, Finding) else validate_file(name, node)[0]


def is_same(one: object, other: object) -> bool:
    """Return whether two values say the same; the order of a map's keys says nothing."""
    return _key(one) == _key(other)


def edit_yaml(
    name: str, text: str, wanted: Mapping[str, object], order: Sequence[str]
) -> str | None:
    """Return `text` so that it says `wanted`, None where that cannot be done entry by entry.

    `order`: where new keys of maps go, after those named before them.
    """
    value = read_value(name, text)
    moved = _item_lines(text, value)
    for _ in range(MAX_EDITS):
        edit = _difference(value, wanted)
        if edit is None:
            return text
        value = _apply(value, edit)
        raw = moved.get(_key(edit.value), "") if edit.kind == "add" else ""
        proposals = _proposals(_Target(text, _locate(text), edit, raw), order)
        proven = (proposal for proposal in proposals if is_same(read_value(name, proposal), value))
        found = next(proven, None)
        if found is None:
            return None
        text = found
    return None


def _difference(old: object, new: object, path: tuple[str | int, ...] = ()) -> YamlEdit | None:
    """Return one difference, None for none; lists shrink and grow from their ends."""
    if is_same(old, new):
        return None
    if isinstance(old, dict) and isinstance(new, Mapping):
        return _of_maps(old, new, path)
    if isinstance(old, list) and isinstance(new, list):
        return _of_lists(old, new, path)
    return YamlEdit("set", path[:-1], path[-1], new) if path else None


def _of_maps(
    old: Mapping[str, object], new: Mapping[str, object], path: tuple[str | int, ...]
) -> YamlEdit | None:
    for key in old:
        edit = _difference(old[key], new[key], (*path, key)) if key in new else None
        if edit:
            return edit
    added = next((key for key in new if key not in old), None)
    if added is not None:
        return YamlEdit("add", path, added, new[added])
    gone = next((key for key in old if key not in new), None)
    return None if gone is None else YamlEdit("drop", path, gone)


def _of_lists(
    old: Sequence[object], new: Sequence[object], path: tuple[str | int, ...]
) -> YamlEdit | None:
    keys = [_key(each) for each in old], [_key(each) for each in new]
    blocks = SequenceMatcher(None, *keys, autojunk=False).get_opcodes()
    tag, low, high, first, last = [block for block in blocks if block[0] != "equal"][-1]
    if tag != "insert" and high - low > last - first:
        return YamlEdit("drop", path, high - 1)
    if high - low < last - first:
        return YamlEdit("add", path, high, new[last - 1])
    return _difference(old[high - 1], new[last - 1], (*path, high - 1))


def _apply(value: object, edit: YamlEdit) -> Any:
    """Return what the value is after an edit."""
    whole = copy.deepcopy(value)
    here: Any = whole
    for each in edit.path:
        here = here[each]
    if edit.kind == "drop":
        del here[edit.at]
    elif edit.kind == "add" and isinstance(here, list):
        here.insert(int(edit.at), copy.deepcopy(edit.value))
    else:
        here[edit.at] = copy.deepcopy(edit.value)
    return whole


def _item_lines(text: str, value: Mapping[str, Any]) -> dict[str, str]:
    """Return the own lines of each item of a block list, by what it says: it may be moved."""
    root = _locate(text).value
    found: dict[str, str] = {}
    for name, place in root.items() if isinstance(root, dict) else ():
        if isinstance(place.value, list) and not place.is_flow:
            for each, (start, end) in zip(value[name], place.entries, strict=True):
                line = _line_of_dash(text, place, start) + place.column
                found[_key(each)] = text[line : _line_end(text, end)].rstrip("\r\n")
    return found


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Node:
    """One value; `start` and `end` count letters of the text, `column` from 0.

    What `end` leaves out is blank, or a comment. `key` is where the key stands that leads here.
    """

    value: str | list[_Node] | dict[str, _Node]
    start: int
    end: int
    column: int
    is_flow: bool = False
    key: tuple[int, int] = (0, 0)

    @property
    def entries(self) -> list[tuple[int, int]]:
        """Return where each entry of a map or list begins and ends, its key with it."""
        if isinstance(self.value, dict):
            return [(each.key[0], each.end) for each in self.value.values()]
        return [(each.start, each.end) for each in self.value if isinstance(each, _Node)]


def _locate(text: str) -> _Node:
    """Return the file's value with the places of all that it holds."""
    root: Any = yaml.compose(text, Loader=yaml.CSafeLoader)
    return _node(root, (0, 0))


def _node_at(root: _Node, path: tuple[str | int, ...]) -> _Node:
    """Return the value that a path of keys and numbers leads to."""
    here: Any = root
    for step in path:
        here = here.value[step]
    found: _Node = here
    return found


def _node(node: Any, key: tuple[int, int]) -> _Node:
    start, column = node.start_mark.index, node.start_mark.column
    is_flow = bool(getattr(node, "flow_style", False))
    if isinstance(node, yaml.ScalarNode):
        return _Node(str(node.value), start, node.end_mark.index, column, key=key)
    value: list[_Node] | dict[str, _Node]
    if isinstance(node, yaml.SequenceNode):
        value = [_node(each, (0, 0)) for each in node.value]
        inner = value
    else:
        value = {
            str(name.value): _node(each, (name.start_mark.index, name.end_mark.index))
            for name, each in node.value
        }
        inner = list(value.values())
    # The end that YAML tells of a map or list in block style is where the next thing begins.
    end = node.end_mark.index if is_flow or not inner else inner[-1].end
    return _Node(value, start, end, column, is_flow, key)


@dataclass(frozen=True, slots=True)
class _Target:
    """What an edit is made in; `raw`: the lines that said so elsewhere in the file, "" for none."""

    text: str
    root: _Node
    edit: YamlEdit
    raw: str = ""

    @property
    def inside(self) -> _Node:
        """Return the map or list that the entry is of."""
        return _node_at(self.root, self.edit.path)


def _proposals(target: _Target, order: Sequence[str]) -> Iterator[str]:
    """Yield texts in which the edit may be made, the plainest first."""
    if target.edit.kind == "set":
        yield from _set(target)
    elif target.edit.kind == "drop":
        yield from _drop(target)
    else:
        for is_quoted in (False, True):
            yield from _add(target, order, is_quoted=is_quoted)


def _line_of_dash(text: str, inside: _Node, start: int) -> int:
    """Return where the line begins whose dash opens the item of a block list that is at `start`."""
    dash = f"{' ' * inside.column}-"
    line = _line_start(text, start)
    while line > 0 and not text.startswith(dash, line):
        line = _line_start(text, line - 1)
    return line


def _line_end(text: str, index: int) -> int:
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


def _set(target: _Target) -> Iterator[str]:
    """Yield texts with another text or number in the place of the one that stands there."""
    inside = target.inside
    old = _node_at(inside, (target.edit.at,))
    if not isinstance(old.value, str) or isinstance(target.edit.value, list | dict):
        return
    is_ended = old.end > old.start and target.text[old.end - 1] == "\n"
    for is_quoted in (False, True):
        if inside.is_flow:
            new = format_flow(target.edit.value, is_quoted=is_quoted)
        else:
            new = format_scalar(target.edit.value, inside.column, is_quoted=is_quoted)
        yield _cut(target.text, old.start, old.end, f"{new}\n" if is_ended else new)


def _add(target: _Target, order: Sequence[str], *, is_quoted: bool) -> Iterator[str]:
    inside, name, value = target.inside, target.edit.at, target.edit.value
    if isinstance(inside.value, dict):
        before, key = _before(inside, str(name), order), str(name)
        written = format_entry(key, value, inside.column, is_quoted=is_quoted)
        within_brackets = f"{key}: {format_flow(value, is_quoted=is_quoted)}"
    else:
        before = int(name)
        within_brackets = format_flow(value, is_quoted=is_quoted)
        # Like its neighbours: in one line where the first one is in brackets.
        if isinstance(inside.value, list) and inside.value and inside.value[0].is_flow:
            written = f"- {within_brackets}"
        else:
            written = format_item(value, inside.column, is_quoted=is_quoted)
        if target.raw and not inside.is_flow:
            yield _in_block(target, before, target.raw)
        if inside.is_flow and not inside.value and isinstance(value, dict):
            yield from _first_item(target, is_quoted=is_quoted)
    if inside.is_flow:
        yield _in_brackets(target, before, within_brackets)
    else:
        yield _in_block(target, before, written)


def _before(inside: _Node, name: str, order: Sequence[str]) -> int:
    """Return how many keys of a map stay before a new one."""
    keys = list(inside.value) if isinstance(inside.value, dict) else []
    if name not in order:
        return len(keys)
    earlier = set(order[: order.index(name)])
    return max((place + 1 for place, key in enumerate(keys) if key in earlier), default=0)


def _in_brackets(target: _Target, before: int, written: str) -> str:
    inside, text = target.inside, target.text
    entries = inside.entries
    if before:
        end = entries[before - 1][1]
        return _cut(text, end, end, f", {written}")
    start = entries[0][0] if entries else inside.start + 1
    return _cut(text, start, start, f"{written}, " if entries else written)


def _in_block(target: _Target, before: int, written: str) -> str:
    """Return the text with a new entry in lines of its own."""
    inside, text = target.inside, target.text
    pad = " " * inside.column
    if before:
        end = _line_end(text, inside.entries[before - 1][1])
        is_ended = text[:end].endswith("\n")
        new = f"{pad}{written}\n" if is_ended else f"\n{pad}{written}"
        return _cut(text, end, end, new)
    start = inside.entries[0][0]
    if isinstance(inside.value, dict):
        return _cut(text, start, start, f"{written}\n{pad}")
    start = _line_of_dash(text, inside, start)
    return _cut(text, start, start, f"{pad}{written}\n")


def _first_item(target: _Target, *, is_quoted: bool) -> Iterator[str]:
    """Yield the text with the first item of an empty list below its key."""
    inside, parent = target.inside, _node_at(target.root, target.edit.path[:-1])
    if target.edit.path and not parent.is_flow:
        indent = parent.column + 2
        new = format_item(target.edit.value, indent, is_quoted=is_quoted)
        start = target.text.rfind(":", 0, inside.start) + 1
        yield _cut(target.text, start, inside.end, f"\n{' ' * indent}{new}")


def _drop(target: _Target) -> Iterator[str]:
    inside, text = target.inside, target.text
    entries = inside.entries
    place = target.edit.at
    if isinstance(inside.value, dict):
        place = list(inside.value).index(str(place))
    number = int(place)
    start, end = entries[number]
    if inside.is_flow:
        yield from _from_brackets(target, number)
    elif len(entries) == 1:
        yield from _last_item(target)
    elif isinstance(inside.value, list):
        yield _cut(text, _line_of_dash(text, inside, start), _line_end(text, end))
    elif text[_line_start(text, start) : start].strip():
        yield _cut(text, start, entries[number + 1][0] if number + 1 < len(entries) else end)
    else:
        yield _cut(text, _line_start(text, start), _line_end(text, end))


def _from_brackets(target: _Target, number: int) -> Iterator[str]:
    inside, entries = target.inside, target.inside.entries
    start, end = entries[number]
    if number + 1 < len(entries):
        yield _cut(target.text, start, entries[number + 1][0])
    elif number:
        yield _cut(target.text, entries[number - 1][1], end)
    else:
        yield _cut(target.text, start, end)
        yield _cut(target.text, inside.start + 1, inside.end - 1)


def _last_item(target: _Target) -> Iterator[str]:
    """Yield the text in which the last item of a list gave way to an empty list."""
    inside, text = target.inside, target.text
    if not target.edit.path or not isinstance(inside.value, list):
        return
    start = _line_of_dash(text, inside, inside.entries[0][0])
    colon = text.find(":", inside.key[1])
    emptied = _cut(text, start, _line_end(text, inside.end))
    yield f"{emptied[: colon + 1]} []{emptied[colon + 1 :]}"
