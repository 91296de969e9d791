"""Intake: updates are stored before Telegram hears that they have arrived.

A whole batch is stored by one transaction, then the offset moves with the next long poll, which
confirms the batch. A kill in between brings the batch again; what is stored is not stored twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import BaseRequest

from merlin.account.users import User, Users
from merlin.app.inbox import Inbox, Update, read_update
from merlin.bot.context import UpdateContext, update_context_of
from merlin.bot.loops import retry_until_stored
from merlin.bot.processor import ChatProcessor
from merlin.bot.services import BotServices
from merlin.bot.transport import ConnectionState
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.db.notices import ADMINS, Notices

log = get_logger(__name__)

WANTED = (
    "message",
    "edited_message",
    "callback_query",
    "pre_checkout_query",
    "inline_query",
    "message_reaction",
    "my_chat_member",
)
# Telegram answers at the end of the poll; so much longer is waited for the answer itself.
GRACE_S = 10.0
# How often it is asked who leads.
FOLLOW_S = 1.0


class Intake:
    """The long poll of one bot."""

    def __init__(
        self,
        services: BotServices,
        transport: BaseRequest,
        connection: ConnectionState,
        processor: ChatProcessor,
    ) -> None:
        self._services = services
        self._transport = transport
        self._connection = connection
        self._processor = processor
        self._method_url = f"{services.base_url}{services.token}/getUpdates"
        self._offset = 0
        self._has_conflict = False
        self._is_leading: bool | None = None
        self._leads_until = 0.0

    async def run(self) -> None:
        """Poll, store and queue while this process leads, until it is cancelled."""
        try:
            await self._run()
        finally:
            # Before the answers end: whoever waits for the lead polls on at once.
            await self._services.lead.release()

    async def _run(self) -> None:
        attempt = 0
        while True:
            if not await self._leads():
                await asyncio.sleep(FOLLOW_S)
                continue
            raw = await self._poll()
            if raw is None:
                await self._connection.pause(attempt)
                attempt += 1
                continue
            attempt = 0
            if raw:
                await self._take(raw)

    async def _leads(self) -> bool:
        """Return whether this is the one bot that polls; Telegram lets two oust each other."""
        now = asyncio.get_running_loop().time()
        if now >= self._leads_until:
            is_ours = await self._services.lead.keep()
            if is_ours is not self._is_leading:
                log.info("this bot polls" if is_ours else "another bot polls; this one waits")
            self._is_leading = is_ours
            self._leads_until = now + FOLLOW_S if is_ours else now
        return self._is_leading is True

    async def _poll(self) -> list[Any] | None:
        """Return the next batch; None when there is none to be had now."""
        poll_s = self._services.pace.poll_s
        asked = {"offset": self._offset, "timeout": int(poll_s), "allowed_updates": _WANTED_JSON}
        try:
            # Raw, not parsed by the library: a shape it does not know would be met for ever.
            batch = await self._transport.post(
                f"{self._method_url}?{urlencode(asked)}", read_timeout=poll_s + GRACE_S
            )
        except Conflict as error:
            await self._stand_back(error)
            return []
        except RetryAfter as flood:
            wait = flood.retry_after
            await asyncio.sleep(wait.total_seconds() if isinstance(wait, timedelta) else wait)
            return []
        except TelegramError as error:
            if isinstance(error, InvalidToken):
                log.warning("telegram does not know this token")
            self._connection.fails(error)
            return None
        self._connection.works()
        self._has_conflict = False
        return batch if isinstance(batch, list) else []

    async def _stand_back(self, error: TelegramError) -> None:
        """Leave the token to the other program for a while; never take its updates away."""
        if not self._has_conflict:
            log.error("another program takes this bot's updates", reason=redact(str(error)))
            await self._services.store.do(
                lambda: Notices(self._services.db).tell(ADMINS, "notice-conflict", {}, self._hour())
            )
        self._has_conflict = True
        await asyncio.sleep(self._services.pace.conflict_s)

    def _hour(self) -> str:
        return f"conflict:{self._services.clock():%Y-%m-%dT%H}"

    async def _take(self, raw: Sequence[Any]) -> None:
        updates = [update for one in raw if (update := _readable(one)) is not None]
        updates.sort(key=lambda update: update.update_id)
        fresh = await self._stored(updates)
        kill_point("update.stored")
        if updates:
            self._offset = updates[-1].update_id + 1
        self._processor.add([update for update, _ in fresh], known=[known for _, known in fresh])

    async def _stored(self, updates: Sequence[Update]) -> list[tuple[Update, UpdateContext]]:
        """Store a batch, however often that must be tried; return what this process is to do."""

        def work() -> list[tuple[Update, UpdateContext]]:
            Users(self._services.db).seen(writers(updates))
            fresh = Inbox(self._services.db, self._services.bot_id).store(
                updates, self._services.owner
            )
            # Read here, because every question would have to go and ask for it.
            return [(update, update_context_of(self._services, update)) for update in fresh]

        # Telegram keeps the batch until it is stored.
        return await retry_until_stored(self._services, work, "updates could not be stored")


_WANTED_JSON = json.dumps(WANTED)


def writers(updates: Sequence[Update]) -> list[User]:
    """Return who wrote these messages to the bot alone: a group's people need not be kept."""
    return [
        User(update.user_id, update.language_code)
        for update in updates
        if update.kind in {"message", "callback_query"}
        and update.user_id == update.chat_id
        and update.user_id
    ]


def _readable(raw: object) -> Update | None:
    try:
        if isinstance(raw, dict):
            return read_update(raw)
    except ValueError:
        pass
    log.error("telegram sent something that is no update")
    return None
