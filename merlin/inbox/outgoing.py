"""Outgoing: one message to send, kept because Telegram cannot be asked what it has received.

    pending -> sending -> sent
                       -> unknown -> sending (a repeat, with a mark) -> sent | unknown
    pending, unknown -> dropped

`unknown`: the connection ended after the message was sent off, or the process did. It is sent once
more with a mark, never a third time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from merlin.core.page import Page
from merlin.inbox.owner import Owner

MOST_TRIES = 2


class OutgoingState(StrEnum):
    """Where a message stands; the values are what the database stores."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in a chat a message goes; 0 means none of each.

    `thread_id` is the topic, `reply_to` the message it quotes, `edit_of` the message that shall
    say this instead of what it says; one that is gone is sent anew.
    """

    thread_id: int = 0
    reply_to: int = 0
    edit_of: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A message somebody wants sent; the same `key` is stored a single time.

    `update_id` is the update it answers, None where it answers none.
    """

    key: str
    chat_id: int
    page: Page
    update_id: int | None = None
    spot: Spot = Spot()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A stored letter; `tries` counts how often it was begun to be sent."""

    outgoing_id: int
    letter: Letter
    state: OutgoingState
    tries: int = 0
    message_id: int | None = None

    @property
    def is_over(self) -> bool:
        """Return whether nothing more will be done with it."""
        doubted_twice = self.state is OutgoingState.UNKNOWN and self.tries >= MOST_TRIES
        return doubted_twice or self.state in {OutgoingState.SENT, OutgoingState.DROPPED}


class Outbox(Protocol):
    """Where outgoing messages are kept; each method is one transaction."""

    def put(self, letters: Sequence[Letter]) -> list[Outgoing]:
        """Store the letters whose keys are new; return all of them as they now stand."""

    def of_update(self, update_id: int) -> list[Outgoing]:
        """Return what answers this update, in order."""

    def begin(self, outgoing_id: int, owner: Owner) -> bool:
        """Turn pending or unknown to sending and count a try; False when it stands otherwise."""

    def settle(self, outgoing_id: int, state: OutgoingState, message_id: int | None = None) -> None:
        """Store what became of the sending; `pending` when it was surely not sent."""

    def drop(self, chat_id: int) -> int:
        """Drop everything that waits for this chat; return how many."""

    def loose(self, owner: Owner, limit: int) -> list[Outgoing]:
        """Return what answers no update and waits, oldest first.

        What a dead owner left as sending is turned to unknown before.
        """
