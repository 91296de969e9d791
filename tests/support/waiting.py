"""Waiting for other processes: the only place where tests sleep between two checks.

Deadlines are in seconds of an idle machine and are extended when this one is busy: `wait_until`
does it itself, `longest()` gives a timeout for calls that a library ends.
"""

import time

from merlin.sandbox.server import DEADLINE_S, Deadline, longest

__all__ = ["DEADLINE_S", "Deadline", "longest", "wait_until"]

# The time between two checks: longer the longer one has waited, as a check takes processor time
# from what it waits for, and a command or a login takes much of it.
CHECK_INTERVAL_S, LONGEST_INTERVAL_S = 0.02, 0.1
PAUSES = 2
SHARE_OF_WAIT = 0.1


def wait_until(condition, deadline_s=DEADLINE_S, describe=lambda: "it did not happen in time"):
    """Return the first true value of `condition`; after the deadline fail with `describe()`."""
    deadline, began_at = Deadline(deadline_s), time.monotonic()
    while True:
        started_at = time.monotonic()
        if result := condition():
            return result
        assert not deadline.is_over(), describe()
        now = time.monotonic()
        pause_s = min(SHARE_OF_WAIT * (now - began_at), LONGEST_INTERVAL_S)
        time.sleep(max(CHECK_INTERVAL_S, PAUSES * (now - started_at), pause_s))
