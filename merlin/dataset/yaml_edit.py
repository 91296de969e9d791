"""Edit a YAML file: change its value and keep the rest of the text byte for byte.

    find the first difference -> replace the lines of that entry -> read back -> repeat

Comments are kept, except in the lines of a removed entry. For each edit several texts are
proposed, the simplest first; the first one that has the wanted value when read back is used. If
none has, the caller writes the file anew.

Only for text that `merlin.dataset.yaml_io` has read: it is neither too deep nor too large, and
contains no alias, anchor or tag.
"""

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
    """One difference: `path` is that of the map or list, `at` the key or index of the entry."""

    kind: Literal["set", "add", "drop"]
    path: tuple[str | int, ...]
    at: str | int
    value: object = None


def read_value(name: str, text: str) -> Any:
    """Return the value of a text, read with the schema `name`; None if it is unreadable."""
    node = read_yaml(text.encode("utf-8", "surrogatepass"))
    return None if isinstance(node, Finding) else validate_file(name, node)[0]


def is_same(one: object, other: object) -> bool:
    """Return whether two values are equal, ignoring the order of a map's keys."""
    return _key(one) == _key(other)


def edit_yaml(
    name: str, text: str, wanted: Mapping[str, object], order: Sequence[str]
) -> str | None:
    """Return `text` changed to the value `wanted`, None if it cannot be edited entry by entry.

    `order` lists the keys of maps: a new key is inserted after those before it in the list.
    """
    value = read_value(name, text)
    item_texts = _list_item_texts(text, value)
    for _ in range(MAX_EDITS):
        edit = _find_difference(value, wanted)
        if edit is None:
            return text
        value = _apply(value, edit)
        item_text = item_texts.get(_key(edit.value), "") if edit.kind == "add" else ""
        proposals = _propose_texts(_Target(text, _locate(text), edit, item_text), order)
        correct = (proposal for proposal in proposals if is_same(read_value(name, proposal), value))
        edited = next(correct, None)
        if edited is None:
            return None
        text = edited
    return None


def _find_difference(old: object, new: object, path: tuple[str | int, ...] = ()) -> YamlEdit | None:
    """Return one difference, or None; in lists the last one, so that indices stay valid."""
    if is_same(old, new):
        return None
    if isinstance(old, dict) and isinstance(new, Mapping):
        return _find_map_difference(old, new, path)
    if isinstance(old, list) and isinstance(new, list):
        return _find_list_difference(old, new, path)
    return YamlEdit("set", path[:-1], path[-1], new) if path else None


def _find_map_difference(
    old: Mapping[str, object], new: Mapping[str, object], path: tuple[str | int, ...]
) -> YamlEdit | None:
    for key in old:
        edit = _find_difference(old[key], new[key], (*path, key)) if key in new else None
        if edit:
            return edit
    added = next((key for key in new if key not in old), None)
    if added is not None:
        return YamlEdit("add", path, added, new[added])
    removed = next((key for key in old if key not in new), None)
    return None if removed is None else YamlEdit("drop", path, removed)


def _find_list_difference(
    old: Sequence[object], new: Sequence[object], path: tuple[str | int, ...]
) -> YamlEdit | None:
    keys = [_key(item) for item in old], [_key(item) for item in new]
    opcodes = SequenceMatcher(None, *keys, autojunk=False).get_opcodes()
    tag, old_start, old_end, new_start, new_end = [
        opcode for opcode in opcodes if opcode[0] != "equal"
    ][-1]
    if tag != "insert" and old_end - old_start > new_end - new_start:
        return YamlEdit("drop", path, old_end - 1)
    if old_end - old_start < new_end - new_start:
        return YamlEdit("add", path, old_end, new[new_end - 1])
    return _find_difference(old[old_end - 1], new[new_end - 1], (*path, old_end - 1))


def _apply(value: object, edit: YamlEdit) -> Any:
    """Return a copy of the value with an edit applied."""
    edited = copy.deepcopy(value)
    container: Any = edited
    for step in edit.path:
        container = container[step]
    if edit.kind == "drop":
        del container[edit.at]
    elif edit.kind == "add" and isinstance(container, list):
        container.insert(int(edit.at), copy.deepcopy(edit.value))
    else:
        container[edit.at] = copy.deepcopy(edit.value)
    return edited


def _list_item_texts(text: str, value: Mapping[str, Any]) -> dict[str, str]:
    """Return value -> lines of each item of a block list, which are reused for a moved item."""
    root = _locate(text)
    texts: dict[str, str] = {}
    for name, node in root.value if _is_map(root) else ():
        if isinstance(node, yaml.SequenceNode) and not node.flow_style:
            for item, (start, end) in zip(value[name.value], _entries(node), strict=True):
                line = _line_of_dash(text, node, start) + _column(node)
                texts[_key(item)] = text[line : _line_end(text, end)].rstrip("\r\n")
    return texts


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


# A node as PyYAML composes it: its ranges are indices of the text, its column counts from 0.
_Node = Any


def _locate(text: str) -> _Node:
    """Return the file's value as nodes with their ranges."""
    return yaml.compose(text, Loader=yaml.CSafeLoader)


def _node_at(root: _Node, path: tuple[str | int, ...]) -> _Node:
    """Return the node at a path of keys and indices."""
    node = root
    for step in path:
        node = node.value[step] if isinstance(step, int) else node.value[_keys(node).index(step)][1]
    return node


def _is_map(node: _Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def _keys(node: _Node) -> list[str]:
    return [str(name.value) for name, _ in node.value]


def _column(node: _Node) -> int:
    return int(node.start_mark.column)


def _entries(node: _Node) -> list[tuple[int, int]]:
    """Return the range of each entry of a map or list, including its key."""
    if _is_map(node):
        return [(name.start_mark.index, _end(item)) for name, item in node.value]
    return [(item.start_mark.index, _end(item)) for item in node.value]


def _end(node: _Node) -> int:
    """Return the end of a value, without the white space and comments after it."""
    is_scalar = isinstance(node, yaml.ScalarNode)
    # PyYAML's end of a block map or list is the start of the next token.
    is_block = not is_scalar and not node.flow_style and node.value
    return _entries(node)[-1][1] if is_block else int(node.end_mark.index)


@dataclass(frozen=True, slots=True)
class _Target:
    """The text to edit; `item_text` is the added item's text elsewhere in the file, "" for none."""

    text: str
    root: _Node
    edit: YamlEdit
    item_text: str = ""

    @property
    def container(self) -> _Node:
        """Return the map or list of the edited entry."""
        return _node_at(self.root, self.edit.path)


def _propose_texts(target: _Target, order: Sequence[str]) -> Iterator[str]:
    """Yield possible texts after the edit, the simplest first."""
    if target.edit.kind == "set":
        yield from _set(target)
    elif target.edit.kind == "drop":
        yield from _drop(target)
    else:
        for is_quoted in (False, True):
            yield from _add(target, order, is_quoted=is_quoted)


def _line_of_dash(text: str, container: _Node, start: int) -> int:
    """Return the start of the line with the dash of the block list's item at `start`."""
    dash = f"{' ' * _column(container)}-"
    line = _line_start(text, start)
    while line > 0 and not text.startswith(dash, line):
        line = _line_start(text, line - 1)
    return line


def _line_end(text: str, index: int) -> int:
    """Return the start of the line after `index`, or the end of the text."""
    if index and text[index - 1] == "\n":  # a block scalar includes its last line end
        return index
    newline = text.find("\n", index)
    return len(text) if newline < 0 else newline + 1


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _replace_range(text: str, start: int, end: int, new: str = "") -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:start]}{new.replace(chr(10), newline)}{text[end:]}"


def _set(target: _Target) -> Iterator[str]:
    """Yield texts with a scalar replaced by another."""
    container = target.container
    old = _node_at(container, (target.edit.at,))
    if not isinstance(old, yaml.ScalarNode) or isinstance(target.edit.value, list | dict):
        return
    start, end = old.start_mark.index, old.end_mark.index
    is_ended = end > start and target.text[end - 1] == "\n"
    for is_quoted in (False, True):
        if container.flow_style:
            new = format_flow(target.edit.value, is_quoted=is_quoted)
        else:
            new = format_scalar(target.edit.value, _column(container), is_quoted=is_quoted)
        yield _replace_range(target.text, start, end, f"{new}\n" if is_ended else new)


def _add(target: _Target, order: Sequence[str], *, is_quoted: bool) -> Iterator[str]:
    container, value = target.container, target.edit.value
    if _is_map(container):
        key = str(target.edit.at)
        index = _insert_position(container, key, order)
        block_entry = format_entry(key, value, _column(container), is_quoted=is_quoted)
        flow_entry = f"{key}: {format_flow(value, is_quoted=is_quoted)}"
    else:
        index = int(target.edit.at)
        flow_entry = format_flow(value, is_quoted=is_quoted)
        # In one line if the first item is in flow style.
        if container.value and getattr(container.value[0], "flow_style", False):
            block_entry = f"- {flow_entry}"
        else:
            block_entry = format_item(value, _column(container), is_quoted=is_quoted)
        if target.item_text and not container.flow_style:
            yield _insert_in_block(target, index, target.item_text)
        if container.flow_style and not container.value and isinstance(value, dict):
            yield from _add_first_item(target, is_quoted=is_quoted)
    if container.flow_style:
        yield _insert_in_brackets(target, index, flow_entry)
    else:
        yield _insert_in_block(target, index, block_entry)


def _insert_position(container: _Node, name: str, order: Sequence[str]) -> int:
    """Return the index of a new key in a map."""
    keys = _keys(container)
    if name not in order:
        return len(keys)
    earlier = set(order[: order.index(name)])
    return max((index + 1 for index, key in enumerate(keys) if key in earlier), default=0)


def _insert_in_brackets(target: _Target, index: int, entry: str) -> str:
    container, text = target.container, target.text
    entries = _entries(container)
    if index:
        end = entries[index - 1][1]
        return _replace_range(text, end, end, f", {entry}")
    start = entries[0][0] if entries else container.start_mark.index + 1
    return _replace_range(text, start, start, f"{entry}, " if entries else entry)


def _insert_in_block(target: _Target, index: int, entry: str) -> str:
    """Return the text with a new entry in lines of its own."""
    container, text = target.container, target.text
    indent = " " * _column(container)
    if index:
        end = _line_end(text, _entries(container)[index - 1][1])
        is_ended = text[:end].endswith("\n")
        new = f"{indent}{entry}\n" if is_ended else f"\n{indent}{entry}"
        return _replace_range(text, end, end, new)
    start = _entries(container)[0][0]
    if _is_map(container):
        return _replace_range(text, start, start, f"{entry}\n{indent}")
    start = _line_of_dash(text, container, start)
    return _replace_range(text, start, start, f"{indent}{entry}\n")


def _add_first_item(target: _Target, *, is_quoted: bool) -> Iterator[str]:
    """Yield the text with the first item of an empty list below its key."""
    container, parent = target.container, _node_at(target.root, target.edit.path[:-1])
    if target.edit.path and not parent.flow_style:
        indent = _column(parent) + 2
        new = format_item(target.edit.value, indent, is_quoted=is_quoted)
        start = target.text.rfind(":", 0, container.start_mark.index) + 1
        yield _replace_range(target.text, start, _end(container), f"\n{' ' * indent}{new}")


def _drop(target: _Target) -> Iterator[str]:
    container, text = target.container, target.text
    entries = _entries(container)
    at = target.edit.at
    index = _keys(container).index(str(at)) if _is_map(container) else int(at)
    start, end = entries[index]
    if container.flow_style:
        yield from _drop_from_brackets(target, index)
    elif len(entries) == 1:
        yield from _drop_last_item(target)
    elif not _is_map(container):
        yield _replace_range(text, _line_of_dash(text, container, start), _line_end(text, end))
    elif text[_line_start(text, start) : start].strip():
        next_start = entries[index + 1][0] if index + 1 < len(entries) else end
        yield _replace_range(text, start, next_start)
    else:
        yield _replace_range(text, _line_start(text, start), _line_end(text, end))


def _drop_from_brackets(target: _Target, index: int) -> Iterator[str]:
    container, entries = target.container, _entries(target.container)
    start, end = entries[index]
    if index + 1 < len(entries):
        yield _replace_range(target.text, start, entries[index + 1][0])
    elif index:
        yield _replace_range(target.text, entries[index - 1][1], end)
    else:
        yield _replace_range(target.text, start, end)
        yield _replace_range(target.text, container.start_mark.index + 1, _end(container) - 1)


def _drop_last_item(target: _Target) -> Iterator[str]:
    """Yield the text with an empty list in place of a list with one item."""
    container, text = target.container, target.text
    if not target.edit.path or _is_map(container):
        return
    parent = _node_at(target.root, target.edit.path[:-1])
    if not _is_map(parent):
        return
    name, _ = parent.value[_keys(parent).index(str(target.edit.path[-1]))]
    start = _line_of_dash(text, container, _entries(container)[0][0])
    colon = text.find(":", name.end_mark.index)
    emptied = _replace_range(text, start, _line_end(text, _end(container)))
    yield f"{emptied[: colon + 1]} []{emptied[colon + 1 :]}"
