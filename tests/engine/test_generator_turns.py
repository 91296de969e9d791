"""The queue of the worker process, and the restart delay after crashes."""

import asyncio
import signal

import pytest

from merlin.engine.serving.base import Unavailable
from merlin.engine.serving.process import RestartPolicy, SlotQueue

pytestmark = pytest.mark.unit

LOOKS = 100


async def wait_until_blocked(turns, running, waiting):
    """Let all tasks run until they block."""
    for _ in range(LOOKS):
        if (turns.running, turns.waiting) == (running, waiting):
            return
        await asyncio.sleep(0)
    pytest.fail(f"{turns.running} run and {turns.waiting} wait")


def queue_clients(at_once, most_waiting, names, release):
    """Queue requests one after another; `release(turns, events, tasks)` lets them finish."""
    order = []

    async def run():
        turns = SlotQueue(at_once, most_waiting)
        events = {name: asyncio.Event() for name in names}

        async def take_turn(name):
            async with turns.hold_slot():
                order.append(name)
                await events[name].wait()

        tasks = {name: asyncio.create_task(take_turn(name)) for name in names}
        await release(turns, events, tasks)
        for event in events.values():
            event.set()
        return await asyncio.gather(*tasks.values(), return_exceptions=True)

    return order, asyncio.run(run())


def test_requests_are_served_in_order_of_arrival():
    async def release(turns, events, tasks):
        await wait_until_blocked(turns, 2, 3)
        events["b"].set()
        await tasks["b"]
        await wait_until_blocked(turns, 2, 2)

    order, _ = queue_clients(2, 8, "abcde", release)
    assert order == list("abcde")


def test_full_queue_raises_busy_with_retry_after():
    async def release(turns, events, tasks):
        await wait_until_blocked(turns, 1, 2)

    order, ended = queue_clients(1, 2, "abcd", release)
    assert order == ["a", "b", "c"]
    assert ended[3].status == 429
    assert 1 <= int(ended[3].headers["retry-after"]) <= 600


def test_cancelled_waiting_request_frees_its_place():
    async def release(turns, events, tasks):
        await wait_until_blocked(turns, 1, 2)
        tasks["b"].cancel()
        await wait_until_blocked(turns, 1, 1)
        events["a"].set()
        await tasks["a"]
        await wait_until_blocked(turns, 1, 0)

    order, ended = queue_clients(1, 2, "abc", release)
    assert order == ["a", "c"]
    assert isinstance(ended[1], asyncio.CancelledError)


def test_retry_after_grows_with_the_queue():
    turns = SlotQueue(2, 64)
    short = turns.retry_after_s()
    turns.waiting = 40
    assert turns.retry_after_s() > short


def test_first_crash_allows_an_immediate_restart():
    deaths = RestartPolicy("tiny", "take a smaller base")
    assert "killed" in deaths.note_end(-signal.SIGKILL, "")
    deaths.check()


def test_repeated_crashes_cause_a_pause_with_the_reason_and_advice():
    deaths = RestartPolicy("tiny", "take a smaller base")
    for _ in range(2):
        deaths.note_end(-signal.SIGKILL, "")
    with pytest.raises(Unavailable, match=r"want of memory.*take a smaller base.*2 times in a row"):
        deaths.check()


def test_answer_resets_the_crash_count():
    deaths = RestartPolicy("tiny", "take a smaller base")
    deaths.note_end(1, "no such device")
    deaths.note_answer()
    assert "no such device" in deaths.note_end(1, "no such device")
    deaths.check()
    assert deaths.restarts == 2
