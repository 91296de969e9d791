"""Retention: for how long what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Retention:
    """Days; 0 keeps for ever. What people did not finish is never taken away by these.

    `updates_days`: events of Telegram, requests and dialogs that came to an end. `outgoing_days`:
    messages and notices that were sent. `turns_days`: questions and answers with the sessions
    that nobody has opened since. `audit_days`: the record of dangerous actions.
    """

    updates_days: int = 30
    outgoing_days: int = 30
    turns_days: int = 0
    audit_days: int = 730


def read_retention(said: Mapping[str, float]) -> Retention:
    """Return the retention of the config's `retention`; its schema has judged it."""
    return Retention(**{name: int(days) for name, days in said.items()})


class Retained(Protocol):
    """What is kept, as far as it may go."""

    def sweep(self) -> int:
        """Take away some of what was kept long enough; return how many rows went."""
