"""A process waiting for others' writes is notified of each one, even when its connection breaks."""

import asyncio
import queue
from contextlib import suppress

import pytest

from merlin.db import connections
from merlin.db.change_watch import changes_of, watch_changes
from merlin.db.database import open_database
from merlin.db.requests import RequestKind, Requests
from tests.support.waiting import longest

pytestmark = pytest.mark.integration

NEVER_S = 10_000.0


@pytest.fixture
def notifications(database):
    """Watch a database, without a look at the counter of its own accord."""
    calls = queue.SimpleQueue()
    with watch_changes(database, lambda: calls.put(1), NEVER_S):
        calls.get(timeout=longest())  # of the initial state
        yield calls


def test_each_stored_write_of_another_process_is_notified(url, notifications):
    with open_database(url) as other:
        for _ in range(3):
            Requests(other).ask(RequestKind.FETCH, {}, "vera")
            notifications.get(timeout=longest())
        with suppress(ZeroDivisionError), other.atomic():
            Requests(other).ask(RequestKind.FETCH, {}, "vera")
            raise ZeroDivisionError
        Requests(other).ask(RequestKind.FETCH, {}, "vera")
        notifications.get(timeout=longest())


def test_change_is_noticed_where_the_system_has_no_watch_left(database, monkeypatch):
    monkeypatch.setattr(connections._LIBC, "inotify_init1", lambda _: -1)
    calls = queue.SimpleQueue()
    with watch_changes(database, lambda: calls.put(1)):
        for _ in range(2):
            calls.get(timeout=longest())
            database.announce_change()


def test_change_during_work_is_not_missed(database):
    async def main():
        with changes_of(database) as changes:
            await changes.wait(0, NEVER_S, rest_s=0)
            known = changes.count
            await asyncio.to_thread(database.announce_change)
            await changes.wait(known, NEVER_S, rest_s=0)
            assert changes.count > known
            await changes.wait(known, NEVER_S, rest_s=0)

    asyncio.run(asyncio.wait_for(main(), longest()))
