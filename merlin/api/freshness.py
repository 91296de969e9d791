"""Freshness: which version of the catalogue is the newest, known without asking for each call.

A task looks at the wake counter several times a second, and at the version when it has moved.
What was known stays while the database is silent: old answers are better than none.
"""

from __future__ import annotations

import asyncio

from merlin.api.services import ApiServices
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

LOOK_S = 0.2


class Freshness:
    """The newest version that this process has heard of; None before it heard of any."""

    def __init__(self) -> None:
        self.version: int | None = None
        self._counter: int | None = None

    def saw(self, version: int) -> None:
        """Take note of a version that was read by the way."""
        if self.version is None or version > self.version:
            self.version = version

    async def look(self, services: ApiServices) -> None:
        """Read the version if anything was written since the last look. Raises MerlinError."""
        rows = services.rows
        before = self._counter

        def read() -> tuple[int, int | None]:
            counter = rows.wake.read()
            return counter, rows.courses.version() if counter != before else None

        self._counter, version = await services.store.read(read)
        if version is not None:
            self.version = version

    async def watch(self, services: ApiServices) -> None:
        """Look until cancelled."""
        was_well = True
        while True:
            was_well = await self._looked(services, is_quiet=not was_well)
            await asyncio.sleep(LOOK_S)

    async def _looked(self, services: ApiServices, *, is_quiet: bool) -> bool:
        """Look; False where that failed, which is told once, not five times a second."""
        try:
            await self.look(services)
        except MerlinError as error:
            if not is_quiet:
                log.warning("the catalogue's version is unknown", reason=redact(str(error)))
            return False
        except Exception:
            if not is_quiet:
                log.exception("the look at the catalogue's version failed")
            return False
        return True
