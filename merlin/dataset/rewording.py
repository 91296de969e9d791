"""Rewording: other words in an example's file, the rest of it as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merlin.core.errors import Refused
from merlin.dataset.example import Example, read_example
from merlin.dataset.finding import short
from merlin.dataset.writing import write_example


def parsed(text: str | None) -> Example | None:
    """Return the example that a file's text says, None for a broken one."""
    return read_example((text or "").encode("utf-8", "surrogatepass"))[0]


def reworded(
    text: str | None,
    question: str | None = None,
    answer: str | None = None,
    tags: Sequence[str] | None = None,
) -> str:
    """Return the example with another first question, last answer or other tags; None: as it was.

    Raises Refused for one that cannot be read: it can only be replaced as a whole.
    """
    example = parsed(text)
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


def first_words(text: str | None, length: int = 80) -> str:
    """Return an example's first question, short; nothing for a broken one."""
    example = parsed(text)
    return short(" ".join(example.question.split()), length) if example else ""
