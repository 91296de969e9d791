"""What is said: one message of a conversation, and what an answer cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Message:
    """One role and its content, as the chat format of the OpenAI protocol has it.

    `extra` holds the long form's other keys (`name`, `weight`, `tool_calls`, `tool_call_id`).
    """

    role: str
    content: str
    extra: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the message as the protocol writes it: role, content, then the rest by name."""
        return {"role": self.role, "content": self.content, **dict(sorted(self.extra.items()))}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one turn, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
