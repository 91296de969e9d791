"""Window: how many tokens of a talk a model takes, and what of a session still fits.

Before the call the size is estimated, because the model's own vocabulary is not known here; the
provider's count after the answer is the true one. The limit is what the provider said of the
model, else what the configuration knows, else a cautious guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.core.messages import Message

MOST_TURNS = 400
# What every model in use takes at least; used where nobody knows better.
CAUTIOUS_TOKENS = 8192
WARN_SHARE = 0.8
# The rest is left for the answer.
FULL_SHARE = 0.9
# Measured on Russian text with o200k_base: 6.6 bytes a token; four is on the safe side.
_BYTES_PER_TOKEN = 4
_FRAME_TOKENS = 4
_NUMBER = re.compile(r"\b(\d{3,8})\s+tokens")


class WindowUsage(StrEnum):
    """How full a window is, for what is to be told."""

    FREE = "free"
    NEAR = "near"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class WindowCounter:
    """How many tokens of a window are used."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """Return the used part, 0 to 1 and beyond."""
        return self.used / self.limit if self.limit else 1.0

    @property
    def fill(self) -> WindowUsage:
        """Return what the share means."""
        if self.share >= FULL_SHARE:
            return WindowUsage.FULL
        return WindowUsage.NEAR if self.share >= WARN_SHARE else WindowUsage.FREE


def estimate_tokens(message: Message) -> int:
    """Return about how many tokens a message costs, rather too many than too few."""
    return _FRAME_TOKENS + len(message.content.encode()) // _BYTES_PER_TOKEN


def count_window_tokens(messages: Iterable[Message]) -> int:
    """Return about how many tokens these messages cost together."""
    return sum(map(estimate_tokens, messages))


def fits_window(messages: Iterable[Message], limit_tokens: int) -> bool:
    """Return whether these messages leave room for an answer."""
    return count_window_tokens(messages) <= limit_tokens * FULL_SHARE


def window_limit(
    said: int | None, known: Mapping[str, int], names: Sequence[str], cap: int | None = None
) -> int:
    """Return the limit: what the provider `said`, else what is `known` by one of the names.

    `cap` is the most that a plan allows.
    """
    found = said or next((known[name] for name in names if name in known), CAUTIOUS_TOKENS)
    return min(found, cap) if cap else found


def limit_from_refusal(reason: str, sent: Sequence[Message]) -> int:
    """Return the limit that a provider's refusal of a long talk tells, else less than was sent.

    Source: openai/openai-openapi, context_length_exceeded: "maximum context length is N tokens".
    """
    found = _NUMBER.search(reason)
    return int(found.group(1)) if found else max(1, count_window_tokens(sent) * 3 // 4)
