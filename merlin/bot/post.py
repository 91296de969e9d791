"""Post: what is told to people unasked: notices, and messages left over from before a kill.

A notice becomes one message for each person it is for, by a key that cannot be stored twice, and
is handed over by the same transaction. What the admins were told lately waits for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from merlin.bot.bulletin import Bulletin
from merlin.bot.calls import Unreachable
from merlin.bot.sender import Sender
from merlin.bot.services import BotServices
from merlin.bot.surely import surely
from merlin.core.log import get_logger
from merlin.core.notice import Notice
from merlin.inbox.outgoing import Outgoing, OutgoingState

log = get_logger(__name__)

AT_ONCE = 100


class Post:
    """One round hands over what waits; a chat that must wait holds up nobody else."""

    def __init__(self, services: BotServices, sender: Sender) -> None:
        self._services = services
        self._rows = services.rows
        self._sender = sender
        self._bulletin = Bulletin(services)
        self._on_the_way: dict[int, asyncio.Task[None]] = {}

    async def round(self) -> None:
        """Turn notices into messages, and begin to send every message that waits."""
        if await self._services.store.read(self._waiting):
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

    def _waiting(self) -> list[Notice]:
        """Return the notices that may be told now."""
        lately = self._services.clock() - timedelta(seconds=self._services.pace.group_s)
        return self._rows.notices.waiting(AT_ONCE, lately)

    def _hand_over(self) -> None:
        mine = [
            notice for notice in self._waiting() if self._rows.notices.handed_over(notice.notice_id)
        ]
        self._rows.outbox.put(list(self._bulletin.letters(mine)))

    async def _deliver(self, chat_id: int, waiting: Sequence[Outgoing]) -> None:
        try:
            language = await self._services.store.read(lambda: self._services.language_of(chat_id))
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
