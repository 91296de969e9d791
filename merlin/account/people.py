"""People: everything that is kept of one person, told to them, and erased on their word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

# What stands in the place of somebody who was erased.
ERASED = "user:erased"


class People(Protocol):
    """The whole database, seen from one person; each method is one transaction."""

    def count(self, user_id: int) -> Mapping[str, int]:
        """Return how many rows of each table are the person's, tables without any left out."""

    def told(self, user_id: int) -> Mapping[str, object]:
        """Return everything that is kept of the person, as plain JSON values."""

    def forget(self, user_id: int, until: datetime, spared: int | None = None) -> Mapping[str, int]:
        """Remove every trace of the person; return how many rows of each table that met.

        What they used of their plan is kept until `until` under a keyed hash. `spared` is the
        update that asked for it: its row stays, so that a kill leaves nothing half done.
        Done twice, the second time finds nothing.
        """
