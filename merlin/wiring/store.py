"""The store of an asyncio process: its writing thread and the readers beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from merlin.db.writer import Writer

T = TypeVar("T")


class WriterStore:
    """The database for coroutines, by the writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, once it is stored."""
        return await self._writer.do(lambda _db: work())

    async def read(self, work: Callable[[], T]) -> T:
        """Return what `work`, which only reads, returns."""
        return await self._writer.read(lambda _db: work())

    async def glance(self, work: Callable[[], T]) -> T:
        """Return what `work`, a few short reads, returns."""
        return await self._writer.glance(lambda _db: work())

    def apart(self, work: Callable[[], T]) -> T:
        """Return what `work`, a part of other work, returns; its error undoes it alone."""
        return self._writer.db.transact(work)
