"""Waiting for other processes: the only place where tests sleep between two checks.

Deadlines are in seconds of an idle machine and are extended when this one is busy: `wait_until`
does it itself, `longest()` gives a timeout for calls that a library ends.
"""

import time

from merlin.sandbox.server import DEADLINE_S, Deadline, longest

__all__ = ["DEADLINE_S", "Deadline", "longest", "wait_until"]

CHECK_INTERVAL_S = 0.02
# A check that is expensive itself (a command, a login) leaves the processor to what it waits for.
PAUSES = 2


def wait_until(condition, deadline_s=DEADLINE_S, describe=lambda: "it did not happen in time"):
    """Return the first true value of `condition`; after the deadline fail with `describe()`."""
    deadline = Deadline(deadline_s)
    while True:
        started_at = time.monotonic()
        if result := condition():
            return result
        assert not deadline.is_over(), describe()
        time.sleep(max(CHECK_INTERVAL_S, PAUSES * (time.monotonic() - started_at)))
