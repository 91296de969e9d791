"""Streaming by drafts: a private chat shows an unfinished answer that is no message yet.

    "Thinking…" -> the growing text, at most once a second -> the answer, one message of the outbox

A draft ends after half a minute or with the next message of the chat, so it is sent again in time,
and notices wait until the answer is sent. It leaves nothing behind: a killed bot shows the same
draft again. A late draft is dropped, and none follows the answer.
"""

import asyncio
from contextlib import suppress

from merlin.bot.answers import StreamingEditor
from merlin.bot.blocks import GrowingAnswer
from merlin.bot.bot_api import ChatClosed, ChatUnreachable, DraftsRefused
from merlin.bot.context import BotContext
from merlin.bot.transport import EditSkipped
from merlin.core.formatted_text import FormattedMessage
from merlin.core.killpoint import kill_point

THINKING = FormattedMessage("")


class DraftIndicator(StreamingEditor):
    """Shows a streaming answer in a draft within `async with`; Telegram adds a Stop button.

    A chat that refuses the first draft gets a placeholder, which is edited.
    """

    def __init__(self, context: BotContext) -> None:
        super().__init__(context, None)
        self._keep_s = context.services.pace.draft_s
        self._growing = GrowingAnswer()

    async def _send_placeholder(self) -> int | None:
        """Show that the question is being answered; return the placeholder's id, if it needs one.

        Raises ChatUnreachable.
        """
        context = self._context
        context.bot_data.sender.drafting.add(context.chat_id)
        try:
            await self._show(THINKING)
        except DraftsRefused:
            return await super()._send_placeholder()
        except (EditSkipped, ChatClosed):
            pass
        self._is_placed.set()
        return None

    async def run(self) -> None:
        """Show the text until the indicator is closed, or the chat takes no more drafts."""
        with suppress(ChatUnreachable, DraftsRefused):
            await super().run()

    async def _wait_for_news(self) -> None:
        """Wait until there is a new text, or the draft has to be sent again."""
        keep_s = None if self._message_id else self._keep_s
        try:
            async with asyncio.timeout(keep_s):
                await super()._wait_for_news()
        except TimeoutError:
            self._shown = None
            self._news.set()

    def _draw(self, text: str) -> FormattedMessage:
        """Return a page with blocks if the answer will have some: the kind may not change."""
        if self._message_id or self._context.is_plain:
            return super()._draw(text)
        return self._growing.draw(text)

    async def _show(self, page: FormattedMessage) -> bool:
        context = self._context
        if self._message_id:
            return await super()._show(page)
        is_shown = await context.bot_api.send_draft(
            context.chat_id, context.update_id, page, context.thread_id
        )
        kill_point("draft.sent")
        return is_shown
