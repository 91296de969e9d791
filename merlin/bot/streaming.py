"""An answer that is being written: edits of its placeholder, drafts, "typing…".

Each runs beside the work, within `async with`, and ends with it. What comes between two edits is
coalesced, and an edit that would change nothing is dropped: one message holds no more than the
beginning of a long answer. The final text is not shown here.

A draft lives half a minute and is no message: the whole answer is sent when it is there, and
nothing is left in the chat after a kill. Only private chats have drafts, and no button stands
under one. Source: the Bot API, sendMessageDraft.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from merlin.bot.bot_api import BotApi, ChatUnreachable
from merlin.bot.entities import first_part
from merlin.bot.markdown import render
from merlin.bot.rate_limiter import GaveWay
from merlin.bot.rendering import draw
from merlin.chat.answer import AnswerObserver
from merlin.chat.sessions import ChatPlace
from merlin.core.formatted_text import Button, FormattedMessage

T = TypeVar("T")
S = TypeVar("S")


class BackgroundTask(ABC):
    """Runs until the end of its `async with`; the work's end waits for its end."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is None:
            return
        if self.is_called_off(is_in_trouble=kind is not None):
            self._task.cancel()
        await asyncio.wait({self._task})

    def is_called_off(self, *, is_in_trouble: bool) -> bool:  # noqa: ARG002 - for those who ask
        """Tell whether it is cancelled at the work's end, which may have come by an error.

        Whatever it is at ends at once, unless who runs says otherwise.
        """
        return True

    @abstractmethod
    async def run(self) -> None:
        """Go on until it is done or cancelled."""


async def both(first: Awaitable[T], beside: Awaitable[S]) -> tuple[T, S]:
    """Return what both return, done side by side; where the first breaks, the other ends."""
    other = asyncio.ensure_future(beside)
    try:
        return await first, await other
    finally:
        if not other.done():
            other.cancel()
            await asyncio.wait({other})


class TypingIndicator(BackgroundTask, AnswerObserver):
    """Shows the action within `async with`: Telegram shows that somebody is at it."""

    def __init__(self, calls: BotApi, place: ChatPlace, every_s: float) -> None:
        super().__init__()
        self._calls = calls
        self._place = place
        self._every_s = every_s

    async def run(self) -> None:
        """Show the action again and again: Telegram shows one for five seconds."""
        with suppress(ChatUnreachable):
            while True:
                await self._calls.typing(self._place.chat_id, self._place.thread_id)
                await asyncio.sleep(self._every_s)


# How soon to look again after a limit made an edit give way.
AGAIN_S = 0.2
# Of a growing answer no more is read than can be seen of it, however many marks are in it.
MOST_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class DraftText:
    """Where a placeholder is written into; `stop` is the button under it while it grows."""

    chat_id: int
    stop: Button


class _GrowingText(BackgroundTask, AnswerObserver):
    """Shows a text that grows, `gap_s` apart."""

    def __init__(self, calls: BotApi, gap_s: float) -> None:
        super().__init__()
        self._calls = calls
        self._gap_s = gap_s
        self._text = ""
        self._news = asyncio.Event()

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""
        self._text = text
        self._news.set()

    async def _draw(self, text: str) -> FormattedMessage:
        return await draw(lambda: first_part(render(text)), len(text))


class StreamingEditor(_GrowingText):
    """Writes an answer that grows into its placeholder within `async with`.

    The answer may begin before the placeholder stands; nothing is written until it does.
    """

    def __init__(self, calls: BotApi, sheet: DraftText, gap_s: float, waiting_words: str) -> None:
        super().__init__(calls, gap_s)
        self._sheet = sheet
        self._waiting_words = waiting_words
        self._drawn = ("", FormattedMessage(""))
        self._shown = FormattedMessage("")
        self._is_editing = False
        self._is_lifted = False
        self._message_id = 0
        self._stands = asyncio.Event()

    def stands(self, message_id: int) -> None:
        """Take the placeholder's message, as soon as it stands."""
        self._message_id = message_id
        self._stands.set()

    def waits(self) -> None:
        """Say that the model is waited for, unless something of its answer is there."""
        if not self._text:
            self.wrote(self._waiting_words)

    def is_called_off(self, *, is_in_trouble: bool) -> bool:
        """Let an edit that is on its way arrive: none may come after the final one."""
        self._is_lifted = True
        return is_in_trouble or not self._is_editing

    async def run(self) -> None:
        """Edit the placeholder until the editor is closed."""
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

    async def _page(self, text: str) -> FormattedMessage:
        """Return what the placeholder shows of a text; an edit tried again is not drawn anew."""
        if self._drawn[0] != text:
            page = await self._draw(text)
            self._drawn = (text, replace(page, buttons=((self._sheet.stop,),)))
        return self._drawn[1]


# Well before a draft fades.
DRAFT_KEEP_S = 20.0


class DraftIndicator(_GrowingText):
    """Shows drafts within `async with`, `gap_s` apart; an empty one says that somebody thinks."""

    def __init__(self, calls: BotApi, place: ChatPlace, draft_id: int, gap_s: float) -> None:
        super().__init__(calls, gap_s)
        self._place = place
        self._draft_id = draft_id

    async def run(self) -> None:
        """Show the newest text, and the same one again before it fades."""
        with suppress(ChatUnreachable):
            while True:
                page = await self._draw(self._text[:MOST_CHARACTERS])
                await self._calls.draft(self._place, self._draft_id, page)
                await asyncio.sleep(self._gap_s)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), DRAFT_KEEP_S)
                self._news.clear()
