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

    Of what never served and is not under way: `builds_days`: folders of builds. `files_days`:
    training files at providers. `models_days`: models at providers. `mirror_days`: what a
    rewritten history left in the mirror of the repository.
    """

    updates_days: int = 30
    outgoing_days: int = 30
    turns_days: int = 0
    audit_days: int = 730
    builds_days: int = 30
    files_days: int = 30
    models_days: int = 0
    mirror_days: int = 14


def read_retention(said: Mapping[str, float]) -> Retention:
    """Return the retention of the config's `retention`; its schema has judged it."""
    return Retention(**{name: int(days) for name, days in said.items()})


class Retained(Protocol):
    """What is kept, as far as it may go."""

    def sweep(self) -> int:
        """Take away some of what was kept long enough; return how many rows went."""
