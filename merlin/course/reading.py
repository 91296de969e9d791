"""Reading: what the pages show of a course beyond its card: texts, and how many of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Readings(Protocol):
    """Where that is read; nobody but the daemon's look at git writes it."""

    def text(self, dataset: str, path: str) -> str | None:
        """Return a file of the newest commit, None where there is none or it is no text."""

    def lengths(self, dataset: str) -> Mapping[str, int]:
        """Return path -> how many characters, of the texts of a dataset's materials."""

    def kinds(self) -> Mapping[int, Mapping[str, int]]:
        """Return course id -> kind -> how many materials of it a course has now."""
