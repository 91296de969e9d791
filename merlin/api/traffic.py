"""Traffic: how many calls this process has answered, by method, route and status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traffic:
    """Counts since the process began; a label is never a word that a caller made up.

    `hooks_refused` counts calls of hooks, by name, that did not prove a secret or come from where
    they must.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self.hooks_refused: Counter[str] = Counter()

    def count(self, method: str, route: str, status: int) -> None:
        """Add one call; `route` is the pattern it met, "" where there is none."""
        self._counts[method if method in METHODS else "other", route, status] += 1

    @property
    def counts(self) -> Mapping[tuple[str, str, int], int]:
        """Return calls by (method, route, status)."""
        return self._counts
