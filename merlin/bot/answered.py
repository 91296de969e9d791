"""Answered: a pressed button gets its answer at once, beside the message that changes.

Until then Telegram shows a spinning button. The answer is not worth a repeat: who sees nothing
presses again, and what the press did is stored by then.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

from merlin.bot.aside import Aside
from merlin.bot.calls import Calls
from merlin.bot.event import Event
from merlin.bot.screen import Screen

# Telegram's limit of an alert. Source: the Bot API, answerCallbackQuery.
ALERT_LENGTH = 200


class Answered(Aside):
    """Answers the query of one event within `async with`, once the screen is known."""

    def __init__(self, calls: Calls, event: Event) -> None:
        super().__init__()
        self._calls = calls
        self._query_id = event.query_id if event.update.kind == "callback_query" else ""
        self._known: asyncio.Future[Screen] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()

    def knows(self, screen: Screen) -> None:
        """Take the screen; called by the thread that writes to the database."""
        if self._query_id:
            self._loop.call_soon_threadsafe(self._take, screen)

    def _take(self, screen: Screen) -> None:
        if not self._known.done():
            self._known.set_result(screen)

    async def __aenter__(self) -> Self:
        return await super().__aenter__() if self._query_id else self

    def is_called_off(self, *, is_in_trouble: bool) -> bool:
        """Tell whether there is nothing to wait for: the screen of a failed press never comes."""
        return is_in_trouble

    async def run(self) -> None:
        """Answer the query as soon as the screen is known."""
        screen = await self._known
        fields: dict[str, Any] = {"callback_query_id": self._query_id}
        if screen.alert:
            fields |= {"text": screen.alert[:ALERT_LENGTH], "show_alert": screen.is_loud}
        if screen.link:
            fields["url"] = screen.link
        await self._calls.answer("answerCallbackQuery", fields)
