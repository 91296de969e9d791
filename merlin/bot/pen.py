"""Pen: an answer that is being written, shown in its placeholder by edits paced by the clock.

What comes between two edits is coalesced, and an edit that would change nothing is dropped. The
final text is not the pen's business.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from merlin.bot.calls import Calls
from merlin.bot.limiter import GaveWay
from merlin.chat.parts import first_part

# How soon to look again after a limit made an edit give way.
AGAIN_S = 0.2


class Pen:
    """Fulfils `chat.desk.Onlooker` for one placeholder; writes within `async with`.

    `shown` is what the placeholder is known to say, "" before the first edit.
    """

    def __init__(
        self, calls: Calls, chat_id: int, message_id: int, gap_s: float, waiting_words: str
    ) -> None:
        self._calls = calls
        self._place = (chat_id, message_id)
        self._gap_s = gap_s
        self._waiting_words = waiting_words
        self._text = ""
        self.shown = ""
        self._is_editing = False
        self._is_lifted = False
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""
        self._text = text
        self._news.set()

    def waits(self) -> None:
        """Say that the model is waited for, unless something of its answer is there."""
        if not self._text:
            self.wrote(self._waiting_words)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; after an answer no edit is on its way any more that could come after the final."""
        if self._task is None:
            return
        self._is_lifted = True
        if not self._is_editing or kind is not None:
            self._task.cancel()
        await asyncio.wait({self._task})

    async def _write(self) -> None:
        rest_s = self._gap_s
        while not self._is_lifted:
            await asyncio.sleep(rest_s)
            await self._news.wait()
            self._news.clear()
            text = first_part(self._text)
            if not text.strip() or text == self.shown:
                rest_s = 0.0
                continue
            rest_s = await self._edit(text)

    async def _edit(self, text: str) -> float:
        """Try one edit; return after how many seconds the next one may be tried."""
        self._is_editing = True
        try:
            if await self._calls.progress(*self._place, text):
                self.shown = text
            else:
                self._news.set()
        except GaveWay:
            self._news.set()
            return AGAIN_S
        finally:
            self._is_editing = False
        return self._gap_s
