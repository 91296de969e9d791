"""Tally: what answered questions have cost, and who counted their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from merlin.core.money import Cost


@dataclass(frozen=True, slots=True)
class Newest:
    """A session's newest answered turn; `is_counted`: the provider told its tokens."""

    turn_id: int
    is_counted: bool


class Tally(Protocol):
    """What the turns of one bot add up to; it is only read."""

    def of_session(self, session_id: int) -> Sequence[Cost] | None:
        """Return what a session has cost, one sum a currency; None before the first question.

        No sums: nobody knows what it cost.
        """

    def since(self, user_id: int, at: datetime) -> Sequence[Cost] | None:
        """Return what a person's questions have cost since then, in the same way."""

    def count(self, session_id: int) -> int:
        """Return how many answered turns a session has."""

    def newest(self, session_id: int) -> Newest | None:
        """Return a session's newest answered turn, None where there is none."""
