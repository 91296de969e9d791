"""Window: which messages of a session go to the model with a new question.

The newest turns that fit go along, whole turns only. The size is estimated, because the model's
own vocabulary is not known here; the provider's count after the answer is the true one.
"""

from __future__ import annotations

from collections.abc import Sequence

from merlin.core.message import Message

MOST_TURNS = 20
LIMIT_TOKENS = 6000
# Measured on Russian text with o200k_base: 6.6 bytes a token; four is on the safe side.
_BYTES_PER_TOKEN = 4
_FRAME_TOKENS = 4


def estimate(message: Message) -> int:
    """Return about how many tokens a message costs, rather too many than too few."""
    return _FRAME_TOKENS + len(message.content.encode()) // _BYTES_PER_TOKEN


def fit(
    history: Sequence[Message], question: str, limit_tokens: int = LIMIT_TOKENS
) -> tuple[Message, ...]:
    """Return the newest part of `history` that fits `limit_tokens`, and the question last.

    The question always goes along, whatever its size; history begins with a question.
    """
    asked = Message("user", question)
    left = limit_tokens - estimate(asked)
    kept: list[Message] = []
    for message in reversed(history):
        left -= estimate(message)
        if left < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].role != "user":
        del kept[0]
    return (*kept, asked)
