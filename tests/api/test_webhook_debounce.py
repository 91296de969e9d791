"""Debounced webhooks: many calls, one action, no call lost."""

import asyncio

import pytest

from merlin.api.hooks import Debouncer
from merlin.core.errors import MerlinError

pytestmark = pytest.mark.unit


def rung(bell_of, play):
    """Run `play(bell)` beside a bell's task, then end the task as the api's end does."""

    async def whole():
        bell = bell_of()
        task = asyncio.create_task(bell.serve())
        await asyncio.sleep(0)
        await play(bell)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())


def test_simultaneous_triggers_run_the_action_once():
    deeds = []

    async def deed():
        deeds.append("done")

    async def play(bell):
        for _ in range(100):
            bell.trigger()

    rung(lambda: Debouncer("git", deed, rest_s=0), play)
    assert deeds == ["done"]


def test_trigger_during_the_action_runs_it_again():
    deeds = []
    begun, again, all_done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def play(bell):
        bell.trigger()
        await begun.wait()
        bell.trigger()
        again.set()
        await all_done.wait()

    async def deed():
        begun.set()
        await again.wait()
        deeds.append("done")
        all_done.set()

    rung(lambda: Debouncer("git", deed, rest_s=0), play)
    assert len(deeds) == 2


def test_action_interrupted_by_shutdown_runs_at_the_end():
    deeds = []
    begun = asyncio.Event()

    async def deed():
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        deeds.append("done")

    async def play(bell):
        bell.trigger()
        await begun.wait()

    rung(lambda: Debouncer("git", deed, rest_s=0), play)
    assert deeds == ["done"]


@pytest.mark.parametrize("error", [MerlinError("away"), RuntimeError("a bug")])
def test_failed_action_is_retried(error):
    deeds = []
    failed = asyncio.Event()

    async def deed():
        if not failed.is_set():
            failed.set()
            raise error
        deeds.append("done")

    async def play(bell):
        bell.trigger()
        await failed.wait()

    rung(lambda: Debouncer("git", deed, rest_s=0), play)
    assert deeds == ["done"]
