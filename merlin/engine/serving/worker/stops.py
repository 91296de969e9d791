"""Stop texts of an answer: nothing of one is shown. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Takes an answer's text piece by piece, gives out what may be shown."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Take the texts that end the answer; none of them is empty."""
        self._stops = tuple(stops)
        self._held = ""
        self.is_met = False

    def add(self, text: str) -> str:
        """Return what may be shown now; `is_met` afterwards where a stop came."""
        held = self._held + text
        found = [place for stop in self._stops if (place := held.find(stop)) >= 0]
        if found:
            self.is_met, self._held = True, ""
            return held[: min(found)]
        kept = self._may_begin(held)
        self._held = held[len(held) - kept :]
        return held[: len(held) - kept]

    def rest(self) -> str:
        """Return what was held back: the answer has ended without a stop."""
        held, self._held = self._held, ""
        return held

    def _may_begin(self, held: str) -> int:
        """Return how many letters at the end of `held` may be a stop's first ones."""
        most = max((len(stop) - 1 for stop in self._stops), default=0)
        for length in range(min(most, len(held)), 0, -1):
            if any(stop.startswith(held[-length:]) for stop in self._stops):
                return length
        return 0
