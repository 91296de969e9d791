"""Rate limits: token buckets, and waits that grow with each wrong try.

Times are seconds of any clock that never runs back. What is kept by key is bounded, whoever calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

FREE_TRIES = 5
MAX_WAIT_S = 300.0
FORGOTTEN_S = 3600.0
MAX_FAILING = 10_000
MAX_BUCKETS = 50_000
# Sums of sixtieths are not exact.
_TINY_S = 1e-6


class TokenBucket:
    """`per_s` tokens a second on the long run, at most `burst` at once; `per_s` 0: no limit.

    The generic cell rate algorithm: one number is kept, the moment at which the bucket is full
    again. Source: ITU-T I.371, "virtual scheduling".
    """

    __slots__ = ("_burst", "_full_at", "_gap_s", "spent_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._gap_s = 1 / per_s if per_s > 0 else 0.0
        self._burst = burst
        self._full_at = 0.0
        self.spent_s = 0.0

    def take(self, now: float) -> float:
        """Take a token and return 0, or return in how many seconds there will be one."""
        wait_s = self._wait_s(now)
        if wait_s > _TINY_S:
            return wait_s
        self.reserve(now)
        return 0.0

    def reserve(self, now: float) -> float:
        """Take the next token, and return in how many seconds it will be there."""
        wait_s = self._wait_s(now)
        self._full_at = max(self._full_at, now) + self._gap_s
        self.spent_s += self._gap_s
        return wait_s

    def give_back(self) -> None:
        """Put a token back."""
        self._full_at -= self._gap_s
        self.spent_s -= self._gap_s

    def take_spent(self) -> float:
        """Return what was spent here since the last time, in seconds of filling."""
        spent, self.spent_s = self.spent_s, 0.0
        return spent

    def settle(self, full_in_s: float, now: float) -> None:
        """Take what it and others come to together; what was spent meanwhile comes on top."""
        self._full_at = now + full_in_s + self.spent_s

    def has(self, tokens: float, now: float) -> bool:
        """Return whether so many tokens are there, or all that it can hold."""
        return self.full_in_s(now) <= (self._burst - min(tokens, self._burst)) * self._gap_s

    def left(self, now: float) -> float:
        """Return how many tokens are there."""
        return self._burst - self.full_in_s(now) / self._gap_s if self._gap_s else self._burst

    def full_in_s(self, now: float) -> float:
        """Return in how many seconds it is full again; 0: it may be forgotten."""
        return max(0.0, self._full_at - now)

    def _wait_s(self, now: float) -> float:
        return max(0.0, self.full_in_s(now) - (self._burst - 1) * self._gap_s)


class TokenBuckets:
    """Buckets by key; full ones are forgotten, and of too many those that came first."""

    def __init__(self, most: int = MAX_BUCKETS) -> None:
        self._most = most
        self._buckets: dict[Hashable, TokenBucket] = {}

    def get(self, key: Hashable, per_s: float, burst: float, now: float) -> TokenBucket:
        """Return the bucket of `key`, made as said where there is none."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._sweep(now)
            bucket = self._buckets[key] = TokenBucket(per_s, burst)
        return bucket

    def _sweep(self, now: float) -> None:
        used = [each for each in self._buckets.items() if each[1].full_in_s(now) > 0]
        self._buckets = dict(used[max(len(used) - self._most // 2, 0) :])

    def __len__(self) -> int:
        return len(self._buckets)


class Throttle:
    """Who guesses a secret waits ever longer: 1 second after `free` failures, then 2, 4 … 300.

    Failures count by a key, known or not, so that waiting tells nobody which keys there are.
    """

    def __init__(self, free: int = FREE_TRIES, most: int = MAX_FAILING) -> None:
        self._free = free
        self._most = most
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """Return how long the next try has to wait, 0 for not at all."""
        failures, at = self._of(key, now)
        if failures < self._free:
            return 0.0
        # Above that the power would be a number nobody waits for.
        pause_s = min(2.0 ** min(failures - self._free, 16), MAX_WAIT_S)
        return max(at + pause_s - now, 0.0)

    def add_failure(self, key: str, now: float) -> None:
        """Count a try before its outcome is known, so that many at once count too."""
        failures, _ = self._of(key, now)
        self._failures[key] = (failures + 1, now)
        self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def remove_failure(self, key: str) -> None:
        """Uncount the newest try: it was right, which says nothing of the others."""
        failures, at = self._failures.get(key, (0, 0.0))
        if failures > 1:
            self._failures[key] = (failures - 1, at)
        else:
            self.forget(key)

    def forget(self, key: str) -> None:
        """Forget the failures: the right one came."""
        self._failures.pop(key, None)

    def load(self, key: str, failures: int, at: float) -> None:
        """Take what others counted."""
        self._failures[key] = failures, at

    def read(self, key: str, now: float) -> tuple[int, float]:
        """Return how many failed, and seconds since the last."""
        failures, at = self._of(key, now)
        return failures, now - at

    def _of(self, key: str, now: float) -> tuple[int, float]:
        failures, at = self._failures.get(key, (0, now))
        return (0, now) if now - at > FORGOTTEN_S else (failures, at)
