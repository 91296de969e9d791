"""Bell: what a hook rings. Many rings at once lead to one deed, and no ring is lost.

A flood of calls must not become a flood of writes, whoever calls: the deed is done at most once
in `rest_s`, always once more after the last ring, and again after a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from merlin.core.errors import MerlinError
from merlin.core.log import get_logger

log = get_logger(__name__)

REST_S = 5.0
AFTER_FAILURE_S = 2.0


class Bell:
    """Rung by hooks, answered by the task that runs `serve`."""

    def __init__(self, name: str, deed: Callable[[], Awaitable[None]], rest_s: float = REST_S):
        self._name = name
        self._deed = deed
        self._rest_s = rest_s
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Ask for the deed; returns at once."""
        self._rung.set()

    async def serve(self) -> None:
        """Do the deed whenever somebody rings, until cancelled; then once more if one waits."""
        try:
            while True:
                await self._rung.wait()
                await asyncio.sleep(self._rest_s if await self._done() else AFTER_FAILURE_S)
        finally:
            if self._rung.is_set():
                await self._done()

    async def _done(self) -> bool:
        self._rung.clear()
        try:
            await self._deed()
        except MerlinError as error:
            log.warning("a hook's wish waits", hook=self._name, reason=str(error))
        except Exception:
            log.exception("a hook's wish failed", hook=self._name)
        except asyncio.CancelledError:
            self._rung.set()
            raise
        else:
            return True
        self._rung.set()
        return False
