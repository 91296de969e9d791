"""Action: "typing…" in a chat for as long as an answer is being written unseen."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from merlin.bot.calls import Calls, Unreachable
from merlin.chat.session import Place


class Typing:
    """Fulfils `chat.desk.Onlooker`; shows the action within `async with`."""

    def __init__(self, calls: Calls, place: Place, every_s: float) -> None:
        self._calls = calls
        self._place = place
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def wrote(self, text: str) -> None:
        """Show nothing of the text yet."""

    def waits(self) -> None:
        """Go on typing: Telegram shows that somebody is at it."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._type())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _type(self) -> None:
        # Telegram shows an action for five seconds.
        with suppress(Unreachable):
            while True:
                await self._calls.typing(self._place.chat_id, self._place.thread_id)
                await asyncio.sleep(self._every_s)
