"""Waiting for what other processes do: the one place where tests sleep between two looks.

Deadlines are seconds of an idle machine and grow with what this one needs: `wait_until` looks at
the machine itself, `longest()` is the timeout of a call that a library ends.
"""

from __future__ import annotations

import time

from merlin.sandbox.server import DEADLINE_S, Deadline, longest

__all__ = ["DEADLINE_S", "Deadline", "longest", "wait_until"]

LOOK_S = 0.02
# A look that is work itself (a command, a login) leaves the processor to what it waits for.
PAUSES = 2


def wait_until(condition, deadline_s=DEADLINE_S, story=lambda: "it did not happen in time"):
    """Return the first true value of `condition`; fail with `story()` after the deadline."""
    deadline = Deadline(deadline_s)
    while True:
        began = time.monotonic()
        if found := condition():
            return found
        assert not deadline.is_over(), story()
        time.sleep(max(LOOK_S, PAUSES * (time.monotonic() - began)))
