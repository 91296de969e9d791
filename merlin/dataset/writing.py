"""Writing an example: the one short form in which Merlin writes a conversation as YAML.

    messages:
      - user: One line stays as it is.
      - assistant: |
          Several lines stand below a bar.
    tags: [one, two]

Every text is written in the plainest way (`merlin.dataset.yaml_values`) that the reader reads back
as it was.
"""

from __future__ import annotations

from collections.abc import Iterator

from merlin.core.message import Message
from merlin.dataset.example import Example, said
from merlin.dataset.yaml_values import as_json, below_key, in_brackets

_SHORT_ROLES = ("system", "user", "assistant")


def write_example(example: Example) -> str:
    """Return the example as a file's text; reading it gives the same example.

    Line ends after a message are left out, as reading does. A text with a sign that no example
    may hold is written all the same: the check tells of it.
    """
    return "".join(f"{line}\n" for line in _lines(example))


def _lines(example: Example) -> Iterator[str]:
    yield "messages:"
    for message in example.messages:
        yield from _message(message)
    if example.tags:
        yield f"tags: [{', '.join(in_brackets(tag) for tag in example.tags)}]"
    if example.split:
        yield f"split: {example.split}"
    if example.source:
        yield f"source: {below_key(example.source, '|-', 2)}"
    if example.note:
        yield f"note: {below_key(example.note, '|-', 2)}"
    if example.tools:
        yield f"tools: {as_json(list(example.tools))}"


def _message(message: Message) -> Iterator[str]:
    content = said(message.content)
    if message.role in _SHORT_ROLES and not message.extra:
        yield f"  - {message.role}: {below_key(content, '|', 6)}"
        return
    yield f"  - role: {message.role}"
    if content or "tool_calls" not in message.extra:
        yield f"    content: {below_key(content, '|', 6)}"
    for key, value in message.extra.items():
        yield f"    {key}: {as_json(value)}"
