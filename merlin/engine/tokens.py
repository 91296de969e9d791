"""The engine's own token count: a token is one word or one sign.

`recall` reads whole words, so this is what it works on; it is not the count of any language
model, and is smaller than theirs, most of all for Russian.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from merlin.core.messages import Message

_TOKEN = re.compile(r"\w+|[^\w\s]")


def count(text: str) -> int:
    """Return how many words and signs `text` has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def count_messages(messages: Iterable[Message]) -> int:
    """Return what a conversation counts: its texts alone, roles are free."""
    return sum(count(message.content) for message in messages)


def head(text: str, most: int) -> str:
    """Return the first `most` tokens of `text` as they stand in it."""
    end = 0
    for number, found in enumerate(_TOKEN.finditer(text)):
        if number == most:
            return text[:end]
        end = found.end()
    return text
