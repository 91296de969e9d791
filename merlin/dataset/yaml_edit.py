"""Edit a YAML file: write the entries that change anew and keep every other line.

Entries are those of a map, and of a list below one of its keys, if they have lines of their own.
The comments before an entry stay, even if it is removed. The result is read back; a file that
cannot be edited so, such as one in brackets, is left to the caller, who writes it anew.

Only for text that `merlin.dataset.yaml_io` has read: it is neither too deep nor too large, and
contains no alias, anchor or tag.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import yaml

from merlin.dataset.finding import Finding
from merlin.dataset.spec import validate_file
from merlin.dataset.yaml_io import format_entry, format_flow, format_item, read_yaml

# A node as PyYAML composes it: lines and columns count from 0.
_Node = Any


def read_value(name: str, text: str) -> Any:
    """Return the value of a text, read with the schema `name`; None if it is unreadable."""
    node = read_yaml(text.encode("utf-8", "surrogatepass"))
    return None if isinstance(node, Finding) else validate_file(name, node)[0]


def is_same(one: object, other: object) -> bool:
    """Return whether two values are equal, ignoring the order of a map's keys."""
    return _key(one) == _key(other)


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def edit_yaml(
    name: str, text: str, wanted: Mapping[str, object], order: Sequence[str]
) -> str | None:
    """Return `text` changed to the value `wanted`, None if it cannot be edited entry by entry.

    `order` lists the keys of maps: a new key is inserted after those before it in the list.
    """
    plain = text.replace("\r\n", "\n")
    lines = plain.removesuffix("\n").split("\n")
    root: _Node = yaml.compose("\n".join([*lines, ""]), Loader=yaml.CSafeLoader)
    if not _is_block(root, yaml.MappingNode) or "\r" in plain:
        return None
    editor = _Editor(lines, order)
    edited = editor.edit_map(root, read_value(name, text), wanted)
    whole = [*lines[: root.start_mark.line], *edited, *lines[_end_line(root) :]]
    written = "\n".join(whole) + "\n" * plain.endswith("\n")
    written = written.replace("\n", "\r\n") if plain != text else written
    return written if is_same(read_value(name, written), wanted) else None


class _Entry(NamedTuple):
    """An entry of a map or list: the lines before it, those of its own, and its value."""

    before: list[str]
    lines: list[str]
    node: _Node


class _Editor(NamedTuple):
    lines: list[str]
    order: Sequence[str]

    def edit_map(
        self, node: _Node, old: Mapping[str, object], new: Mapping[str, object]
    ) -> list[str]:
        """Return the lines of a map with another value."""
        indent, starts = node.start_mark.column, [key.start_mark.line for key, _ in node.value]
        keys = [str(key.value) for key, _ in node.value]
        entries = self._split(starts, [child for _, child in node.value])
        parts = {}
        for key, entry in zip(keys, entries, strict=True):
            parts[key] = entry.before
            if key in new and is_same(old[key], new[key]):
                parts[key] += entry.lines
            elif key in new:
                parts[key] += self._edit_entry(key, entry, indent, (old[key], new[key]))
        for key in new:
            if key not in parts:
                before = self.order[: self.order.index(key)] if key in self.order else keys
                place = max((at + 1 for at, each in enumerate(parts) if each in before), default=0)
                added = (key, _indent(format_entry(key, new[key], indent), indent))
                items = [*parts.items()]
                parts = dict([*items[:place], added, *items[place:]])
        return [line for part in parts.values() for line in part]

    def _edit_entry(
        self, key: str, entry: _Entry, indent: int, values: tuple[Any, Any]
    ) -> list[str]:
        """Return the lines of a map's entry with the second of the values instead of the first."""
        node, (_, new) = entry.node, values
        if new:
            head = entry.lines[: -(_end_line(node) - node.start_mark.line)]
            if _is_block(node, yaml.MappingNode) and isinstance(new, Mapping):
                return head + self.edit_map(node, *values)
            if _is_block(node, yaml.SequenceNode) and isinstance(new, list):
                return head + self._edit_list(node, *values)
        written, end = _indent(format_entry(key, new, indent), indent), node.end_mark
        rest = self.lines[end.line][end.column :] if end.column else ""
        if len(written) == 1 and rest.lstrip().startswith("#"):
            written[0] += rest
        return written

    def _edit_list(self, node: _Node, old: Sequence[object], new: Sequence[object]) -> list[str]:
        """Return the lines of a list with other items; one that moves keeps its lines."""
        indent, starts = node.start_mark.column, []
        for item in node.value:
            start = item.start_mark.line
            while not self.lines[start][indent:].startswith("-"):
                start -= 1
            starts.append(start)
        entries = list(self._split(starts, node.value))
        is_flow = isinstance(node.value[0], yaml.CollectionNode) and node.value[0].flow_style
        keys = [_key(item) for item in old], [_key(item) for item in new]
        known = {key: entry.lines for key, entry in zip(keys[0], entries, strict=True)}
        written = list[str]()
        for tag, start, end, first, last in SequenceMatcher(
            None, *keys, autojunk=False
        ).get_opcodes():
            for entry in entries[start:end]:
                written += entry.before + (entry.lines if tag == "equal" else [])
            for key, item in zip(keys[1][first:last], new[first:last], strict=True):
                if tag != "equal":
                    text = f"- {format_flow(item)}" if is_flow else format_item(item, indent)
                    written += known.get(key) or _indent(text, indent)
        return written

    def _split(self, starts: Sequence[int], nodes: Sequence[_Node]) -> Iterator[_Entry]:
        end = starts[0]
        for start, node in zip(starts, nodes, strict=True):
            before, end = self.lines[end:start], _end_line(node)
            yield _Entry(before, self.lines[start:end], node)


def _is_block(node: _Node, kind: type[yaml.CollectionNode]) -> bool:
    return isinstance(node, kind) and not node.flow_style


def _end_line(node: _Node) -> int:
    """Return the line after a value; PyYAML's end of a block is the start of the next token."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end_line(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.line + (node.end_mark.column > 0))


def _indent(entry: str, indent: int) -> list[str]:
    """Return the lines of a formatted entry, of which the first has no indent yet."""
    return f"{' ' * indent}{entry}".split("\n")
