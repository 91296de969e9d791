"""Action: "typing…" in a chat for as long as an answer is being written unseen."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from merlin.bot.aside import Aside
from merlin.bot.calls import Calls, Unreachable
from merlin.chat.session import Place


class Typing(Aside):
    """Fulfils `chat.desk.Onlooker`; shows the action within `async with`."""

    def __init__(self, calls: Calls, place: Place, every_s: float) -> None:
        super().__init__()
        self._calls = calls
        self._place = place
        self._every_s = every_s

    def wrote(self, text: str) -> None:
        """Show nothing of the text yet."""

    def waits(self) -> None:
        """Go on typing: Telegram shows that somebody is at it."""

    async def run(self) -> None:
        """Show the action again and again: Telegram shows one for five seconds."""
        with suppress(Unreachable):
            while True:
                await self._calls.typing(self._place.chat_id, self._place.thread_id)
                await asyncio.sleep(self._every_s)
