"""A conversation as a base reads it, by its own chat template: the same in training and serving.

A model asked in other words than it was taught in answers worse without an error. The processes
that train and answer import this module, so it imports nothing of the engine's server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from merlin.core.messages import Message

_NOT_FOR_TEMPLATES = frozenset({"weight"})


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
