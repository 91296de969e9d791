"""Waiting for other processes: the only place where tests sleep between two checks.

Deadlines are in seconds of an idle machine. When one passes, the wait measures how slow the machine
is now and ends only when the correspondingly longer time has passed too: `wait_until` does it
itself, `longest()` gives a timeout for calls that a library ends.
"""

import os
import time
from functools import lru_cache

DEADLINE_S = 30.0
# As many additions as take 15 ms on an idle core of the machine on which the deadlines were set:
# longer than a scheduler's slice, so that a busy machine preempts the loop.
_ADDITIONS = 500_000
_IDLE_S = 0.02
# How long a measurement is reused for call timeouts, in seconds.
_MEASUREMENT_LIFE_S = 30.0


def _slowness() -> float:
    """Return how many times slower than an idle machine this one is now, at least 1."""
    started_at = time.monotonic()
    total = 0
    for addend in range(_ADDITIONS):
        total += addend
    # The one-minute load average also counts processes waiting for the disk.
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return max(1.0, load, (time.monotonic() - started_at) / _IDLE_S)


@lru_cache(maxsize=1)
def _slowness_at(_period: int) -> float:
    return _slowness()


def longest(seconds: float = 4 * DEADLINE_S) -> float:
    """Return the timeout, in seconds, for a call that takes `seconds` on an idle machine."""
    return seconds * _slowness_at(int(time.monotonic() / _MEASUREMENT_LIFE_S))


class Deadline:
    """A deadline `seconds` from now, extended while the machine is busy."""

    def __init__(self, seconds: float = DEADLINE_S) -> None:
        self._started_at = time.monotonic()
        self._idle_s = self.allowed_s = seconds

    def is_over(self) -> bool:
        """Return whether the time is up, even for the slowest speed measured so far.

        Measures the machine only after `seconds`: a wait that ends in time costs nothing.
        """
        waited_s = time.monotonic() - self._started_at
        if waited_s > self.allowed_s:
            self.allowed_s = max(self.allowed_s, self._idle_s * _slowness())
        return waited_s > self.allowed_s


# The time between two checks: longer the longer one has waited, as a check takes processor time
# from what it waits for, and a command or a login takes much of it.
CHECK_INTERVAL_S = 0.02
LONGEST_INTERVAL_S = 0.1
PAUSES = 2
SHARE_OF_WAIT = 0.1


def wait_until(
    condition, deadline_s=DEADLINE_S, describe=lambda: "it did not happen in time"
):
    """Return the first true value of `condition`; after the deadline fail with `describe()`."""
    deadline = Deadline(deadline_s)
    began_at = time.monotonic()
    while True:
        started_at = time.monotonic()
        if result := condition():
            return result
        assert not deadline.is_over(), describe()
        now = time.monotonic()
        pause_s = min(SHARE_OF_WAIT * (now - began_at), LONGEST_INTERVAL_S)
        time.sleep(max(CHECK_INTERVAL_S, PAUSES * (now - started_at), pause_s))
