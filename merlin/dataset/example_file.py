"""The file of an example: YAML that is read and written.

    messages:
      - user: A single line is written in place.
      - assistant: |
          Several lines are written as a block.
    tags: [one, two]

Each text is written in the simplest YAML style (`merlin.dataset.yaml_io`) that round-trips. Reading
does not depend on the file's path: the id and the path are set afterwards.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

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
    value: Mapping[str, Any], marks: tuple[Mark, ...], rejected_mark: Mark
) -> Example:
    """Return the example of JSON that is valid by the schema, without id, path and blob."""
    worse = value.get("rejected")
    return Example(
        id="",
        path="",
        blob="",
        messages=tuple(_message(each) for each in value["messages"]),
        tags=tuple(value.get("tags", ())),
        split=value.get("split"),
        source=value.get("source", ""),
        note=value.get("note", ""),
        tools=tuple(value.get("tools", ())),
        rejected=None
        if worse is None
        else _message({"assistant": worse} if isinstance(worse, str) else worse),
        allow=tuple(value.get("allow", {}).items()),
        marks=marks,
        rejected_mark=rejected_mark,
    )


def _message(value: Mapping[str, Any]) -> Message:
    if "role" not in value:
        ((role, content),) = value.items()
        return Message(role, strip_line_ends(content))
    extra = {key: each for key, each in value.items() if key not in ("role", "content")}
    return Message(value["role"], strip_line_ends(value.get("content", "")), extra)


def write_example(example: Example) -> str:
    """Return the example as a file's text; parsing it gives the same example.

    Line ends become LF: browsers and Windows send CRLF. Those after a message are dropped, as in
    parsing. Forbidden characters are written as they are: the check reports them.
    """
    lines = ["messages:"]
    for message in example.messages:
        lines += _message_yaml(message)
    if example.rejected is not None:
        lines += _rejected_yaml(example.rejected)
    if example.tags:
        lines.append(tags_yaml(example.tags))
    if example.split:
        lines.append(f"split: {example.split}")
    if example.source:
        lines.append(f"source: {format_key_text(example.source, '|-', 2)}")
    if example.note:
        lines.append(f"note: {format_key_text(example.note, '|-', 2)}")
    if example.allow:
        lines += allow_yaml(example)
    if example.tools:
        lines.append(f"tools: {format_json(list(example.tools))}")
    return "".join(f"{line}\n" for line in lines)


def allow_yaml(example: Example) -> list[str]:
    """Return the lines of the rules that an example may break, none for none."""
    rules = (
        f"  {rule}: {format_key_text(why, '|-', 4)}" for rule, why in example.allow
    )
    return ["allow:", *rules]


def tags_yaml(tags: Iterable[str]) -> str:
    """Return the line of an example's tags."""
    return f"tags: [{', '.join(map(format_flow_text, tags))}]"


def write_turns(
    turns: Iterable[tuple[str, str]], tags: Sequence[str], split: str | None = None
) -> str:
    """Return the file's text of a conversation; `turns` are pairs of role and content."""
    messages = tuple(Message(role, words) for role, words in turns)
    return write_example(Example("", "", "", messages, tuple(tags), split or None))


def _message_yaml(message: Message) -> Iterator[str]:
    content = strip_line_ends(message.content.replace("\r\n", "\n"))
    if message.role in _SHORT_ROLES and not message.extra:
        yield f"  - {message.role}: {format_key_text(content, '|', 6)}"
        return
    yield f"  - role: {message.role}"
    yield from _long_form_yaml(message, content, 4)


def _rejected_yaml(message: Message) -> Iterator[str]:
    content = strip_line_ends(message.content.replace("\r\n", "\n"))
    if message.extra:
        yield "rejected:"
        yield "  role: assistant"
        yield from _long_form_yaml(message, content, 2)
    else:
        yield f"rejected: {format_key_text(content, '|', 2)}"


def _long_form_yaml(message: Message, content: str, indent: int) -> Iterator[str]:
    before = " " * indent
    if content or "tool_calls" not in message.extra:
        yield f"{before}content: {format_key_text(content, '|', indent + 2)}"
    for key, value in message.extra.items():
        yield f"{before}{key}: {format_json(value)}"


def question_preview(text: str | None, length: int = 80) -> str:
    """Return an example's first question, shortened; "" for a broken one."""
    example = parse_example(text)
    return shorten_text(example.question, length) if example else ""
