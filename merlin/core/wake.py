"""Wake: one counter by which processes learn within a second that something waits for them."""

from __future__ import annotations

from typing import Protocol


class Wake(Protocol):
    """The counter in the database; every write that another process waits for bumps it."""

    def bump(self) -> None:
        """Add one."""

    def read(self) -> int:
        """Return the counter."""
