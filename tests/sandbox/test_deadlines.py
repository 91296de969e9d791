"""Timeouts of waits are extended on a busy machine."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

SHORT_S = 0.1


@contextmanager
def keep_busy(threads=8):
    """Keep the processor busy with threads of this process."""
    is_over = threading.Event()

    def spin():
        while not is_over.is_set():
            sum(range(10_000))

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(spin)
        try:
            yield
        finally:
            is_over.set()


def test_wait_for_something_that_never_happens_ends():
    with pytest.raises(AssertionError, match="too late"):
        wait_until(lambda: False, SHORT_S, lambda: "too late")


def test_stand_in_waits_longer_on_a_busy_machine():
    with (
        TelegramStandIn() as telegram,
        keep_busy(),
        pytest.raises(TimeoutError) as caught,
    ):
        telegram.wait_for(lambda: False, SHORT_S)
    assert float(str(caught.value).split()[2]) > SHORT_S
