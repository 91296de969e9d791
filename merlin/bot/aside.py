"""Aside: something that runs beside a piece of work, within `async with`, and ends with it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
S = TypeVar("S")


class Aside(ABC):
    """Runs until the end of its `async with`; the work's end waits for its end."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is None:
            return
        if self.is_called_off(is_in_trouble=kind is not None):
            self._task.cancel()
        await asyncio.wait({self._task})

    def is_called_off(self, *, is_in_trouble: bool) -> bool:  # noqa: ARG002 - for those who ask
        """Tell whether it is cancelled at the work's end, which may have come by an error.

        Whatever it is at ends at once, unless who runs says otherwise.
        """
        return True

    @abstractmethod
    async def run(self) -> None:
        """Go on until it is done or cancelled."""


async def both(first: Awaitable[T], beside: Awaitable[S]) -> tuple[T, S]:
    """Return what both return, done side by side; where the first breaks, the other ends."""
    other = asyncio.ensure_future(beside)
    try:
        return await first, await other
    finally:
        if not other.done():
            other.cancel()
            await asyncio.wait({other})
