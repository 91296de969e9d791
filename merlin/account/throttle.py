"""Throttle: who guesses passwords waits ever longer, and the owner is not locked out.

Failures count by a name, known or not, so that waiting tells nobody which names there are. A
browser that its owner has signed in with before counts on its own: what strangers do to a name
does not touch it. Everything is in memory and bounded.
"""

from __future__ import annotations

from collections import OrderedDict

FREE = 5
LONGEST_S = 300.0
FORGOTTEN_S = 3600.0
MOST = 10_000


def pause_s(failures: int, free: int = FREE) -> float:
    """Return how long after so many failures the next try may come: 0, then 1, 2, 4 … 300."""
    return 0.0 if failures < free else float(min(2.0 ** min(failures - free, 16), LONGEST_S))


class Throttle:
    """Counts failures by a key; times are seconds of any clock that never runs back."""

    def __init__(self, free: int = FREE, most: int = MOST) -> None:
        self._free = free
        self._most = most
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """Return how long the next try has to wait, 0 for not at all."""
        failures, at = self._of(key, now)
        return max(at + pause_s(failures, self._free) - now, 0.0) if failures else 0.0

    def failed(self, key: str, now: float) -> None:
        """Count a try before its outcome is known, so that many at once count too."""
        failures, _ = self._of(key, now)
        self._failures[key] = (failures + 1, now)
        self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def passed(self, key: str) -> None:
        """Forget the failures: the right one came."""
        self._failures.pop(key, None)

    def right(self, key: str) -> None:
        """Uncount the newest try: it was right, which says nothing of the others."""
        failures, at = self._failures.get(key, (0, 0.0))
        if failures > 1:
            self._failures[key] = (failures - 1, at)
        else:
            self.passed(key)

    def _of(self, key: str, now: float) -> tuple[int, float]:
        failures, at = self._failures.get(key, (0, now))
        return (0, now) if now - at > FORGOTTEN_S else (failures, at)
