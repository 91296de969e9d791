"""Work: an update is worked on until it has a final state, whatever breaks on the way.

A handler that breaks is tried once more, because a database or a disk may have been away for a
moment; then the person is told, and that is final too. Only a database that takes nothing at all
keeps an update waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merlin.bot.calls import Unreachable
from merlin.bot.event import Event, read_event
from merlin.bot.handlers.dispatch import handle
from merlin.bot.handlers.question import give_up
from merlin.bot.kit import Kit
from merlin.bot.lanes import MOST_WAITING, Task
from merlin.bot.pause import pause
from merlin.bot.surely import surely
from merlin.core.log import get_logger
from merlin.core.text import text
from merlin.inbox.outgoing import Letter
from merlin.inbox.update import Outcome, Update, UpdateState

log = get_logger(__name__)


class Work:
    """What lanes call for each update of theirs."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._language = kit.services.language

    async def do(self, task: Task) -> None:
        """Work on one update until it is final; raises nothing but cancellation."""
        event = read_event(task.update, self._language, is_resumed=task.is_resumed)
        attempt = 0
        while not await self._is_done(event, is_first=attempt % 2 == 0):
            await pause(attempt, self._kit.services.pace.longest_pause_s)
            event = replace(event, is_resumed=True)
            attempt += 1

    async def _is_done(self, event: Event, *, is_first: bool) -> bool:
        """Try once to handle an update, or to say sorry when that broke twice."""
        try:
            await self._reach(event)
        except Exception:
            log.exception("an update could not be handled", update=event.update_id)
        else:
            return True
        if is_first:
            return False
        try:
            await self._apologise(event)
        except Exception:
            log.exception("an update could not be ended", update=event.update_id)
            return False
        return True

    async def _reach(self, event: Event) -> None:
        try:
            await handle(self._kit, event)
        except Unreachable:
            await self._leave(event)

    async def _apologise(self, event: Event) -> None:
        try:
            await give_up(self._kit, event)
        except Unreachable:
            await self._leave(event)

    async def _leave(self, event: Event) -> None:
        """End an update whose person takes no messages."""
        log.info("a person takes no messages", chat=event.chat_id)

        def work() -> None:
            self._kit.rows.users.unreachable(event.update.user_id)
            self._kit.rows.outbox.drop(event.chat_id)
            self._kit.finish(event, UpdateState.FAILED, "unreachable")

        await self._kit.store.do(work)

    async def refuse(self, updates: Sequence[Update], is_news: bool) -> None:  # noqa: FBT001 - `Refuse`
        """End messages of one chat that found no room; say so to the person the first time."""
        services = self._kit.services
        newest = read_event(updates[-1], self._language)
        words = text(newest.language, "bot-queue-full", waiting=MOST_WAITING)
        outcomes = [
            Outcome(update.update_id, UpdateState.REFUSED, "queue full") for update in updates
        ]

        def work() -> None:
            if is_news and newest.is_private:
                key = f"full:{newest.update_id}"
                services.rows.outbox.put([Letter(key, newest.chat_id, words)])
            services.rows.inbox.finish(services.owner, newest.chat_id, outcomes)

        await surely(services, work, "updates could not be refused")
