"""Bucket: a pace of so many a second with a burst, as pure arithmetic on given moments.

The generic cell rate algorithm: one number is kept, the moment at which the bucket is full again.
Source: ITU-T I.371, "virtual scheduling".
"""

from __future__ import annotations


class Bucket:
    """`per_s` a second on the long run, at most `burst` at once; `per_s` 0 lifts the limit."""

    __slots__ = ("_burst", "_full_at", "_gap_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._gap_s = 1 / per_s if per_s > 0 else 0.0
        self._burst = burst
        self._full_at = 0.0

    def take(self, now: float) -> float:
        """Reserve the next place; return how many seconds from `now` it is."""
        wait = self._left_until_full(now) - (self._burst - 1) * self._gap_s
        self._full_at = max(self._full_at, now) + self._gap_s
        return max(0.0, wait)

    def room(self, now: float) -> bool:
        """Return whether two places are free: one to take, one that stays for a final edit."""
        spare = min(2.0, self._burst)
        return self._left_until_full(now) <= (self._burst - spare) * self._gap_s

    def is_full(self, now: float) -> bool:
        """Return whether nothing has been taken that is not back."""
        return self._full_at <= now

    def _left_until_full(self, now: float) -> float:
        return max(0.0, self._full_at - now)
