"""Rate limits: token buckets, and delays that grow with failed attempts.

Times are seconds of any monotonic clock. State per key is bounded in size.
"""

from collections import OrderedDict
from collections.abc import Hashable

FREE_TRIES = 5
MAX_WAIT_S = 300.0
FORGET_AFTER_S = 3600.0
MAX_FAILURE_KEYS = 10_000
MAX_BUCKETS = 50_000
# Tolerance: multiples of 1/60 are not exact in floating point.
_ROUNDING_S = 1e-6


class TokenBucket:
    """A token bucket: `per_s` tokens per second, at most `burst` at once; `per_s` 0: unlimited.

    The generic cell rate algorithm, which stores one number: the time at which the bucket will be
    full again. Source: ITU-T I.371, "virtual scheduling".
    """

    __slots__ = ("_burst", "_full_at", "_gap_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._gap_s = 1 / per_s if per_s > 0 else 0.0
        self._burst = burst
        self._full_at = 0.0

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until one is available."""
        wait_s = self._wait_s(now)
        if wait_s > _ROUNDING_S:
            return wait_s
        self.reserve(now)
        return 0.0

    def reserve(self, now: float) -> float:
        """Take the next token, available or not, and return the seconds until it is."""
        wait_s = self._wait_s(now)
        self._full_at = max(self._full_at, now) + self._gap_s
        return wait_s

    def has(self, tokens: float, now: float) -> bool:
        """Return whether that many tokens are available, or as many as the bucket can hold."""
        return self.full_in_s(now) <= (self._burst - min(tokens, self._burst)) * self._gap_s

    def full_in_s(self, now: float) -> float:
        """Return the seconds until the bucket is full again; at 0 it may be dropped."""
        return max(0.0, self._full_at - now)

    def _wait_s(self, now: float) -> float:
        return max(0.0, self.full_in_s(now) - (self._burst - 1) * self._gap_s)


class TokenBuckets:
    """Token buckets by key; at the limit, full ones are dropped, then the oldest."""

    def __init__(self, max_buckets: int = MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._buckets: dict[Hashable, TokenBucket] = {}

    def get(self, key: Hashable, per_s: float, burst: float, now: float) -> TokenBucket:
        """Return the bucket of `key`, created with this rate if missing."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._max_buckets:
                buckets = list(self._buckets.items())  # other threads may add one meanwhile
                not_full = [item for item in buckets if item[1].full_in_s(now) > 0]
                self._buckets = dict(not_full[max(len(not_full) - self._max_buckets // 2, 0) :])
            bucket = self._buckets[key] = TokenBucket(per_s, burst)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)


class Throttle:
    """Delays attempts to guess a secret: after `free_tries` failures 1 second, then 2, 4 … 300.

    Failures are counted for unknown keys too, so that the delay does not reveal which keys exist.
    """

    def __init__(self, free_tries: int = FREE_TRIES, max_keys: int = MAX_FAILURE_KEYS) -> None:
        self._free_tries = free_tries
        self._max_keys = max_keys
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """Return how many seconds the next attempt has to wait, or 0."""
        failures, failed_at = self._get_current(key, now)
        if failures < self._free_tries:
            return 0.0
        # Bound the exponent; the delay is limited to MAX_WAIT_S anyway.
        pause_s = min(2.0 ** min(failures - self._free_tries, 16), MAX_WAIT_S)
        return max(failed_at + pause_s - now, 0.0)

    def add_failure(self, key: str, now: float) -> None:
        """Count a failure before the attempt's outcome is known: parallel attempts count too."""
        failures, _ = self._get_current(key, now)
        self._failures[key] = failures + 1, now
        self._failures.move_to_end(key)
        if len(self._failures) > self._max_keys:
            self._failures.popitem(last=False)

    def remove_failure(self, key: str) -> None:
        """Undo the newest failure: that attempt succeeded, which says nothing about the others."""
        failures, failed_at = self._failures.get(key, (0, 0.0))
        if failures > 1:
            self._failures[key] = (failures - 1, failed_at)
        else:
            self.forget(key)

    def forget(self, key: str) -> None:
        """Reset the key's failures after a success."""
        self._failures.pop(key, None)

    def _get_current(self, key: str, now: float) -> tuple[int, float]:
        failures, failed_at = self._failures.get(key, (0, now))
        return (0, now) if now - failed_at > FORGET_AFTER_S else (failures, failed_at)
