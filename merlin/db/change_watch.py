"""Watch for the writes of other processes in a separate thread.

`Database.announce_change` increases the change counter and announces it: PostgreSQL notifies, an
SQLite file is touched. The thread waits for that, and reads the counter once a second too.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from merlin.core.errors import MerlinError
from merlin.core.log import get_logger
from merlin.db.database import Database
from merlin.db.processes import read_change_counter

log = get_logger(__name__)

# The pause after a change, as each message may be one; the longest time between two looks.
LOOK_S = 0.05
MAX_WAIT_S = 1.0
# If every message changes the counter, a waiter runs at most once in this many seconds.
REST_S = 0.2


@contextmanager
def watch_changes(
    db: Database, notify: Callable[[], object], max_wait_s: float = MAX_WAIT_S
) -> Iterator[None]:
    """Call `notify` in a thread at the start and after every change of the counter."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(db, notify, stop, max_wait_s), name="merlin-changes"
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        with suppress(
            MerlinError
        ):  # without a database it looks at `stop` within a second
            db.announce()
        thread.join()


def _watch(
    db: Database,
    notify: Callable[[], object],
    stop: threading.Event,
    max_wait_s: float,
) -> None:
    seen = None
    while not stop.is_set():
        try:
            with db.listen(LOOK_S) as wait:
                while not stop.is_set():
                    counter = read_change_counter(db)
                    if counter != seen:
                        seen = counter
                        notify()
                        stop.wait(LOOK_S)
                    wait(max_wait_s)
        except Exception as error:
            # Others report an unavailable database.
            if not isinstance(error, MerlinError):
                log.exception("changes are not heard of")
            stop.wait(max_wait_s)


class ChangeCounter:
    """The changes seen by the coroutines of one event loop; `count` increases with each."""

    def __init__(self) -> None:
        self.count = 0
        self._next = asyncio.Event()

    def add(self) -> None:
        """Count a change and wake all waiters."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, known: int, within_s: float, rest_s: float = REST_S) -> None:
        """Return when `count` is not `known`, but not within `rest_s`, or after `within_s`."""
        clock = asyncio.get_running_loop().time
        rested_at = clock() + rest_s
        if self.count == known:
            # `asyncio.wait_for` of Python 3.11 would lose a cancellation that comes with a change.
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._next.wait()
        await asyncio.sleep(max(0.0, rested_at - clock()))


@contextmanager
def changes_of(db: Database) -> Iterator[ChangeCounter]:
    """Yield the changes for this event loop."""
    changes = ChangeCounter()
    with watch_changes(
        db, partial(asyncio.get_running_loop().call_soon_threadsafe, changes.add)
    ):
        yield changes
