"""Heartbeat: what a process says of itself once a second, and what others conclude."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

SILENT_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The newest words of one process on one host."""

    process: str
    host: str
    pid: int
    since: datetime
    at: datetime
    step: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)

    def is_alive(self, now: datetime) -> bool:
        """Return whether it spoke within the last ten seconds."""
        return (now - self.at).total_seconds() < SILENT_AFTER_S


class Heartbeats(Protocol):
    """Where heartbeats are kept: one row per (process, host)."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Store the newest words."""

    def all(self) -> list[Heartbeat]:
        """Return every process's newest words."""
