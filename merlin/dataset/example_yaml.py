"""An example as YAML: written anew, or edited in place.

    messages:
      - user: One line stays as it is.
      - assistant: |
          Several lines stand below a bar.
    tags: [one, two]

Every text is written in the plainest way (`merlin.dataset.yaml_values`) that the reader reads
back as it was. An edit leaves the rest of the file as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from merlin.core.errors import Refused
from merlin.core.messages import Message
from merlin.dataset.example import Example, read_example, strip_line_ends
from merlin.dataset.finding import shorten
from merlin.dataset.layout import NameAllocator
from merlin.dataset.yaml_values import format_flow_text, format_json, format_key_text

_SHORT_ROLES = ("system", "user", "assistant")


def write_example(example: Example) -> str:
    """Return the example as a file's text; reading it gives the same example.

    Line ends after a message are left out, as reading does. A text with a sign that no example
    may hold is written all the same: the check tells of it.
    """
    return "".join(f"{line}\n" for line in _lines(example))


def write_turns(
    turns: Iterable[tuple[str, str]], tags: Sequence[str] = (), source: str = ""
) -> str:
    """Return the file's text of a conversation; `turns` are role and words."""
    said = tuple(Message(role, words) for role, words in turns)
    return write_example(Example("", "", "", said, tuple(tags), source=source))


def _lines(example: Example) -> Iterator[str]:
    yield "messages:"
    for message in example.messages:
        yield from _message_yaml(message)
    if example.tags:
        yield f"tags: [{', '.join(format_flow_text(tag) for tag in example.tags)}]"
    if example.split:
        yield f"split: {example.split}"
    if example.source:
        yield f"source: {format_key_text(example.source, '|-', 2)}"
    if example.note:
        yield f"note: {format_key_text(example.note, '|-', 2)}"
    if example.tools:
        yield f"tools: {format_json(list(example.tools))}"


def _message_yaml(message: Message) -> Iterator[str]:
    content = strip_line_ends(message.content)
    if message.role in _SHORT_ROLES and not message.extra:
        yield f"  - {message.role}: {format_key_text(content, '|', 6)}"
        return
    yield f"  - role: {message.role}"
    if content or "tool_calls" not in message.extra:
        yield f"    content: {format_key_text(content, '|', 6)}"
    for key, value in message.extra.items():
        yield f"    {key}: {format_json(value)}"


def parse_example(text: str | None) -> Example | None:
    """Return the example that a file's text says, None for a broken one."""
    return read_example((text or "").encode("utf-8", "surrogatepass"))[0]


def reword_example(
    text: str | None,
    question: str | None = None,
    answer: str | None = None,
    tags: Sequence[str] | None = None,
) -> str:
    """Return the example with another first question, last answer or other tags; None: as it was.

    Raises Refused for one that cannot be read: it can only be replaced as a whole.
    """
    example = parse_example(text)
    if example is None:
        raise Refused("the example is broken", "example-broken")
    messages = list(example.messages)
    first = next(place for place, each in enumerate(messages) if each.role == "user")
    if question is not None:
        messages[first] = replace(messages[first], content=question)
    if answer is not None:
        messages[-1] = replace(messages[-1], content=answer)
    kept = example.tags if tags is None else tuple(tags)
    return write_example(replace(example, messages=tuple(messages), tags=kept))


def question_preview(text: str | None, length: int = 80) -> str:
    """Return an example's first question, short; nothing for a broken one."""
    example = parse_example(text)
    return shorten(" ".join(example.question.split()), length) if example else ""


def free_example_id(text: str | None, taken: Iterable[str]) -> str:
    """Return an id made of an example's question that nobody has; `new` for a broken one."""
    example = parse_example(text)
    return NameAllocator(taken).new(example.question if example else "new")
