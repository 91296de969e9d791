"""Conversations: as a base reads them, and counted without one.

A base reads a conversation by its own chat template, the same in training and serving: a model
asked in other words than it was taught in answers worse without an error. The engine's own token is
one word or one sign. `recall` reads whole words, so this is what it works on; it is not the count
of any language model, and is smaller than theirs, most of all for Russian. The processes that train
and answer import this module, so it imports nothing of the engine's server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from merlin.core.messages import Message

_NOT_FOR_TEMPLATES = frozenset({"weight"})
_TOKEN = re.compile(r"\w+|[^\w\s]")


def render_chat(tokenizer: Any, conversation: Sequence[Message], *, is_asked: bool = False) -> str:
    """Return a conversation as text; `is_asked`: with the beginning of the answer wanted.

    The text holds every special token already. Raises jinja2's TemplateError where the template
    refuses the conversation.
    """
    messages = [_fields(message) for message in conversation]
    # Examples teach answers, no thoughts: bases that can think (Qwen3, SmolLM3) are told not to, or
    # an empty thought would be taught and told. Other templates do not know the word.
    text = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=is_asked, enable_thinking=False
    )
    return str(text)


def _fields(message: Message) -> dict[str, object]:
    fields = message.as_json()
    return {key: value for key, value in fields.items() if key not in _NOT_FOR_TEMPLATES}


def count_tokens(text: str) -> int:
    """Return how many words and signs `text` has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def count_messages(messages: Iterable[Message]) -> int:
    """Return what a conversation counts: its texts alone, roles are free."""
    return sum(count_tokens(message.content) for message in messages)


def first_tokens(text: str, most: int) -> str:
    """Return the first `most` tokens of `text` as they stand in it."""
    end = 0
    for number, found in enumerate(_TOKEN.finditer(text)):
        if number == most:
            return text[:end]
        end = found.end()
    return text
