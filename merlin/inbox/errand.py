"""Errand: a request that somebody made by a button, and the message in which they wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from merlin.core.request import Request


@dataclass(frozen=True, slots=True)
class Errand:
    """Who waits where for what: `message_id` shows the result when there is one.

    `update_id` is the press that asked; `back` the data of the button under the result.
    """

    request_id: int
    chat_id: int
    message_id: int
    update_id: int
    back: str


class Errands(Protocol):
    """Where the errands of one bot are kept; each method is one transaction."""

    def note(self, errand: Errand) -> None:
        """Keep an errand until it is told."""

    def waits(self, chat_id: int, message_id: int) -> bool:
        """Return whether this message waits for a result already."""

    def ended(self) -> list[tuple[Errand, Request]]:
        """Return errands whose request is done or failed, once their press was answered."""

    def told(self, request_id: int) -> bool:
        """Forget an errand, as its result is handed over; False when somebody else did."""
