"""Updates in the order of their chat, while chats run side by side, each until its final state.

Several hundred chats are worked on at once, one update of each. A chat may have a few messages
waiting; more are refused at once, so that a flood by one person costs nobody else anything.

A pressed button, a payment that is about to be made or was made, and an inline query are dealt
with at once: Telegram or the payer waits for them, and a stop button behind its own answer would
stop nothing. What changes no message waits for no message either: a chat that must cool down
holds up no payment. Buttons that ask a model keep their place in the chat's order. Talk in a group
that is for nobody but its people is passed over, so that it takes no question's room.

A handler that breaks is tried once more, because a database or a disk may have been away for a
moment; then the person is told, and that is final too. Only a database that takes nothing at all
keeps an update waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise, zip_longest
from typing import Any

import telegram
from telegram.ext import BaseUpdateProcessor

from merlin.account.users import Users
from merlin.app.inbox import Inbox, Outcome, Update, UpdateState
from merlin.app.outbox import Outbox, OutgoingMessage
from merlin.billing.quota import Quotas
from merlin.bot.bot_api import ChatClosed, ChatUnreachable
from merlin.bot.context import (
    BotApplication,
    BotContext,
    Handler,
    UpdateContext,
    update_context_of,
)
from merlin.bot.loops import pause, retry_until_stored
from merlin.bot.services import BotServices
from merlin.bot.updates import (
    MOST_PARTS,
    WAIT_S,
    is_continuation,
    is_of_money,
    is_passing,
    joined_text,
    may_go_on,
    pressed,
)
from merlin.core.formatted_text import FormattedMessage
from merlin.core.i18n import text
from merlin.core.log import get_logger

_KINDS = frozenset(
    {
        "callback_query",
        "pre_checkout_query",
        "inline_query",
        "chosen_inline_result",
        "message_reaction",
    }
)
# What is answered beside the chat, by a call that waits for no limit.
_URGENT = frozenset({"pre_checkout_query", "inline_query"})
_STOP = "stop"
# Buttons whose press is a question to a model, or must not meet an answer that is being written.
ASKING = frozenset({"again", "sum", "forget"})
_FORGET = "forget"
_QUESTIONS = frozenset({"message", "edited_message"})


class Priority(IntEnum):
    """The queues of one chat: its order, beside it, and ahead of everything."""

    ORDER = 0
    BESIDE = 1
    AHEAD = 2


def priority_of(update: Update) -> Priority:
    """Return in which of its chat's queues an update is dealt with."""
    verb, _ = pressed(update)
    if update.kind in _URGENT or verb == _STOP:
        return Priority.AHEAD
    if update.kind not in _KINDS:
        is_beside = is_of_money(update) or is_passing(update)
        return Priority.BESIDE if is_beside else Priority.ORDER
    return Priority.ORDER if verb in ASKING else Priority.BESIDE


def takes_room(update: Update) -> bool:
    """Return whether this is, or may be, a question to a model, of which a few may wait."""
    # Who wants everything deleted is never turned away.
    if is_of_money(update):
        return False
    return update.kind in _QUESTIONS or pressed(update)[0] in ASKING - {_FORGET}


AT_ONCE = 256
MOST_WAITING = 5


@dataclass(frozen=True, slots=True)
class Task:
    """An update to work on; `is_resumed`: somebody may have begun with it before.

    `joined` are those behind it that belong to it. `known` is what was read of its person, None
    where that is to be read when its turn comes.
    """

    update: Update
    is_resumed: bool = False
    known: UpdateContext | None = None
    joined: tuple[Update, ...] = ()


@dataclass(slots=True)
class _ChatQueue:
    """What waits in one chat; `is_told`: the person knows that more is refused."""

    waiting: deque[Task] = field(default_factory=deque)
    is_working: bool = False
    is_told: bool = False

    def has_room(self, update: Update, most: int) -> bool:
        # A part of what waits already is not one more.
        if self.waiting and is_continuation(update, self.waiting[-1].update):
            return len(self.waiting) < MOST_PARTS
        # What nobody works on yet is about to be, so it does not count as waiting.
        return self._questions() < most + (0 if self.is_working else 1)

    def _questions(self) -> int:
        """Return how many questions wait; one may have come in several parts."""
        updates = [task.update for task in self.waiting]
        parts = sum(is_continuation(update, before) for before, update in pairwise(updates))
        return len(updates) - parts

    def take(self) -> Task:
        """Return the next task, with what waits behind it and belongs to it."""
        task = self.waiting.popleft()
        joined: list[Update] = []
        while self.waiting and is_continuation(
            self.waiting[0].update, (joined or [task.update])[-1]
        ):
            joined.append(self.waiting.popleft().update)
        return replace(task, joined=tuple(joined)) if joined else task

    def is_free(self) -> bool:
        """Return whether what comes now is worked on at once."""
        return not (self.is_working or self.waiting)


# A chat, and which of its queues.
Key = tuple[int, Priority]
Worker = Callable[[Task], Awaitable[None]]
# The refused updates of one chat, and whether the person is to be told.
Refuse = Callable[[Sequence[Update], bool], Awaitable[None]]


class ChatProcessor(BaseUpdateProcessor):
    """The queues of all chats that this process holds.

    The library's own count is of updates that are worked on: those that wait are none of its
    business, and those beside the order of their chat take no slot.
    """

    def __init__(
        self,
        work: Worker,
        refuse: Refuse,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        super().__init__(at_once)
        self._work = work
        self._refuse = refuse
        self._most_waiting = most_waiting
        self._queues: dict[Key, _ChatQueue] = {}
        self._in_hand: set[int] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many updates wait for their turn."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    @property
    def working(self) -> int:
        """Return how many updates are worked on."""
        return sum(queue.is_working for queue in self._queues.values())

    @property
    def in_hand(self) -> frozenset[int]:
        """Return the updates that were added and are not dealt with yet."""
        return frozenset(self._in_hand)

    def add(
        self,
        updates: Sequence[Update],
        *,
        known: Sequence[UpdateContext] = (),
        is_resumed: bool = False,
    ) -> None:
        """Queue updates in this order; messages that a chat has no room for are refused.

        `known` is what was read with each, or nothing. Resumed ones had their room already; one
        that is in hand is not queued again.
        """
        refused: dict[Key, list[Update]] = {}
        for update, read in zip_longest(updates, known):
            if update.update_id in self._in_hand:
                continue
            self._in_hand.add(update.update_id)
            key = (update.chat_id, priority_of(update))
            queue = self._queue(key)
            may_wait = is_resumed or not takes_room(update)
            if may_wait or queue.has_room(update, self._most_waiting):
                # Behind another one, what was read may not be true any more.
                is_next = queue.is_free() and len(self._running) <= self.max_concurrent_updates
                queue.waiting.append(Task(update, is_resumed, read if is_next else None))
            else:
                refused.setdefault(key, []).append(update)
        for key, those in refused.items():
            queue = self._queues[key]
            self._start(self._turn_away(those, is_news=not queue.is_told))
            queue.is_told = True

    async def _turn_away(self, updates: Sequence[Update], *, is_news: bool) -> None:
        await self._refuse(updates, is_news)
        self._let_go(updates)

    def _let_go(self, updates: Iterable[Update]) -> None:
        self._in_hand.difference_update(update.update_id for update in updates)

    def _queue(self, key: Key) -> _ChatQueue:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _ChatQueue()
            run = self._run if key[1] is Priority.ORDER else self._run_beside
            self._start(run(key, queue))
        return queue

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, key: Key, queue: _ChatQueue) -> None:
        try:
            while queue.waiting and not self._closing.is_set():
                work = self._do_next(queue)
                try:
                    await self.process_update(queue.waiting[0].update, work)
                finally:
                    # Who stops while it waits for a slot has not begun it.
                    work.close()
        finally:
            del self._queues[key]

    async def _run_beside(self, key: Key, queue: _ChatQueue) -> None:
        """Work on what waits for no slot either: a full house holds up no payment."""
        try:
            while queue.waiting and not self._closing.is_set():
                await self._do_next(queue)
        finally:
            del self._queues[key]

    async def _do_next(self, queue: _ChatQueue) -> None:
        if self._closing.is_set():
            return
        queue.is_working = True
        has_waited = await self._complete(queue)
        task = queue.take()
        if has_waited:
            task = replace(task, known=None)
        await self._work(task)
        self._let_go((task.update, *task.joined))
        queue.is_working = False

    async def _complete(self, queue: _ChatQueue) -> bool:
        """Wait a little where more that belongs to the next update may be on its way.

        Return whether that took any time.
        """
        seen = 0
        while may_go_on(queue.waiting[-1].update) and len(queue.waiting) > seen:
            seen = len(queue.waiting)
            await asyncio.sleep(WAIT_S)
        return seen > 0

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:  # noqa: ARG002 - the library's
        """Work on one update; its chat's turn and a slot are there."""
        await coroutine

    async def shutdown(self) -> None:
        """Stop what is being worked on."""
        await self.close(0)

    async def close(self, within_s: float) -> None:
        """Let what is being worked on end within so many seconds, then stop it.

        What waits stays stored; whoever comes next takes it up.
        """
        self._closing.set()
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)


log = get_logger(__name__)


class UpdateWorker:
    """What the queues call for each update of theirs; `apologise` ends one that broke twice.

    The application is made after its processor, so it is named before the first update comes.
    """

    application: BotApplication

    def __init__(self, services: BotServices, apologise: Handler) -> None:
        self._services = services
        self._apologise = apologise

    async def do(self, task: Task) -> None:
        """Work on one update until it is final; raises nothing but cancellation."""
        context = BotContext.of(self.application, task.update, is_resumed=task.is_resumed)
        context = await self._with_user(context, task)
        attempt = 0
        # Each try has a context of its own: guards write into it.
        while not await self._is_done(replace(context), is_first=attempt % 2 == 0):
            await pause(attempt, self._services.pace.longest_pause_s)
            context = replace(context, is_resumed=True)
            attempt += 1

    async def _with_user(self, context: BotContext, task: Task) -> BotContext:
        """Return the context with what is known of the person and what belongs to it."""
        known = task.known
        if known is None:
            # A queue that broke here would leave all that waits in it to the next start.
            trouble = "a person could not be looked up"
            known = await retry_until_stored(
                self._services, lambda: update_context_of(self._services, task.update), trouble
            )
        return replace(
            context,
            text=joined_text(context.text, task.joined) if task.joined else context.text,
            language=known.user.speaks(context.language),
            joined=task.joined,
            dialog=known.dialog,
            user=known.user,
        )

    async def _is_done(self, context: BotContext, *, is_first: bool) -> bool:
        """Try once to handle an update, or to say sorry when that broke twice."""
        try:
            await self._reach(self._handle, context)
        except Exception:
            log.exception("an update could not be handled", update=context.update_id)
        else:
            return True
        if is_first:
            return False
        try:
            await self._reach(self._apologise, context)
        except Exception:
            log.exception("an update could not be ended", update=context.update_id)
            return False
        return True

    async def _handle(self, context: BotContext) -> None:
        """Let the application's handlers deal with an update. Raises what one of them raised."""
        contexts = context.bot_data.contexts
        contexts[context.update_id] = context
        try:
            await self.application.process_update(_parsed(context))
        finally:
            del contexts[context.update_id]
        if context.error is not None:
            raise context.error

    async def _reach(self, handle: Handler, context: BotContext) -> None:
        try:
            await handle(context)
        except ChatUnreachable as reason:
            await self._leave(context, reason)

    async def _leave(self, context: BotContext, reason: ChatUnreachable) -> None:
        """End an update whose chat takes no messages; nothing of it is counted."""
        log.info("a chat takes no messages", chat=context.chat_id)

        def work() -> None:
            if not isinstance(reason, ChatClosed):
                if context.is_private:
                    Users(context.db).unreachable(context.user_id)
                Outbox(context.db, context.bot_id).drop(context.chat_id)
            Quotas(context.db, context.bot_id).give_back(context.update_id)
            context.finish(UpdateState.FAILED, "unreachable")

        await context.store.do(work)

    async def refuse(self, updates: Sequence[Update], is_news: bool) -> None:  # noqa: FBT001 - `Refuse`
        """End messages of one chat that found no room; say so to the person the first time."""
        services = self._services
        newest = BotContext.of(self.application, updates[-1])
        outcomes = [
            Outcome(update.update_id, UpdateState.REFUSED, "queue full") for update in updates
        ]

        def work() -> None:
            if is_news and newest.is_private:
                key = f"full:{newest.update_id}"
                user = update_context_of(services, newest.stored).user
                words = text(user.speaks(newest.language), "bot-queue-full", waiting=MOST_WAITING)
                Outbox(services.db, services.bot_id).put(
                    [OutgoingMessage(key, newest.chat_id, FormattedMessage(words))]
                )
            Inbox(services.db, services.bot_id).finish(services.owner, newest.chat_id, outcomes)

        await retry_until_stored(services, work, "updates could not be refused")
        for update in updates:
            if update.kind == "callback_query":
                query_id = BotContext.of(self.application, update).query_id
                await newest.calls.answer("answerCallbackQuery", {"callback_query_id": query_id})


def _parsed(context: BotContext) -> telegram.Update:
    """Return the library's update; an empty one where it lacks a field that it must have."""
    update_id = context.update_id
    body = {**context.stored.body, "update_id": update_id}
    try:
        found = telegram.Update.de_json(body, context.bot)
    except Exception:  # whatever its many constructors raise
        log.exception("an update could not be read", update=update_id)
        found = telegram.Update(update_id)
    return found
