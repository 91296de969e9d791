"""Leading: the lead, asked beside the event loop, one question at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from merlin.db.processes import Lead


class Leading:
    """The lead of a bot by the lock of one name."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="merlin-lead")

    async def keep(self) -> bool:
        """Return whether this process leads, taking the lead where it is free.

        Raises DatabaseAway when nobody can say.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._lead.keep)

    async def release(self) -> None:
        """Give the lead back; harmless when it is not ours."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._lead.release)

    def close(self) -> None:
        """Give the lead back, and end the thread."""
        self._thread.submit(self._lead.release).result()
        self._thread.shutdown()
