"""The one thread that writes, with commits in groups, and the readers beside it.

Everything that waits at one moment is stored by one transaction, and each caller goes on after
the COMMIT that holds its piece. Where a piece fails, all are done again, each in a savepoint.

Reading has a few threads beside it, and one of them now and then writes the log of SQLite back
into its file: SQLite would let the COMMIT that fills the log do it, and all behind it wait for
that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from merlin.core.log import get_logger
from merlin.db.database import Database, is_lock_conflict

T = TypeVar("T")


log = get_logger(__name__)


MAX_BATCH_SIZE = 500
READERS = 4
# So many groups make about a thousand pages of log, at which SQLite itself would begin.
GROUPS_A_CHECKPOINT = 100
# Where writers never rest, no checkpoint beside them ever meets the end of the log.
MAX_LOG_PAGES = 16_000


@dataclass(slots=True)
class _Task:
    """One piece of work, the loop that waits for it, and what came of it."""

    work: Callable[[], Any]
    waiting: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class _PieceFailed(Exception):
    """One piece of a group failed; all of it was undone."""


class Store:
    """Writes to a database and reads for coroutines; `close` before the database is closed.

    A command has no writing thread and calls acts itself: without a database every call raises
    RuntimeError.
    """

    def __init__(self, db: Database | None = None) -> None:
        self._db = db
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="merlin-reader")
        self._checkpoint: Future[None] | None = None
        self._thread = threading.Thread(target=self._run, name="merlin-writer", daemon=True)
        if db is not None:
            self._thread.start()

    @property
    def db(self) -> Database:
        """Return the database. Raises RuntimeError where there is none."""
        if self._db is None:
            raise RuntimeError("this process has no writing thread: call the act itself")
        return self._db

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, once all it wrote is stored; its error undoes it alone.

        `work` runs in the writing thread, may run again when writers of other processes stood
        in the way or another's work failed, and does nothing but work on the database.
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
        """Return what `work` returns, run in a reading thread; it sees what is stored."""
        _ = self.db
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def glance(self, work: Callable[[], T]) -> T:
        """Return what `work`, a few short reads, returns; on SQLite done here and now.

        They take a fraction of a millisecond there, and a reading thread one to be heard.
        """
        return work() if self.db.dialect == "sqlite" else await self.read(work)

    def close(self) -> None:
        """Store what waits, then end the threads."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()

    def _run(self) -> None:
        is_open = True
        groups = 0
        # Where that fails, whoever writes first is told why.
        with suppress(Exception):
            self.db.let_log_grow(MAX_LOG_PAGES)
        while is_open:
            pieces, is_open = self._waiting()
            if pieces:
                self._store(pieces)
                groups += 1
            # A checkpoint beside the writing, unless the last one is still at it.
            is_at_it = self._checkpoint is not None and not self._checkpoint.done()
            if is_open and groups % GROUPS_A_CHECKPOINT == 0 and not is_at_it:
                self._checkpoint = self._readers.submit(self.db.checkpoint)

    def _waiting(self) -> tuple[list[_Task], bool]:
        """Return what waits now, at least one piece, and whether more may come."""
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
            log.warning("a group of writes was not stored", writes=len(pieces), reason=str(error))
            for piece in pieces:
                piece.error = error
        for loop in {piece.loop for piece in pieces}:
            _hand_over(loop, [piece for piece in pieces if piece.loop is loop])

    def _do_all(self, pieces: list[_Task]) -> None:
        """Do all of it as if nothing could fail: savepoints take as long as the work."""
        for piece in pieces:
            self.db.still_begun()
            try:
                piece.result = piece.work()
            except Exception as error:
                if is_lock_conflict(error):
                    raise
                raise _PieceFailed from error

    def _try_each(self, pieces: list[_Task]) -> None:
        """Do each in a savepoint of its own, so that one that fails undoes itself alone."""
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
    except RuntimeError:  # the loop ended while the writes were stored
        log.warning("nobody waits for these writes any more", writes=len(pieces))


def _resolve(pieces: list[_Task]) -> None:
    for piece in pieces:
        if piece.waiting.done():  # its caller was cancelled
            continue
        if piece.error is not None:
            piece.waiting.set_exception(piece.error)
        else:
            piece.waiting.set_result(piece.result)
