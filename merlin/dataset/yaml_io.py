"""YAML: read safely with a mark at every node, and written as the plainest that reads the same.

Reading is one pass over libyaml's events, with limits. An editor's file is not to be trusted: 50 kB
of brackets make libyaml's composer overflow the stack and kill the process, aliases multiply, plain
words change their type (`no` becomes False). So the tree is built here, from events, which libyaml
makes without recursion; nothing of YAML that a conversation does not need is accepted; and every
scalar stays the string that was written (`null` and `~` too). Who wants numbers asks
`merlin.dataset.spec`.

Written maps and lists stand below their keys, small ones in brackets. What other readers of YAML
would take for a number, a date or a truth is put in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from merlin.dataset.finding import Finding, shorten

MAX_BYTES = 1_000_000
MAX_DEPTH = 16
MAX_EVENTS = 10_000

# All that YAML 1.1 calls not printable; CR stands only in line ends, which YAML takes away.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_CONTROL_OR_CR = re.compile(_CONTROL.pattern[:-1] + "\r]")
_BOM = "\ufeff"

# libyaml's own words -> the word that the Fluent text selects by; others stay English.
_PROBLEMS = {
    "mapping values are not allowed in this context": "colon",
    "could not find expected ':'": "no-colon",
    "did not find expected key": "key",
    "did not find expected '-' indicator": "dash",
    "block sequence entries are not allowed in this context": "list",
    "did not find expected ',' or ']'": "bracket",
    "did not find expected ',' or '}'": "brace",
    "did not find expected node content": "end",
    "found unexpected end of stream": "end",
    "did not find expected comment or line break": "after-mark",
    "found character that cannot start any token": "start",
    "found a tab character that violates indentation": "tab",
    "found a tab character where an indentation space is expected": "tab",
    "found unknown escape character": "escape",
    "found invalid Unicode character escape code": "unicode",
}


@dataclass(slots=True)
class Node:
    """One value of the file: a string, a list or a map, and where it begins (from 1).

    `plain`: the string was written without quotes, so it may mean a number. In a map, `key`
    is the place of the key that leads here.
    """

    value: str | list[Node] | dict[str, Node]
    line: int
    column: int
    plain: bool = False
    key: tuple[int, int] = (1, 1)


class _Unreadable(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule)
        self.finding = finding


def read_yaml(content: bytes) -> Node | Finding:
    """Return the file as a tree of nodes, or the first thing that forbids reading it.

    The finding's path is empty: the caller knows it. Never raises, whatever the bytes.
    """
    try:
        _prove_text(content)
        return _tree(content)
    except _Unreadable as stop:
        return stop.finding


def _prove_text(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise _Unreadable(too_large_finding(len(content), MAX_BYTES))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        raise _Unreadable(
            _at_end_of(before, "not-utf8", byte=f"{content[error.start]:02X}")
        ) from None
    if text.startswith(_BOM):
        raise _Unreadable(Finding("", 1, 1, "bom"))
    found = _CONTROL.search(text)
    if found:
        code = _code(found.group())
        raise _Unreadable(_at_end_of(text[: found.start()], "control-character", code=code))


def too_large_finding(size: int, limit: int) -> Finding:
    """Return the finding about a file of `size` bytes where `limit` are allowed."""
    return Finding("", 1, 1, "too-large", arguments={"size": size, "limit": limit})


def _at_end_of(before: str, rule: str, **arguments: str | int) -> Finding:
    lines = re.split(r"\r\n|\r|\n", before)
    return Finding("", len(lines), len(lines[-1]) + 1, rule, arguments=arguments)


def _code(letter: str) -> str:
    return f"U+{ord(letter):04X}"


def _tree(content: bytes) -> Node:
    builder = _Builder()
    try:
        events = iter(yaml.CSafeLoader(content).get_event, None)
        for count, event in enumerate(events, start=1):
            if count > MAX_EVENTS:
                _stop(event, "too-many-nodes", limit=MAX_EVENTS)
            take = _TAKERS.get(type(event))
            if take:
                take(builder, event)
    except yaml.YAMLError as error:
        raise _Unreadable(_syntax(error, content)) from None
    if builder.root is None:
        raise _Unreadable(Finding("", 1, 1, "empty-file"))
    return builder.root


def _syntax(error: yaml.YAMLError, content: bytes) -> Finding:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    words = getattr(error, "problem", None) or str(error)
    problem = _PROBLEMS.get(words, "other")
    lines = content.decode("utf-8").splitlines() if problem == "start" else []
    if line <= len(lines) and lines[line - 1][column - 1 : column] == "\t":
        problem = "tab"
    return Finding(
        "", line, column, "yaml-syntax", arguments={"problem": problem, "words": shorten(words)}
    )


def _stop(event: Any, rule: str, **arguments: str | int) -> None:
    mark = event.start_mark
    raise _Unreadable(Finding("", mark.line + 1, mark.column + 1, rule, arguments=arguments))


class _Builder:
    """Takes events one by one; the stack holds the open lists and maps, not the call stack."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._keys: list[Node | None] = []
        self._documents = 0

    def document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            _stop(event, "several-documents")

    def alias(self, event: Any) -> None:
        _stop(event, "alias", name=shorten(event.anchor))

    def add_scalar(self, event: Any) -> None:
        _refuse_extras(event)
        style, value = event.style, event.value
        # Escapes alone can put in what the file's own letters do not hold.
        found = _CONTROL_OR_CR.search(value) if style == '"' else None
        if found:
            _stop(event, "control-character", code=_code(found.group()))
        self._place(_node(event, value, plain=not style), event)

    def end(self, _event: Any) -> None:
        self._open.pop()
        self._keys.pop()

    def begin(self, event: Any, value: list[Node] | dict[str, Node]) -> None:
        _refuse_extras(event)
        if len(self._open) >= MAX_DEPTH:
            _stop(event, "too-deep", limit=MAX_DEPTH)
        node = _node(event, value)
        self._place(node, event)
        self._open.append(node)
        self._keys.append(None)

    def _place(self, node: Node, event: Any) -> None:
        if not self._open:
            self.root = node
            return
        parent, key = self._open[-1].value, self._keys[-1]
        if isinstance(parent, list):
            parent.append(node)
        elif isinstance(parent, dict) and key is None:
            self._keys[-1] = _proven_key(node, parent, event)
        elif isinstance(parent, dict) and key is not None:
            node.key = (key.line, key.column)
            parent[str(key.value)] = node
            self._keys[-1] = None


def _proven_key(node: Node, parent: dict[str, Node], event: Any) -> Node:
    if not isinstance(node.value, str):
        _stop(event, "complex-key")
    name = str(node.value)
    if name == "<<" and node.plain:
        _stop(event, "merge-key")
    if name in parent:
        _stop(event, "duplicate-key", name=shorten(name), first=parent[name].key[0])
    return node


def _node(event: Any, value: str | list[Node] | dict[str, Node], *, plain: bool = False) -> Node:
    mark = event.start_mark
    return Node(value, mark.line + 1, mark.column + 1, plain)


def _refuse_extras(event: Any) -> None:
    if event.anchor is not None:
        _stop(event, "anchor", name=shorten(event.anchor))
    if event.tag is not None:
        _stop(event, "tag", name=shorten(event.tag))


_TAKERS: dict[type, Callable[[_Builder, Any], None]] = {
    yaml.DocumentStartEvent: _Builder.document,
    yaml.AliasEvent: _Builder.alias,
    yaml.ScalarEvent: _Builder.add_scalar,
    yaml.SequenceStartEvent: lambda builder, event: builder.begin(event, []),
    yaml.MappingStartEvent: lambda builder, event: builder.begin(event, {}),
    yaml.SequenceEndEvent: _Builder.end,
    yaml.MappingEndEvent: _Builder.end,
}


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
    deeper = indent + 2
    if isinstance(value, Mapping) and value and not _is_small(value, indent):
        return f"{key}:\n{' ' * deeper}{_map(value, deeper, is_quoted=is_quoted)}"
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        items = (format_item(each, deeper, is_quoted=is_quoted) for each in value)
        return f"\n{' ' * deeper}".join((f"{key}:", *items))
    if isinstance(value, Mapping | list):
        return f"{key}: {format_flow(value, is_quoted=is_quoted)}"
    return f"{key}: {format_scalar(value, indent, is_quoted=is_quoted)}"


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


def _map(value: Mapping[str, object], indent: int, *, is_quoted: bool) -> str:
    pairs = (format_entry(key, each, indent, is_quoted=is_quoted) for key, each in value.items())
    return f"\n{' ' * indent}".join(pairs)


def _is_small(value: Mapping[str, object], indent: int) -> bool:
    """Return whether a map fits into one line in brackets."""
    is_flat = all(isinstance(each, str) and "\n" not in each for each in value.values())
    return is_flat and indent + len(format_flow(value)) < _WIDTH


def format_key_text(text: str, bar: str, indent: int, *, is_exact: bool = False) -> str:
    """Return the words as the value of a key: plain, below a bar, or in quotes.

    `bar` is "|" or "|-", `indent` how deep lines below it stand. Line ends after the words are
    kept where `is_exact`, else left to the bar.
    """
    shown, is_fine = text, "\n" in text or _is_plain(text)
    if "\n" in text:
        # A first line that begins with a blank would be taken for deeper indentation.
        depth = "2" if text.lstrip("\n").startswith(" ") else ""
        # Each line `indent` deep; empty ones stay empty.
        lines = (f"{' ' * indent}{line}" if line else "" for line in text.split("\n"))
        shown = "\n".join((bar[0] + depth + bar[1:], *lines))
    back = _read_back(f"{' ' * (indent - 2)}key: {shown}", "key")
    is_same = (
        back == text
        if is_exact
        else back is not None and strip_line_ends(back) == strip_line_ends(text)
    )
    return shown if is_fine and is_same else format_json(text)


def format_flow_text(text: str) -> str:
    """Return the words as one of a list in brackets: plain or in quotes."""
    is_fine = _is_plain(text) and _read_back(f"key: [{text}]", "key", 0) == text
    return text if is_fine else format_json(text)


def format_json(value: object) -> str:
    """Return `value` as JSON, which is YAML; text stays readable."""
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(_ESCAPED.get(letter, letter) for letter in shown)


def _is_plain(text: str) -> bool:
    """Return whether one line shows as itself and every reader takes it for words."""
    if not text.isprintable():
        return False
    return bool(_resolve(yaml.ScalarNode, text, (True, False)) == _TEXT)


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
