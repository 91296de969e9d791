"""The tokens of a conversation that waits for its answer."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import TemplateError

from merlin.core.message import Message
from merlin.engine.answering.transformers.child.base import Base
from merlin.engine.refusal import bad
from merlin.engine.template import rendered


def prompt_of(base: Base, messages: Sequence[Message]) -> list[int]:
    """Return what the model reads before it answers.

    Raises Refusal 400: where the template takes no such conversation, or it fills the window.
    """
    try:
        text = rendered(base.tokenizer, messages, is_asked=True)
    except TemplateError as error:
        words = f"this model's chat template takes no such messages: {error}"
        raise bad("messages", words) from error
    tokens: list[int] = base.tokenizer.encode(text, add_special_tokens=False)
    if len(tokens) >= base.window:
        words = (
            f"This model's maximum context length is {base.window} tokens, your messages have"
            f" {len(tokens)}. Please reduce the length of the messages."
        )
        raise bad("messages", words, "context_length_exceeded")
    return tokens
