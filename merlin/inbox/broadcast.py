"""Broadcast: one text to everybody, handed to the outbox bit by bit.

    draft -> running -> ended
                     -> stopped

The receivers are those who wrote before the start, by id; `cursor` is the last who was handed
over, so that a kill in the middle loses and doubles nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class BroadcastState(StrEnum):
    """Where a broadcast stands; the values are what the database stores."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast; `text` is Markdown, `language` whom it goes to ("": everybody).

    `by_user` is told what came of it. `is_whole`: everybody was handed over.
    """

    broadcast_id: int
    by_user: int
    text: str
    state: BroadcastState
    language: str = ""
    total: int = 0
    is_whole: bool = False

    def key(self, user_id: int) -> str:
        """Return the key of the letter to one person."""
        return f"{self.prefix}{user_id}"

    @property
    def prefix(self) -> str:
        """Return what the keys of all its letters begin with."""
        return f"broadcast:{self.broadcast_id}:"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the letters so far; `failed`: refused, or nobody knows if they came."""

    sent: int = 0
    blocked: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def handed(self) -> int:
        """Return how many people were handed over."""
        return self.sent + self.blocked + self.failed + self.waiting


class Broadcasts(Protocol):
    """Where the broadcasts of one bot are kept; each method is one transaction."""

    def draft(self, by_user: int, text: str) -> int:
        """Keep a text that may be sent; return its id."""

    def get(self, broadcast_id: int) -> Broadcast | None:
        """Return a broadcast, None where there is none."""

    def receivers(self) -> Mapping[str, int]:
        """Return how many people can be written to, by language."""

    def start(self, broadcast_id: int, language: str) -> bool:
        """Begin to send a draft; False when it is none, or nobody would get it."""

    def stop(self, broadcast_id: int) -> bool:
        """Send no more of it, and take back what waits; False when it does not run."""

    def newest(self, limit: int) -> list[Broadcast]:
        """Return those that were begun, newest first."""


class Deliveries(Protocol):
    """How running broadcasts are handed over; each method is one transaction."""

    def open(self) -> list[Broadcast]:
        """Return those that were begun and whose end was not told, oldest first."""

    def waiting(self) -> int:
        """Return how many messages that answer nobody wait to be sent, of whatever kind."""

    def next(self, broadcast_id: int, most: int) -> Sequence[int]:
        """Move on; return whom to write to now, nobody within a second of the last time."""

    def delivered(self, broadcast_id: int) -> Delivered:
        """Return what became of the letters."""

    def end(self, broadcast_id: int) -> bool:
        """Note that the end was told; False when it was so already."""
