"""Answered: a pressed button gets its answer at once, beside the message that changes.

Until then Telegram shows a spinning button. The answer is not worth a repeat: who sees nothing
presses again, and what the press did is stored by then.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from merlin.bot.calls import Calls
from merlin.bot.event import Event
from merlin.bot.screen import Screen

# Telegram's limit of an alert. Source: the Bot API, answerCallbackQuery.
ALERT_LENGTH = 200


class Answered:
    """Answers the query of one event within `async with`, once the screen is known."""

    def __init__(self, calls: Calls, event: Event) -> None:
        self._calls = calls
        self._query_id = event.query_id if event.update.kind == "callback_query" else ""
        self._known: asyncio.Future[Screen] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def knows(self, screen: Screen) -> None:
        """Take the screen; called by the thread that writes to the database."""
        if self._query_id:
            self._loop.call_soon_threadsafe(self._take, screen)

    def _take(self, screen: Screen) -> None:
        if not self._known.done():
            self._known.set_result(screen)

    async def __aenter__(self) -> Self:
        if self._query_id:
            self._task = asyncio.create_task(self._answer())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            if kind is not None:
                self._task.cancel()
            await asyncio.wait({self._task})

    async def _answer(self) -> None:
        screen = await self._known
        fields: dict[str, Any] = {"callback_query_id": self._query_id}
        if screen.alert:
            fields |= {"text": screen.alert[:ALERT_LENGTH], "show_alert": screen.is_loud}
        await self._calls.answer("answerCallbackQuery", fields)
