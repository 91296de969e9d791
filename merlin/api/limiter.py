"""Limiter: how many calls somebody may make a minute, as a leaky bucket of one number each.

A bucket holds a minute's worth of calls and leaks evenly. What is kept of it is the moment at
which it will be empty, so an empty bucket need not be kept at all.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

WINDOW_S = 60.0
MOST = 50_000
# Sums of sixtieths are not exact.
_TINY_S = 1e-6


@dataclass(frozen=True, slots=True)
class Policy:
    """So many calls a minute; 0: as many as anybody likes. `name` is what headers call it."""

    name: str
    per_min: int


@dataclass(slots=True)
class Charge:
    """One call as it was counted; `wait_s` over 0: it was refused, and may come again then."""

    key: Hashable
    policy: Policy
    due_s: float
    wait_s: float = 0.0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return what tells a program how much is left (draft-ietf-httpapi-ratelimit-headers)."""
        name, per_min = self.policy.name, self.policy.per_min
        left = max(int((WINDOW_S - self.due_s + _TINY_S) * per_min / WINDOW_S), 0)
        return [
            (b"ratelimit-policy", f'"{name}";q={per_min};w={WINDOW_S:.0f}'.encode()),
            (b"ratelimit", f'"{name}";r={left};t={math.ceil(max(self.due_s, 0))}'.encode()),
        ]


class Limiter:
    """The buckets of one process; times are seconds of any clock that never runs back."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._empty_at: dict[Hashable, float] = {}

    def take(self, key: Hashable, policy: Policy, now: float) -> Charge:
        """Count one call of `key`; a refused one is not counted."""
        before = max(self._empty_at.get(key, now), now) - now
        due_s = before + WINDOW_S / policy.per_min
        wait_s = due_s - WINDOW_S
        if wait_s > _TINY_S:
            return Charge(key, policy, before, wait_s)
        self._empty_at[key] = now + due_s
        if len(self._empty_at) > self._most:
            self._sweep(now)
        return Charge(key, policy, due_s)

    def give_back(self, charge: Charge) -> None:
        """Uncount one call."""
        step_s = WINDOW_S / charge.policy.per_min
        if charge.key in self._empty_at:
            self._empty_at[charge.key] -= step_s
            charge.due_s -= step_s

    def _sweep(self, now: float) -> None:
        """Forget what is empty; and where a crowd fills all buckets, those that came first."""
        full = {key: at for key, at in self._empty_at.items() if at > now}
        surplus = max(len(full) - self._most // 2, 0)
        self._empty_at = dict(list(full.items())[surplus:])

    def __len__(self) -> int:
        return len(self._empty_at)
