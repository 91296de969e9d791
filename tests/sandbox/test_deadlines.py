"""Waits grow with what the machine needs: a fixed half minute fails on one that is busy."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from merlin.sandbox.telegram.server import TelegramStandIn
from tests.support.waiting import Deadline, wait_until

SHORT_S = 0.2


@contextmanager
def busy(threads=8):
    """Keep this process busy, as other processes keep a whole machine."""
    is_over = threading.Event()

    def spin():
        while not is_over.is_set():
            sum(range(10_000))

    working = [threading.Thread(target=spin) for _ in range(threads)]
    for each in working:
        each.start()
    try:
        yield
    finally:
        is_over.set()
        for each in working:
            each.join()


def granted(seconds):
    """Return how long a wait of so many seconds may last that never sees what it waits for."""
    deadline = Deadline(seconds)
    while not deadline.is_over():
        pass
    return deadline.allowed_s


@pytest.mark.functional
def test_a_wait_may_last_longer_on_a_busy_machine():
    with busy():
        assert granted(SHORT_S) > 1.5 * SHORT_S


@pytest.mark.functional
def test_a_wait_for_what_never_happens_ends():
    with pytest.raises(AssertionError, match="nobody came"):
        wait_until(lambda: False, SHORT_S, lambda: "nobody came")


@pytest.mark.functional
def test_a_stand_in_waits_as_long_as_a_busy_machine_needs():
    with TelegramStandIn() as telegram, busy(), pytest.raises(TimeoutError) as caught:
        telegram.wait_for(lambda: False, SHORT_S)
    assert float(str(caught.value).split()[2]) > SHORT_S
