"""The single writing thread, which commits in groups, and the reading threads.

All waiting writes are stored in one transaction, and each caller continues after the COMMIT that
contains its write. If one of them fails, all are run again, each in a savepoint.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from merlin.core.heartbeat import Failures
from merlin.core.log import get_logger
from merlin.db.database import Database
from merlin.db.driver_errors import is_lock_conflict

T = TypeVar("T")

log = get_logger(__name__)

MAX_BATCH_SIZE = 500
READERS = 4


@dataclass(slots=True)
class _Task:
    """One write, the event loop that waits for it, and its result."""

    work: Callable[[], Any]
    waiting: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class _PieceFailed(Exception):
    """One write of a group failed; the whole group was rolled back."""


class Store:
    """Writes and reads of a database for coroutines; call `close` before closing the database.

    A command has no writing thread and calls acts itself: without a database every call raises
    RuntimeError.
    """

    def __init__(self, db: Database | None = None) -> None:
        self._db = db
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._failures = Failures()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="merlin-reader")
        self._thread = threading.Thread(
            target=self._run, name="merlin-writer", daemon=True
        )
        if db is not None:
            self._thread.start()

    @property
    def db(self) -> Database:
        """Return the database. Raises RuntimeError if there is none."""
        if self._db is None:
            raise RuntimeError(
                "this process has no writing thread: call the act itself"
            )
        return self._db

    async def do(self, work: Callable[[], T]) -> T:
        """Return the result of `work` after its commit; its error rolls back only `work`.

        `work` runs in the writing thread. It may run again after a conflict with another process or
        a failure in its group, and must do nothing but use the database.
        """
        _ = self.db
        loop = asyncio.get_running_loop()
        piece = _Task(work, loop.create_future(), loop)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            self._queue.put(piece)
        result: T = await piece.waiting
        return result

    async def read(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, run in a reading thread; it sees committed data."""
        _ = self.db
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    def close(self) -> None:
        """Store the waiting writes, then end the threads."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()

    def _run(self) -> None:
        is_open = True
        while is_open:
            pieces, is_open = self._take_waiting()
            if pieces:
                self._store(pieces)

    def _take_waiting(self) -> tuple[list[_Task], bool]:
        """Return the waiting writes, at least one, and whether more may follow."""
        pieces: list[_Task] = []
        item = self._queue.get()
        while item is not None:
            pieces.append(item)
            if len(pieces) == MAX_BATCH_SIZE:
                return pieces, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return pieces, True
        return pieces, False

    def _store(self, pieces: list[_Task]) -> None:
        try:
            try:
                self.db.transact(lambda: self._do_all(pieces))
            except _PieceFailed:
                self.db.transact(lambda: self._try_each(pieces))
        except BaseException as error:  # noqa: BLE001 - it is handed to everyone who waits
            self._failures.add(
                "a group of writes was not stored", error, writes=len(pieces)
            )
            for piece in pieces:
                piece.error = error
        else:
            self._failures.end()
        for loop in {piece.loop for piece in pieces}:
            _hand_over(loop, [piece for piece in pieces if piece.loop is loop])

    def _do_all(self, pieces: list[_Task]) -> None:
        """Run all without savepoints, which take as long as the writes themselves."""
        for piece in pieces:
            self.db.require_transaction()
            try:
                piece.result = piece.work()
            except Exception as error:
                if is_lock_conflict(error):
                    raise
                raise _PieceFailed from error

    def _try_each(self, pieces: list[_Task]) -> None:
        """Run each in a savepoint, so that a failure rolls back only itself."""
        for piece in pieces:
            piece.result = piece.error = None
            try:
                with self.db.atomic():
                    piece.result = piece.work()
            except Exception as error:
                if is_lock_conflict(error):
                    raise
                piece.error = error


def _hand_over(loop: asyncio.AbstractEventLoop, pieces: list[_Task]) -> None:
    try:
        loop.call_soon_threadsafe(_resolve, pieces)
    except RuntimeError:  # the event loop ended while the writes were stored
        log.warning("nobody waits for these writes any more", writes=len(pieces))


def _resolve(pieces: list[_Task]) -> None:
    for piece in pieces:
        if piece.waiting.done():  # its caller was cancelled
            continue
        if piece.error is not None:
            piece.waiting.set_exception(piece.error)
        else:
            piece.waiting.set_result(piece.result)
