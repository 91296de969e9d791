"""Deadlines that grow with what the machine needs: for stand-ins, the demo and the tests.

A deadline is given in seconds of a machine that has nothing else to do. A wait that is over by
then looks how slow the machine is now, and ends only when the longer time is over as well.
"""

from __future__ import annotations

import os
import time

DEADLINE_S = 30.0
# As many additions as take 15 ms of an idle core of the machine on which the deadlines were set:
# longer than a scheduler's slice, so that a busy machine takes the core away in between.
_ADDITIONS, _IDLE_S = 500_000, 0.02
# For how long a call's timeout relies on the last measurement, in seconds.
_HOLDS_S = 10.0


class _Machine:
    """How slow this machine is."""

    def __init__(self) -> None:
        self._measured_at = -_HOLDS_S
        self.slowness = 1.0

    def measure(self) -> float:
        """Return how many times as long as an idle machine's work takes here now, at least 1."""
        began, total = time.monotonic(), 0
        for number in range(_ADDITIONS):
            total += number
        self._measured_at = time.monotonic()
        # The load of the last minute also counts what waits for the disk.
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        self.slowness = max(1.0, load, (self._measured_at - began) / _IDLE_S)
        return self.slowness

    def measured(self) -> float:
        """Return what a measurement of the last seconds said; measure where there is none."""
        is_old = time.monotonic() - self._measured_at >= _HOLDS_S
        return self.measure() if is_old else self.slowness


_MACHINE = _Machine()


def longest(seconds: float = 4 * DEADLINE_S) -> float:
    """Return in seconds of now what takes `seconds` on an idle machine: a call's timeout."""
    return seconds * _MACHINE.measured()


class Deadline:
    """The end of one wait, `seconds` of an idle machine after now."""

    def __init__(self, seconds: float = DEADLINE_S) -> None:
        self._began = time.monotonic()
        self._idle_s = self.allowed_s = seconds

    def is_over(self) -> bool:
        """Return whether the wait has taken longer than this machine needs at its slowest yet.

        Looks at the machine only after `seconds`: a wait that ends in time costs nothing.
        """
        waited_s = time.monotonic() - self._began
        if waited_s > self.allowed_s:
            self.allowed_s = max(self.allowed_s, self._idle_s * _MACHINE.measure())
        return waited_s > self.allowed_s
