"""Rate limits: token buckets.

Times are seconds of any monotonic clock. State per key is bounded in size.
"""

from collections.abc import Hashable

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

    def give_back(self) -> None:
        """Return a token that was taken."""
        self._full_at -= self._gap_s

    def has(self, tokens: float, now: float) -> bool:
        """Return whether that many tokens are available, or as many as the bucket can hold."""
        return (
            self.full_in_s(now)
            <= (self._burst - min(tokens, self._burst)) * self._gap_s
        )

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
                buckets = list(
                    self._buckets.items()
                )  # other threads may add one meanwhile
                not_full = [item for item in buckets if item[1].full_in_s(now) > 0]
                self._buckets = dict(
                    not_full[max(len(not_full) - self._max_buckets // 2, 0) :]
                )
            bucket = self._buckets[key] = TokenBucket(per_s, burst)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
