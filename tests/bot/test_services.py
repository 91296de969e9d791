"""The bot's background tasks: a failed one restarts, and a persistent bug is reported."""

import asyncio
import itertools

import pytest
from telegram.error import NetworkError

from merlin.bot.services import OUTAGES, run_forever
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import PERSISTENT_FAILURES, Failures
from merlin.db.driver_errors import DatabaseAway
from tests.support.waiting import longest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "failing"),
    [
        (KeyError("gone"), {"post": "KeyError: 'gone'"}),
        (NetworkError("telegram is down"), {}),
        (MerlinError("the provider is away"), {}),
        (DatabaseAway("the database is away"), {}),
    ],
)
def test_repeated_bug_of_a_background_task_is_reported_but_an_outage_is_not(
    error, failing, logs
):
    failures = Failures(OUTAGES)
    runs = itertools.count(1)
    is_through = asyncio.Event()

    async def breaks():
        if next(runs) <= PERSISTENT_FAILURES:
            raise error
        is_through.set()
        await asyncio.Event().wait()

    async def run_part():
        part = asyncio.create_task(run_forever("post", breaks, 0.01, failures))
        await asyncio.wait_for(is_through.wait(), longest())
        part.cancel()

    asyncio.run(run_part())
    assert failures.bugs == failing
    traced = [entry for entry in logs if entry.get("exc_info")]
    # One line, however long it lasts; an outage without a traceback.
    assert (len(logs), len(traced)) == (1, 1 if failing else 0)
