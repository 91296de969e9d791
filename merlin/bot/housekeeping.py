"""Housekeeping: what the bot sees to beside answering: corrections on their way, old rows."""

from __future__ import annotations

import asyncio

from merlin.bot.services import BotServices
from merlin.core.log import get_logger

log = get_logger(__name__)

EVERY_S = 60.0
# Between two handfuls of rows others write.
BREATH_S = 0.05


class Housekeeping:
    """One round follows corrections, and once a minute takes away what was kept long enough."""

    def __init__(self, services: BotServices) -> None:
        self._store = services.store
        self._rows = services.rows
        self._due = 0.0

    async def round(self) -> None:
        """Look for what is to be done, and do it."""
        if await self._store.read(self._rows.followed.is_due):
            await self._store.do(self._rows.followed.follow)
        clock = asyncio.get_running_loop().time
        if clock() >= self._due:
            self._due = clock() + EVERY_S
            await self._sweep()

    async def _sweep(self) -> None:
        total = 0
        while count := await self._store.do(self._rows.retained.sweep):
            total += count
            await asyncio.sleep(BREATH_S)
        if total:
            log.info("old rows were taken away", count=total)
