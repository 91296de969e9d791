"""The file of an example: YAML that is read and written.

    messages:
      - user: A single line is written in place.
      - assistant: |
          Several lines are written as a block.
    tags: [one, two]

Each text is written in the simplest YAML style (`merlin.dataset.yaml_io`) that round-trips. Reading
does not depend on the file's path: the id and the path are set afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from merlin.core.example_keys import KEYS, ExampleKey
from merlin.core.formatted_text import shorten_text
from merlin.core.messages import Message
from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Mark
from merlin.dataset.spec import read_file
from merlin.dataset.turns import check_conversation
from merlin.dataset.yaml_io import (
    format_flow_text,
    format_json,
    format_key_text,
    strip_line_ends,
)

_SHORT_ROLES = ("system", "user", "assistant")


def read_example(content: bytes) -> tuple[Example | None, tuple[Finding, ...]]:
    """Return the example parsed from `content`, without id, path and blob, and its findings.

    None when a finding is an error. Findings have no path yet.
    """
    value, node, found = read_file("example", content)
    if value is None:
        return None, found
    inside: Any = node.value
    marks = tuple((each.line, each.column) for each in inside["messages"].value)
    worse = inside.get("rejected", node)
    example = example_from_json(value, marks, (worse.line, worse.column))
    findings = check_conversation(example)
    return (None if findings else example), (*found, *findings)


def parse_example(text: str | None) -> Example | None:
    """Return the example parsed from a file's text, None for a broken one."""
    return read_example((text or "").encode("utf-8", "surrogatepass"))[0]


def example_from_json(
    value: Mapping[str, Any],
    marks: tuple[Mark, ...] = (),
    rejected_mark: Mark = (1, 1),
) -> Example:
    """Return the example of JSON that is valid by the schema, without id, path and blob."""
    parts = {
        key.name: _KINDS[key.kind].read(value[key.name])
        for key in KEYS
        if key.name in value
    }
    return Example("", "", "", **parts, marks=marks, rejected_mark=rejected_mark)


def example_json(example: Example) -> dict[str, Any]:
    """Return the values of an example's keys as JSON, which `example_from_json` reads."""
    parts = ((key, getattr(example, key.name)) for key in KEYS)
    return {key.name: _KINDS[key.kind].dump(value) for key, value in parts if value}


def write_example(example: Example) -> str:
    """Return the example as a file's text; parsing it gives the same example.

    Line ends become LF: browsers and Windows send CRLF. Those after a message are dropped, as in
    parsing. Forbidden characters are written as they are: the check reports them.
    """
    lines = [line for key in KEYS for line in write_key(key, example)]
    return "".join(f"{line}\n" for line in lines)


def write_key(key: ExampleKey, example: Example) -> list[str]:
    """Return the lines of a key in an example's file, none without a value."""
    value = getattr(example, key.name)
    return [*_KINDS[key.kind].write(key.name, value)] if value else []


def write_turns(turns: Iterable[tuple[str, str]], tags: Sequence[str]) -> str:
    """Return the file's text of a conversation; `turns` are pairs of role and content."""
    messages = tuple(Message(role, words) for role, words in turns)
    return write_example(Example("", "", "", messages, tags=tuple(tags)))


class _Kind(NamedTuple):
    """How values of a kind are read from JSON, given as JSON, and written as lines of a file."""

    read: Callable[[Any], Any]
    dump: Callable[[Any], Any]
    write: Callable[[str, Any], Iterable[str]]


def _read_message(value: Mapping[str, Any]) -> Message:
    if "role" not in value:
        ((role, content),) = value.items()
        return Message(role, strip_line_ends(content))
    extra = {key: each for key, each in value.items() if key not in ("role", "content")}
    return Message(value["role"], strip_line_ends(value.get("content", "")), extra)


def _conversation_yaml(key: str, messages: Iterable[Message]) -> Iterator[str]:
    yield f"{key}:"
    for message in messages:
        content = strip_line_ends(message.content.replace("\r\n", "\n"))
        if message.role in _SHORT_ROLES and not message.extra:
            yield f"  - {message.role}: {format_key_text(content, '|', 6)}"
        else:
            yield f"  - role: {message.role}"
            yield from _long_form_yaml(message, content, 4)


def _answer_yaml(key: str, message: Message) -> Iterator[str]:
    content = strip_line_ends(message.content.replace("\r\n", "\n"))
    if message.extra:
        yield f"{key}:"
        yield "  role: assistant"
        yield from _long_form_yaml(message, content, 2)
    else:
        yield f"{key}: {format_key_text(content, '|', 2)}"


def _long_form_yaml(message: Message, content: str, indent: int) -> Iterator[str]:
    before = " " * indent
    if content or "tool_calls" not in message.extra:
        yield f"{before}content: {format_key_text(content, '|', indent + 2)}"
    for key, value in message.extra.items():
        yield f"{before}{key}: {format_json(value)}"


def _reasons_yaml(key: str, reasons: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"{key}:"
    yield from (f"  {rule}: {format_key_text(why, '|-', 4)}" for rule, why in reasons)


_TEXT = _Kind(
    strip_line_ends,
    str,
    lambda key, text: [f"{key}: {format_key_text(text, '|-', 2)}"],
)
_KINDS = {
    "conversation": _Kind(
        lambda messages: tuple(map(_read_message, messages)),
        lambda messages: [each.as_json() for each in messages],
        _conversation_yaml,
    ),
    "answer": _Kind(
        lambda value: _read_message(
            {"assistant": value} if isinstance(value, str) else value
        ),
        lambda message: message.as_json() if message.extra else message.content,
        _answer_yaml,
    ),
    "words": _Kind(
        tuple,
        list,
        lambda key, words: [f"{key}: [{', '.join(map(format_flow_text, words))}]"],
    ),
    "side": _TEXT,
    "text": _TEXT,
    "reasons": _Kind(lambda reasons: tuple(reasons.items()), dict, _reasons_yaml),
    "functions": _Kind(
        tuple, list, lambda key, functions: [f"{key}: {format_json(list(functions))}"]
    ),
}


def question_preview(text: str | None, length: int = 80) -> str:
    """Return an example's first question, shortened; "" for a broken one."""
    example = parse_example(text)
    return shorten_text(example.question, length) if example else ""
