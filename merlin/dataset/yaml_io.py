"""YAML: read safely with the position of every node, and write the simplest equivalent form.

Reading is one pass over libyaml's events, with limits. An editor's file is not trusted: 50 kB of
brackets make libyaml's composer overflow the stack and kill the process, aliases multiply, plain
words change their type (`no` becomes False). So the tree is built here from events, which libyaml
emits without recursion; YAML features that conversations do not need are rejected; and every
scalar stays the written string (also `null` and `~`). Numbers are converted in
`merlin.dataset.spec`.

Strings that other YAML parsers would read as a number, a date or a Boolean are quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from merlin.core.yaml_error import describe_yaml_error
from merlin.dataset.finding import Finding, shorten

MAX_FILE_BYTES = 1_000_000
MAX_DEPTH = 16
MAX_EVENTS = 10_000

# Not printable in YAML 1.1; CR occurs only in line ends, which YAML removes.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_CONTROL_OR_CR = re.compile(_CONTROL.pattern[:-1] + "\r]")
# YAML 1.1 ends a line at these too, editors do not; in quotes they may be written as escapes.
_LINE_ENDS = "\x85\u2028\u2029"
_CONTROL_OR_LINE_END = re.compile(_CONTROL.pattern[:-1] + _LINE_ENDS + "]")
_SURROGATE = re.compile(
    b"\xed[\xa0-\xbf][\x80-\xbf]"
)  # half of a character beyond U+FFFF
_BOM = "\ufeff"
_LFS_POINTER = "version https://git-lfs.github.com/spec/"  # stands in git for a file kept elsewhere


@dataclass(slots=True)
class Node:
    """One value of the file: a string, a list or a map, and the position of its start (from 1).

    `plain`: the string was written without quotes, so it may mean a number. `key` is the position
    of the value's key in a map. `end` is the position after a string and `style` its quote,
    "|", ">" or "".
    """

    value: str | list[Node] | dict[str, Node]
    line: int
    column: int
    plain: bool = False
    key: tuple[int, int] = (1, 1)
    end: tuple[int, int] | None = None
    style: str = ""


def find_path(content: bytes, mark: tuple[int, int]) -> str:
    """Return the path in a file of the deepest node at `mark`, or last before it.

    As in `messages[1].content`; "" for the root, and in an unreadable file.
    """
    node = read_yaml(content)
    path = ""
    while isinstance(node, Node):
        children: list[tuple[str, tuple[int, int], Node]] = []
        if isinstance(node.value, dict):
            children += (
                (f".{key}", child.key, child) for key, child in node.value.items()
            )
        elif isinstance(node.value, list):
            items = enumerate(node.value)
            children += (
                (f"[{at}]", (child.line, child.column), child) for at, child in items
            )
        before = [each for each in children if each[1] <= mark]
        if not before:
            break
        step, _, node = before[-1]
        path += step
    return path.removeprefix(".")


class _Unreadable(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule)
        self.finding = finding


def read_yaml(content: bytes) -> Node | Finding:
    """Return the file as a tree of nodes, or the first error.

    The finding's path is empty; the caller adds it. Never raises, whatever the bytes are.
    """
    if len(content) > MAX_FILE_BYTES:
        return too_large_finding(len(content))
    text = decode_text(content)
    if isinstance(text, Finding):
        return text
    try:
        _check_text(text)
        return _parse_tree(content, text)
    except _Unreadable as error:
        return error.finding


def _check_text(text: str) -> None:
    for start, rule in ((_BOM, "bom"), (_LFS_POINTER, "unreadable")):
        if text.startswith(start):
            raise _Unreadable(Finding("", 1, 1, rule))
    if match := _CONTROL_OR_LINE_END.search(text):
        before = text[: match.start()]
        letter = match.group()
        raise _Unreadable(
            _finding_after(before, "control-character", **_describe(letter))
        )


def decode_text(content: bytes) -> str | Finding:
    """Return the file's text, or the finding on why it is none; its path is empty."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        if half := _SURROGATE.match(content, error.start):
            letter = half.group().decode("utf-8", "surrogatepass")
            return _finding_after(before, "control-character", **_describe(letter))
        return _finding_after(before, "not-utf8", byte=f"{content[error.start]:02X}")
    before, zero, _ = text.partition("\x00")
    if not zero:
        return text
    if len(before) > 1:
        return _finding_after(before, "control-character", **_describe(zero))
    # UTF-16 without a byte order mark: every Latin letter has a zero byte.
    return _finding_after(before, "not-utf8", byte="00")


def too_large_finding(size: int) -> Finding:
    """Return the finding about a file of `size` bytes, more than are allowed."""
    return Finding(
        "", 1, 1, "too-large", arguments={"size": size, "limit": MAX_FILE_BYTES}
    )


def split_lines(text: str) -> list[str]:
    """Return the lines of a text as YAML counts them in a file that it accepts."""
    return re.split(r"\r\n|\r|\n", text)


def _finding_after(before: str, rule: str, **arguments: str | int) -> Finding:
    lines = split_lines(before)
    return Finding("", len(lines), len(lines[-1]) + 1, rule, arguments=arguments)


def _describe(letter: str) -> dict[str, str]:
    """Return the arguments of the finding about a character that a text cannot have."""
    kind = "half" if "\ud800" <= letter <= "\udfff" else "control"
    return {
        "code": f"U+{ord(letter):04X}",
        "kind": "line" if letter in _LINE_ENDS else kind,
    }


def _parse_tree(content: bytes, text: str) -> Node:
    builder = _Builder()
    try:
        events = iter(yaml.CSafeLoader(content).get_event, None)
        for count, event in enumerate(events, start=1):
            if count > MAX_EVENTS:
                _reject(event, "too-many-nodes", limit=MAX_EVENTS)
            handle = _HANDLERS.get(type(event))
            if handle:
                handle(builder, event)
    except yaml.YAMLError as error:
        line, column, problem = describe_yaml_error(error, text)
        finding = Finding(
            "", line, column, "yaml-syntax", arguments={"problem": problem}
        )
        raise _Unreadable(finding) from None
    if builder.root is None:
        raise _Unreadable(Finding("", 1, 1, "empty-file"))
    return builder.root


def _reject(event: Any, rule: str, **arguments: str | int) -> None:
    mark = event.start_mark
    raise _Unreadable(
        Finding("", mark.line + 1, mark.column + 1, rule, arguments=arguments)
    )


class _Builder:
    """Builds the tree from events; open lists and maps are on a list, not on the call stack."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._keys: list[Node | None] = []
        self._documents = 0

    def document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            _reject(event, "several-documents")

    def alias(self, event: Any) -> None:
        _reject(event, "alias", name=shorten(event.anchor))

    def add_scalar(self, event: Any) -> None:
        _refuse_extras(event)
        style = event.style
        value = event.value
        # Only escapes in double quotes can produce characters that the file must not contain.
        match = _CONTROL_OR_CR.search(value) if style == '"' else None
        if match:
            _reject(event, "control-character", **_describe(match.group()))
        node = _node(event, value, plain=not style)
        node.end = (event.end_mark.line + 1, event.end_mark.column + 1)
        node.style = style or ""
        self._place(node, event)

    def end(self, _event: Any) -> None:
        self._open.pop()
        self._keys.pop()

    def begin(self, event: Any, value: list[Node] | dict[str, Node]) -> None:
        _refuse_extras(event)
        if len(self._open) >= MAX_DEPTH:
            _reject(event, "too-deep", limit=MAX_DEPTH)
        node = _node(event, value)
        self._place(node, event)
        self._open.append(node)
        self._keys.append(None)

    def _place(self, node: Node, event: Any) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1].value
        key = self._keys[-1]
        if isinstance(parent, list):
            parent.append(node)
        elif isinstance(parent, dict) and key is None:
            if not isinstance(node.value, str):
                _reject(event, "complex-key")
            name = str(node.value)
            if name == "<<" and node.plain:
                _reject(event, "merge-key")
            if name in parent:
                _reject(
                    event,
                    "duplicate-key",
                    name=shorten(name),
                    first=parent[name].key[0],
                )
            self._keys[-1] = node
        elif isinstance(parent, dict) and key is not None:
            node.key = (key.line, key.column)
            parent[str(key.value)] = node
            self._keys[-1] = None


def _node(
    event: Any, value: str | list[Node] | dict[str, Node], *, plain: bool = False
) -> Node:
    mark = event.start_mark
    return Node(value, mark.line + 1, mark.column + 1, plain)


def _refuse_extras(event: Any) -> None:
    if event.anchor is not None:
        _reject(event, "anchor", name=shorten(event.anchor))
    if event.tag is not None:
        _reject(event, "tag", name=shorten(event.tag))


_HANDLERS: dict[type, Callable[[_Builder, Any], None]] = {
    yaml.DocumentStartEvent: _Builder.document,
    yaml.AliasEvent: _Builder.alias,
    yaml.ScalarEvent: _Builder.add_scalar,
    yaml.SequenceStartEvent: lambda builder, event: builder.begin(event, []),
    yaml.MappingStartEvent: lambda builder, event: builder.begin(event, {}),
    yaml.SequenceEndEvent: _Builder.end,
    yaml.MappingEndEvent: _Builder.end,
}

_STRING_TAG = "tag:yaml.org,2002:str"
# Further line ends in YAML 1.1, and the byte order mark.
_ESCAPED = str.maketrans(
    {
        "\x85": "\\u0085",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
        "\ufeff": "\\ufeff",
    }
)
_resolve: Any = yaml.resolver.Resolver().resolve


def format_key_text(text: str, block_header: str, indent: int) -> str:
    """Return a text as the value of a key: plain, as a block scalar, or in quotes.

    `block_header` is "|" or "|-", `indent` the indentation of the block's lines.
    """
    written = text
    is_allowed = "\n" in text or _is_plain(text)
    if "\n" in text:
        # A first line that begins with a space needs an explicit indentation.
        depth = "2" if text.lstrip("\n").startswith(" ") else ""
        lines = (f"{' ' * indent}{line}" if line else "" for line in text.split("\n"))
        written = "\n".join((block_header[0] + depth + block_header[1:], *lines))
    value = _read_back(f"{' ' * (indent - 2)}key: {written}")
    is_same = value is not None and strip_line_ends(value) == strip_line_ends(text)
    return written if is_allowed and is_same else format_json(text)


@lru_cache(maxsize=1000)  # many examples have the same tags
def format_flow_text(text: str) -> str:
    """Return a text as an item of a list in brackets: plain or in quotes."""
    is_plain = _is_plain(text) and _read_back(f"key: [{text}]") == text
    return text if is_plain else format_json(text)


def format_json(value: object) -> str:
    """Return `value` as JSON, which is valid YAML, without escaping readable characters."""
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)


def _is_plain(text: str) -> bool:
    """Return whether one line is printable and every YAML parser reads it as a string."""
    if not text.isprintable():
        return False
    return bool(_resolve(yaml.ScalarNode, text, (True, False)) == _STRING_TAG)


def _read_back(written: str) -> str | None:
    """Return the only string of the YAML text `written`, None if there is none or more."""
    node = read_yaml(f"{written}\n".encode("utf-8", "replace"))
    while isinstance(node, Node) and not isinstance(node.value, str):
        items = [*node.value.values()] if isinstance(node.value, dict) else node.value
        if len(items) != 1:
            return None
        node = items[0]
    return str(node.value) if isinstance(node, Node) else None


def strip_line_ends(content: str) -> str:
    """Return a text without its final line ends: a block scalar adds them."""
    return content.rstrip("\n")
