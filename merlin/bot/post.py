"""Post: what is told to people unasked: notices, and messages left over from before a kill.

A notice becomes one message for each person it is for, by a key that cannot be stored twice, and
is handed over by the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from merlin.bot.calls import Unreachable
from merlin.bot.sender import Sender
from merlin.bot.services import BotServices
from merlin.bot.surely import surely
from merlin.core.log import get_logger
from merlin.core.notice import ADMINS, Notice
from merlin.core.text import language_of, text
from merlin.inbox.outgoing import Letter, Outgoing, OutgoingState

log = get_logger(__name__)

AT_ONCE = 100


class Post:
    """One round hands over what waits; a chat that must wait holds up nobody else."""

    def __init__(self, services: BotServices, sender: Sender) -> None:
        self._services = services
        self._rows = services.rows
        self._sender = sender
        self._on_the_way: dict[int, asyncio.Task[None]] = {}

    async def round(self) -> None:
        """Turn notices into messages, and begin to send every message that waits."""
        if await self._services.store.read(self._rows.notices.waiting):
            await self._services.store.do(self._hand_over)
        loose = await self._services.store.do(
            lambda: self._rows.outbox.loose(self._services.owner, AT_ONCE)
        )
        by_chat: dict[int, list[Outgoing]] = {}
        for outgoing in loose:
            by_chat.setdefault(outgoing.letter.chat_id, []).append(outgoing)
        for chat_id, waiting in by_chat.items():
            if chat_id not in self._on_the_way:
                task = asyncio.create_task(self._deliver(chat_id, waiting))
                self._on_the_way[chat_id] = task

    def _hand_over(self) -> None:
        for notice in self._rows.notices.waiting():
            if self._rows.notices.handed_over(notice.notice_id):
                self._rows.outbox.put(list(self._letters(notice)))

    def _letters(self, notice: Notice) -> Iterator[Letter]:
        for chat_id in self._readers(notice):
            words = self._rendered(notice, self._language(chat_id))
            yield Letter(f"notice:{notice.notice_id}:{chat_id}", chat_id, words)

    def _readers(self, notice: Notice) -> Sequence[int]:
        if notice.to == ADMINS:
            return self._services.admins
        return [int(notice.to)] if notice.to.lstrip("-").isdecimal() else []

    def _language(self, chat_id: int) -> str:
        user = self._rows.users.get(chat_id)
        return language_of(user.language_code if user else None, self._services.language)

    def _rendered(self, notice: Notice, language: str) -> str:
        try:
            return text(language, notice.key, **notice.arguments)
        except (KeyError, ValueError, TypeError):
            log.exception("a notice has no text", key=notice.key)
            return text(language, "notice-untranslated", name=notice.key)

    async def _deliver(self, chat_id: int, waiting: Sequence[Outgoing]) -> None:
        try:
            language = await self._services.store.read(lambda: self._language(chat_id))
            await self._sender.deliver(lambda: waiting, lambda _: None, language)
        except Unreachable:
            log.warning("nobody takes messages here", chat=chat_id)
        except Exception:
            log.exception("messages could not be sent", chat=chat_id)
            await surely(self._services, lambda: self._doubt(waiting), "doubt was not stored")
        finally:
            del self._on_the_way[chat_id]

    def _doubt(self, waiting: Sequence[Outgoing]) -> None:
        # Of these only the one that was being sent is changed.
        for outgoing in waiting:
            self._rows.outbox.settle(outgoing.outgoing_id, OutgoingState.UNKNOWN)

    async def close(self) -> None:
        """Stop sending; what was on its way is taken up by the next start."""
        tasks = list(self._on_the_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
