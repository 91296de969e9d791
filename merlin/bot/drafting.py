"""Drafting: an answer that is being written, shown by Telegram's own drafts.

A draft lives half a minute and is no message: the whole answer is sent when it is there, and
nothing is left in the chat after a kill. Only private chats have drafts, and no button stands
under one. Source: the Bot API, sendMessageDraft.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from merlin.bot.aside import Aside
from merlin.bot.calls import Calls, Unreachable
from merlin.bot.pen import MOST_CHARACTERS
from merlin.bot.shown import draw
from merlin.chat.markup.parts import first_part
from merlin.chat.markup.rich import rich
from merlin.chat.session import Place
from merlin.core.page import Page

# Well before a draft fades.
KEEP_S = 20.0


class Drafting(Aside):
    """Fulfils `chat.desk.Onlooker`; shows drafts within `async with`, `gap_s` apart."""

    def __init__(self, calls: Calls, place: Place, draft_id: int, gap_s: float) -> None:
        super().__init__()
        self._calls = calls
        self._place = place
        self._draft_id = draft_id
        self._gap_s = gap_s
        self._text = ""
        self._news = asyncio.Event()

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""
        self._text = text
        self._news.set()

    def waits(self) -> None:
        """Go on: an empty draft already says that somebody is thinking."""

    async def run(self) -> None:
        """Show the newest text, and the same one again before it fades."""
        with suppress(Unreachable):
            while True:
                page = await self._page(self._text[:MOST_CHARACTERS])
                await self._calls.draft(self._place, self._draft_id, page)
                await asyncio.sleep(self._gap_s)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), KEEP_S)
                self._news.clear()

    async def _page(self, text: str) -> Page:
        return await draw(lambda: first_part(rich(text)), len(text))
