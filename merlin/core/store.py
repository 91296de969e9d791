"""Store: how coroutines work on the database without waiting in its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Store(Protocol):
    """Runs work on the database beside the event loop."""

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, once all it wrote is stored as one transaction."""

    async def read(self, work: Callable[[], T]) -> T:
        """Return what `work`, which only reads, returns."""

    async def glance(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, a few short reads that somebody waits for.

        Where a read is quicker than a change of threads it holds the event loop up for so long.
        """

    def apart(self, work: Callable[[], T]) -> T:
        """Return what `work`, a part of other work, returns; its error undoes it alone."""
