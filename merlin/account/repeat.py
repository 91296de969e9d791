"""Repeat: a call that names itself with a key, so that sending it again does nothing twice.

    begun -> answered     the answer is kept for a day, and told again to the same call
    begun -> forgotten    nothing happened: the same key may be tried again at once

One that was begun by a process that died may be tried again after `PATIENCE`, with the same number:
by it the effect knows itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

KEPT = timedelta(hours=24)
PATIENCE = timedelta(minutes=10)
NUMBER_BITS = 62


@dataclass(frozen=True, slots=True)
class Named:
    """A person's call with the key that it carries; `request` is a digest of all that it asks."""

    user_id: int
    key: str
    request: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A call whose effect may be done now; `number` is the same however often it is begun."""

    repeat_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered with."""

    status: int
    media_type: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Clash(StrEnum):
    """Why a call cannot be begun."""

    RUNNING = "running"  # the same call is under way
    OTHER = "other"  # the key belongs to another call


class Repeats(Protocol):
    """Where such calls are kept; each method is one transaction."""

    def begin(self, named: Named) -> Begun | Answer | Clash:
        """Begin a call, or say what is known of it; of two at once one begins."""

    def end(self, begun: Begun, answer: Answer) -> None:
        """Keep what the call was answered with; the first answer stays."""

    def forget(self, begun: Begun) -> None:
        """Let the key be free again, because nothing happened."""

    def clear(self, now: datetime) -> int:
        """Remove what is older than `KEPT`; return how many."""
