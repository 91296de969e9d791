"""Pen: an answer that is being written, shown in its placeholder by edits paced by the clock.

What comes between two edits is coalesced, and an edit that would change nothing is dropped: one
message holds no more than the beginning of a long answer. The final text is not the pen's
business.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from merlin.bot.aside import Aside
from merlin.bot.calls import Calls
from merlin.bot.limiter import GaveWay
from merlin.bot.shown import draw
from merlin.chat.markup.parts import first_part
from merlin.chat.markup.rich import rich
from merlin.core.page import Button, Page

# How soon to look again after a limit made an edit give way.
AGAIN_S = 0.2
# Of a growing answer no more is read than can be seen of it, however many marks are in it.
MOST_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where a placeholder is written into; `stop` is the button under it while it grows."""

    chat_id: int
    stop: Button


class Pen(Aside):
    """Fulfils `chat.desk.Onlooker` for one placeholder; writes within `async with`.

    The answer may begin before the placeholder stands; nothing is written until it does.
    """

    def __init__(self, calls: Calls, sheet: Sheet, gap_s: float, waiting_words: str) -> None:
        super().__init__()
        self._calls = calls
        self._sheet = sheet
        self._gap_s = gap_s
        self._waiting_words = waiting_words
        self._text = ""
        self._drawn = ("", Page(""))
        self._shown = Page("")
        self._is_editing = False
        self._is_lifted = False
        self._news = asyncio.Event()
        self._message_id = 0
        self._stands = asyncio.Event()

    def stands(self, message_id: int) -> None:
        """Take the placeholder's message, as soon as it stands."""
        self._message_id = message_id
        self._stands.set()

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""
        self._text = text
        self._news.set()

    def waits(self) -> None:
        """Say that the model is waited for, unless something of its answer is there."""
        if not self._text:
            self.wrote(self._waiting_words)

    def is_called_off(self, *, is_in_trouble: bool) -> bool:
        """Let an edit that is on its way arrive: none may come after the final one."""
        self._is_lifted = True
        return is_in_trouble or not self._is_editing

    async def run(self) -> None:
        """Edit the placeholder until the pen is lifted."""
        # Counted from the first words: an answer that is whole by then needs no edit but the last.
        await self._news.wait()
        await self._stands.wait()
        rest_s = self._gap_s
        while not self._is_lifted:
            await asyncio.sleep(rest_s)
            await self._news.wait()
            self._news.clear()
            rest_s = await self._edit(self._text[:MOST_CHARACTERS])

    async def _edit(self, text: str) -> float:
        """Try one edit; return after how many seconds the next one may be tried."""
        if not text.strip():
            return 0.0
        page = await self._page(text)
        if page == self._shown:
            # Drawing takes its time too.
            return self._gap_s
        self._is_editing = True
        try:
            if await self._calls.progress(self._sheet.chat_id, self._message_id, page):
                self._shown = page
            else:
                self._news.set()
        except GaveWay:
            self._news.set()
            return AGAIN_S
        finally:
            self._is_editing = False
        return self._gap_s

    async def _page(self, text: str) -> Page:
        """Return what the placeholder shows of a text; an edit tried again is not drawn anew."""
        if self._drawn[0] != text:
            page = await draw(lambda: first_part(rich(text)), len(text))
            self._drawn = (text, replace(page, buttons=((self._sheet.stop,),)))
        return self._drawn[1]
