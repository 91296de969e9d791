"""Waiting for what other processes do: the one place where tests sleep between two looks."""

from __future__ import annotations

import time

LOOK_S = 0.02
DEADLINE_S = 30.0


def wait_until(condition, deadline_s=DEADLINE_S, story=lambda: "it did not happen in time"):
    """Return the first true value of `condition`; fail with `story()` after the deadline."""
    until = time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < until, story()
        time.sleep(LOOK_S)
    return found
