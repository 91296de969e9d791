"""Updates: stored before they are confirmed to Telegram, then processed chat by chat.

A batch is stored in one transaction; the next long poll moves the offset, which confirms the
batch. After a kill in between Telegram sends the batch again; updates already stored are skipped.

The order within a chat is kept. Several hundred chats are processed concurrently, one update of
each. A chat may have a few messages waiting; more are refused at once, so that a flood by one
person does not delay the others. Messages that collected while the bot or its database was away,
or the bot was frozen, are no flood, by their own date: they are answered in order, however many
they are.

A pressed button (also a draft's own) and a pre-checkout query or payment are processed at once:
Telegram or the payer waits for them, and a stop button queued behind its own answer would be
useless. Updates that change no message do not wait for messages: a chat that must cool down does
not delay a payment. Buttons that ask a model keep their place in the chat's order. Group messages
that are not addressed to the bot are skipped, so that they take no question's place.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import telegram
from telegram import Bot
from telegram.error import Conflict, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseUpdateProcessor

from merlin.account.users import User, Users
from merlin.app.bot_settings import WEBHOOK, Settings
from merlin.app.inbox import STOPPED, Inbox, Update, read_update
from merlin.bot.context import NO_USE, ReceivedUpdate, Use, read_known_user
from merlin.bot.services import STORE_PAUSE_S, BotServices
from merlin.bot.transport import AiohttpRequest, pause
from merlin.bot.updates import (
    MAX_PARTS,
    NEW_KINDS,
    get_wait_s,
    is_continuation,
    is_new_kind,
    is_payment_message,
    is_same_album,
    is_unaddressed,
    read_button_data,
)
from merlin.core.clock import utc_now
from merlin.core.heartbeat import Failures
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.db.notices import Notices

log = get_logger(__name__)
T = TypeVar("T")

ALLOWED_UPDATES = (
    "message",
    "callback_query",
    "pre_checkout_query",
    "my_chat_member",
    STOPPED,
    *NEW_KINDS,
)
_URGENT = frozenset({"pre_checkout_query", STOPPED})
# How often a process that does not lead tries to take the lead.
FOLLOW_S = 1.0


class Priority(IntEnum):
    """The queues of one chat: in order, concurrent, and urgent."""

    IN_ORDER = 0
    CONCURRENT = 1
    URGENT = 2


MAX_CONCURRENT = 256
MAX_WAITING = 5


@dataclass(slots=True)
class _ChatQueue:
    """The waiting updates of one chat.

    `is_notified`: the person knows that some were refused; `untold` are those refused since.
    """

    waiting: deque[ReceivedUpdate] = field(default_factory=deque)
    is_working: bool = False
    is_notified: bool = False
    untold: list[ReceivedUpdate] = field(default_factory=list)

    def has_room(self, update: telegram.Update, most: int) -> bool:
        updates = [task.update for task in self.waiting]
        # A part of a waiting message does not count again.
        if updates and _is_part(update, updates):
            return len(updates) < MAX_PARTS
        # A question may arrive in several parts.
        parts = sum(
            _is_part(update, updates[:place]) for place, update in enumerate(updates)
        )
        # The next update is about to start, so it does not count as waiting.
        return len(updates) - parts < most + (0 if self.is_working else 1)

    def take(self) -> ReceivedUpdate:
        """Return the next task, with the waiting updates behind it that belong to it."""
        task = self.waiting.popleft()
        joined: list[ReceivedUpdate] = []
        while self.waiting and is_continuation(
            self.waiting[0].update, (joined or [task])[-1].update
        ):
            joined.append(self.waiting.popleft())
        # Parts of two albums that were sent at the same time alternate.
        album = (joined or [task])[-1].update
        for other in [
            each for each in self.waiting if is_same_album(each.update, album)
        ]:
            self.waiting.remove(other)
            joined.append(other)
        return replace(task, joined=tuple(joined)) if joined else task


def _is_part(update: telegram.Update, before: Sequence[telegram.Update]) -> bool:
    """Return whether an update is a further part of one of those before it."""
    if not before:
        return False
    return is_continuation(update, before[-1]) or any(
        is_same_album(update, b) for b in before
    )


# A chat and one of its queues.
Key = tuple[int, Priority]
Worker = Callable[[ReceivedUpdate], Awaitable[None]]
# The refused updates of one chat, and whether to tell the person how many.
Refuse = Callable[[Sequence[ReceivedUpdate], bool], Awaitable[None]]


class ChatProcessor(BaseUpdateProcessor):
    """The queues of all chats that this process holds.

    The library limits the updates in progress; waiting ones are not its concern, and those outside
    the order of their chat take no slot.
    """

    def __init__(
        self,
        work: Worker,
        refuse: Refuse,
        uses: Mapping[str, Use],
        *,
        at_once: int = MAX_CONCURRENT,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        super().__init__(at_once)
        self._work = work
        self._refuse = refuse
        self._uses = uses
        self._most_waiting = most_waiting
        self._queues: dict[Key, _ChatQueue] = {}
        self._unfinished: set[int] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return the number of waiting updates."""
        # A copy: the thread that stores the heartbeat reads it while chats come and go.
        return sum(len(queue.waiting) for queue in [*self._queues.values()])

    @property
    def working(self) -> int:
        """Return the number of updates in progress."""
        return sum(queue.is_working for queue in [*self._queues.values()])

    @property
    def unfinished(self) -> frozenset[int]:
        """Return the updates that were added and are not finished."""
        return frozenset(self._unfinished)

    def add(self, tasks: Iterable[ReceivedUpdate]) -> None:
        """Queue updates in this order; messages beyond a chat's limit are refused.

        Resumed updates were within the limit before, late ones were sent in no haste; one that is
        in progress is not queued again.
        """
        refused: dict[Key, list[ReceivedUpdate]] = {}
        for task in tasks:
            update = task.update
            if update.update_id in self._unfinished:
                continue
            self._unfinished.add(update.update_id)
            key = (task.stored.chat_id, self._priority_of(task))
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = _ChatQueue()
                self._start(self._run(key, queue))
            may_wait = task.is_resumed or not self._counts_as_waiting(update)
            most = sys.maxsize if task.is_late else self._most_waiting
            if may_wait or queue.has_room(update, most):
                # By the time an earlier update is finished, the data read now may be stale.
                is_free = not (queue.is_working or queue.waiting)
                is_next = is_free and len(self._running) <= self.max_concurrent_updates
                queue.waiting.append(task if is_next else replace(task, known=None))
            else:
                refused.setdefault(key, []).append(task)
        for key, chat_tasks in refused.items():
            queue = self._queues[key]
            self._start(self._refuse_updates(chat_tasks, is_news=not queue.is_notified))
            queue.untold += chat_tasks if queue.is_notified else []
            queue.is_notified = True

    async def _refuse_updates(
        self, tasks: Sequence[ReceivedUpdate], *, is_news: bool
    ) -> None:
        await self._refuse(tasks, is_news)
        self._forget(tasks)

    def _use_of(self, update: telegram.Update) -> Use:
        """Return what the pressed button says of itself."""
        verb, _ = read_button_data(update)
        return self._uses.get(verb, NO_USE)

    def _priority_of(self, task: ReceivedUpdate) -> Priority:
        """Return the queue of its chat in which an update is processed."""
        update = task.update
        use = self._use_of(update)
        if task.stored.kind in _URGENT or Use.URGENT in use:
            return Priority.URGENT
        is_silent = is_payment_message(update) or is_new_kind(update)
        is_concurrent = is_silent or is_unaddressed(update)
        if update.callback_query:
            is_concurrent = not use & (Use.ASKS_MODEL | Use.IN_ORDER)
        return Priority.CONCURRENT if is_concurrent else Priority.IN_ORDER

    def _counts_as_waiting(self, update: telegram.Update) -> bool:
        """Return whether this is, or may be, a question to a model; only a few may wait."""
        if is_payment_message(update):
            return False
        return bool(update.message) or Use.ASKS_MODEL in self._use_of(update)

    def _forget(self, tasks: Iterable[ReceivedUpdate]) -> None:
        self._unfinished.difference_update(task.update.update_id for task in tasks)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, key: Key, queue: _ChatQueue) -> None:
        try:
            while queue.waiting and not self._closing.is_set():
                work = self._do_next(queue)
                if key[1] is not Priority.IN_ORDER:
                    # Takes no slot: a full queue does not delay a payment.
                    await work
                    continue
                try:
                    await self.process_update(queue.waiting[0].update, work)
                finally:
                    # A task that is cancelled while it waits for a slot has not started.
                    work.close()
        finally:
            del self._queues[key]
        if queue.untold and not queue.waiting:
            await self._refuse_updates(queue.untold, is_news=True)

    async def _do_next(self, queue: _ChatQueue) -> None:
        if self._closing.is_set():
            return
        queue.is_working = True
        # Pause briefly if more parts of the next update may be on their way.
        counted = 0
        while len(queue.waiting) > counted and (
            wait_s := get_wait_s(queue.waiting[-1].update)
        ):
            counted = len(queue.waiting)
            await asyncio.sleep(wait_s)
        has_waited = counted > 0
        task = queue.take()
        if has_waited:
            task = replace(task, known=None)
        await self._work(task)
        self._forget((task, *task.joined))
        queue.is_working = False

    async def initialize(self) -> None:
        """Nothing to open."""

    async def do_process_update(
        self,
        update: object,  # noqa: ARG002 - the library's
        coroutine: Awaitable[Any],
    ) -> None:
        """Process one update; its chat's turn and a slot are available."""
        await coroutine

    async def shutdown(self) -> None:
        """Stop the updates in progress."""
        await self.close(0)

    async def close(self, within_s: float) -> None:
        """Let the updates in progress finish within some seconds, then stop them.

        Waiting updates stay stored; the next process takes them up.
        """
        self._closing.set()
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)


async def retry_until_stored(
    services: BotServices,
    work: Callable[[], T],
    trouble: str,
    failures: Failures | None = None,
) -> T:
    """Return the result of `work`; wait for a full disk or a held lock, logged as `trouble`.

    The latest failure stands in `failures` until the work has succeeded.
    """
    attempt = 0
    failures = failures or Failures()
    while True:
        try:
            result = await services.store.do(work)
        except Exception as error:  # noqa: BLE001 - it is logged
            failures.add(trouble, error)
        else:
            failures.end()
            return result
        await pause(attempt, min(services.pace.longest_pause_s, STORE_PAUSE_S))
        attempt += 1


class UpdateReceiver:
    """The long poll or the webhook of one bot; `has_conflict`: another program has its updates."""

    def __init__(
        self,
        services: BotServices,
        bot: Bot,
        transport: AiohttpRequest,
        processor: ChatProcessor,
    ) -> None:
        self._services = services
        self._bot = bot
        self._transport = transport
        self._processor = processor
        self._method_url = f"{services.base_url}{services.token}/getUpdates"
        self._offset = 0
        self.has_conflict = False
        self._leads = asyncio.Event()
        # Until then no updates were fetched, or none could be stored.
        self._back_at = utc_now()

    async def keep_lead(self) -> None:
        """Take the lead of polling, or wait for it: two pollers interrupt each other."""
        was_ours: bool | None = None
        try:
            while True:
                is_ours = await asyncio.to_thread(self._services.lead.keep)
                if is_ours is not was_ours:
                    log.info(
                        "this bot polls"
                        if is_ours
                        else "another bot polls; this one waits"
                    )
                was_ours = is_ours
                (self._leads.set if is_ours else self._leads.clear)()
                await asyncio.sleep(FOLLOW_S)
        finally:
            self._leads.clear()
            # Released before the answers finish: the next leader can poll at once.
            await asyncio.to_thread(self._services.lead.release)

    async def run(self) -> None:
        """Receive updates until it is cancelled."""
        if self._services.webhook is None:
            await self._run_polling()
        else:
            await self._keep_webhook(*self._services.webhook)

    async def _keep_webhook(self, url: str, secret: str) -> None:
        """Set the webhook, and notice when another program replaces or deletes it."""
        settings = Settings(self._services.db)
        await self._services.store.do(lambda: settings.put(WEBHOOK, url))
        kinds = list(ALLOWED_UPDATES)
        await self._transport.retry_until_accepted(
            partial(
                self._bot.set_webhook, url, secret_token=secret, allowed_updates=kinds
            )
        )
        while True:
            await asyncio.sleep(self._services.pace.conflict_s)
            with suppress(TelegramError):  # counted by the transport
                current = (await self._bot.get_webhook_info()).url
                if current == url:
                    self.has_conflict = False
                else:
                    await self._record_conflict("notice-webhook-changed", current)

    async def _run_polling(self) -> None:
        """Poll, store and queue while this process leads."""
        attempt = 0
        was_away = True
        while True:
            was_away = was_away or not self._leads.is_set()
            await self._leads.wait()
            # What came meanwhile is there at once; what is sent from now on may be a flood.
            raw = await self._poll(0 if was_away else self._services.pace.poll_s)
            if raw is None:
                await self._transport.pause(attempt)
                attempt += 1
                was_away = True
                continue
            attempt = 0
            self._back_at = utc_now() if was_away else self._back_at
            was_away = False
            if raw:
                await self._store_batch(raw)

    async def _poll(self, poll_s: float) -> list[Any] | None:
        """Return the next batch, None if it cannot be fetched now."""
        query = {
            "offset": self._offset,
            "timeout": int(poll_s),
            "allowed_updates": json.dumps(ALLOWED_UPDATES),
        }
        # Telegram answers at the end of the poll.
        read_s = poll_s + self._services.pace.grace_s
        try:
            # Raw, not parsed by the library: an unknown format would fail again for ever.
            batch = await self._transport.post(
                f"{self._method_url}?{urlencode(query)}", read_timeout=read_s
            )
        except Conflict as error:
            if not await self._delete_own_webhook():
                # The token is left to the other program for a while.
                await self._record_conflict("notice-conflict", str(error))
                await asyncio.sleep(self._services.pace.conflict_s)
            return None
        except RetryAfter as flood:
            await self._transport.pause(0, flood)
            return None
        except TelegramError as error:
            if not isinstance(error, NetworkError):  # those are counted already
                self._transport.record_failure(str(error))
            return None
        self.has_conflict = False
        return batch if isinstance(batch, list) else []

    async def _delete_own_webhook(self) -> bool:
        """Delete the webhook that this bot set in webhook mode; False if there is none."""
        own = await self._services.store.read(
            lambda: Settings(self._services.db).get(WEBHOOK)
        )
        try:
            is_own = bool(own) and (await self._bot.get_webhook_info()).url == own
            return is_own and await self._bot.delete_webhook()
        except TelegramError:  # counted by the transport
            return False

    async def _record_conflict(self, notice: str, reason: str) -> None:
        """Notify the admins; the updates of another program are never taken from it."""
        if not self.has_conflict:
            log.error("another program takes this bot's updates", reason=redact(reason))
            notify = Notices(self._services.db, self._services.clock).notify_hourly
            await self._services.store.do(lambda: notify(notice, {}))
        self.has_conflict = True

    async def _store_batch(self, batch: Sequence[Any]) -> None:
        """Store a batch, with as many retries as needed; queue the updates of this process."""
        updates = [
            update for item in batch if (update := _parse_update(item)) is not None
        ]
        updates.sort(key=lambda update: update.update_id)

        failures = Failures()

        def store() -> list[ReceivedUpdate]:
            if "" in failures:  # what came during the database's outage is no flood
                self._back_at = utc_now()
            Users(self._services.db).record(message_authors(updates))
            inbox = Inbox(self._services.db, self._services.bot_id)
            fresh = inbox.store(updates, self._services.owner)
            # Read here for all, because every question would have to read it.
            read = partial(read_known_user, self._services)
            return [
                ReceivedUpdate.parse(
                    stored, self._bot, self._back_at, known=read(stored)
                )
                for stored in fresh
            ]

        # Telegram keeps the batch until it is stored.
        fresh = await retry_until_stored(
            self._services, store, "updates could not be stored", failures
        )
        kill_point("update.stored")
        if updates:
            self._offset = updates[-1].update_id + 1
        self._processor.add(fresh)


def message_authors(updates: Sequence[Update]) -> list[User]:
    """Return the authors of private messages; members of groups need not be stored."""
    return [
        User(update.user_id, update.language_code)
        for update in updates
        if update.kind in {"message", "callback_query"}
        and update.user_id == update.chat_id
        and update.user_id
    ]


def _parse_update(raw: object) -> Update | None:
    try:
        if isinstance(raw, dict):
            return read_update(raw)
    except ValueError:
        pass
    log.error("telegram sent something that is no update")
    return None
