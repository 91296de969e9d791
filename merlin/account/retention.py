"""Retention: for how long what is kept."""

from __future__ import annotations

from typing import Protocol


class Retained(Protocol):
    """What is kept, as far as it may go."""

    def sweep(self) -> int:
        """Take away some of what was kept long enough; return how many rows went."""
