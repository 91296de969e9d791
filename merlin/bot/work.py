"""Work: an update is worked on until it has a final state, whatever breaks on the way.

A handler that breaks is tried once more, because a database or a disk may have been away for a
moment; then the person is told, and that is final too. Only a database that takes nothing at all
keeps an update waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merlin.bot.calls import Shut, Unreachable
from merlin.bot.event import Event, read_event
from merlin.bot.handlers.answer.question import give_up
from merlin.bot.handlers.dispatch import handle
from merlin.bot.joining import joined_text
from merlin.bot.kit import Kit
from merlin.bot.known import known_of
from merlin.bot.lanes import MOST_WAITING, Task
from merlin.bot.pause import pause
from merlin.bot.surely import surely, surely_read
from merlin.core.log import get_logger
from merlin.core.page import Page
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
        event = await self._known(event, task)
        attempt = 0
        while not await self._is_done(event, is_first=attempt % 2 == 0):
            await pause(attempt, self._kit.services.pace.longest_pause_s)
            event = replace(event, is_resumed=True)
            attempt += 1

    async def _known(self, event: Event, task: Task) -> Event:
        """Return the event with what is known of the person and what belongs to it."""
        known = task.known
        if known is None:
            # A lane that broke here would leave all that waits in it to the next start.
            trouble = "a person could not be looked up"
            services = self._kit.services
            known = await surely_read(
                services, lambda: known_of(services.rows, event.update), trouble
            )
        return replace(
            event,
            text=joined_text(event.text, task.joined) if task.joined else event.text,
            language=known.user.speaks(event.language),
            joined=task.joined,
            dialog=known.dialog,
            user=known.user,
        )

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
        except Unreachable as reason:
            await self._leave(event, reason)

    async def _apologise(self, event: Event) -> None:
        try:
            await give_up(self._kit, event)
        except Unreachable as reason:
            await self._leave(event, reason)

    async def _leave(self, event: Event, reason: Unreachable) -> None:
        """End an update whose chat takes no messages; nothing of it is counted."""
        log.info("a chat takes no messages", chat=event.chat_id)

        def work() -> None:
            if not isinstance(reason, Shut):
                if event.is_private:
                    self._kit.rows.users.unreachable(event.update.user_id)
                self._kit.rows.outbox.drop(event.chat_id)
            self._kit.rows.quotas.give_back(event.update_id)
            self._kit.finish(event, UpdateState.FAILED, "unreachable")

        await self._kit.store.do(work)

    async def refuse(self, updates: Sequence[Update], is_news: bool) -> None:  # noqa: FBT001 - `Refuse`
        """End messages of one chat that found no room; say so to the person the first time."""
        services = self._kit.services
        newest = read_event(updates[-1], self._language)
        outcomes = [
            Outcome(update.update_id, UpdateState.REFUSED, "queue full") for update in updates
        ]

        def work() -> None:
            if is_news and newest.is_private:
                key = f"full:{newest.update_id}"
                speaks = known_of(services.rows, newest.update).user.speaks(newest.language)
                words = text(speaks, "bot-queue-full", waiting=MOST_WAITING)
                services.rows.outbox.put([Letter(key, newest.chat_id, Page(words))])
            services.rows.inbox.finish(services.owner, newest.chat_id, outcomes)

        await surely(services, work, "updates could not be refused")
        for update in updates:
            if update.kind == "callback_query":
                query = {"callback_query_id": read_event(update, self._language).query_id}
                await self._kit.calls.answer("answerCallbackQuery", query)
