"""Telegram's flood limits, kept per chat, so that one flooded chat stops nobody else.

Three classes of requests. `URGENT` (answers to queries, which have a deadline) never waits.
`FINAL` waits for its turn and, after a 429, exactly as long as Telegram said. `PROGRESS` (edits of
an answer that is being written) never waits: near a limit it gives way by raising `GaveWay`.
Source of the limits: grammY "Scaling Up IV", python-telegram-bot `FloodLimit`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from enum import StrEnum
from typing import Any

from telegram.error import RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter

from merlin.config.settings import TelegramLimits
from merlin.core.log import get_logger
from merlin.core.rate_limit import TokenBucket

log = get_logger(__name__)

PRIVATE_BURST = 3
GROUP_BURST = 3
# A progress edit takes one place, and one stays for a final edit.
_SPARE = 2.0
MOST_CHATS = 4096


class SendClass(StrEnum):
    """How a request stands towards the limits; passed as `rate_limit_args`."""

    URGENT = "urgent"
    FINAL = "final"
    PROGRESS = "progress"


class GaveWay(TelegramError):
    """A progress edit was not sent, because a limit is near or the chat must cool down."""


class Chat:
    """The pace of one chat, and until when it must cool down (seconds of the loop's clock)."""

    __slots__ = ("bucket", "cool_until")

    def __init__(self, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self.cool_until = 0.0

    def is_idle(self, now: float) -> bool:
        """Return whether forgetting this chat changes nothing."""
        return not self.bucket.full_in_s(now) and self.cool_until <= now


class RateLimiter(BaseRateLimiter[SendClass]):
    """Paces every request but getUpdates; a 429 is waited out here, for its own chat alone."""

    def __init__(self, limits: TelegramLimits) -> None:
        self._limits = limits
        per_s = limits.overall_per_s
        # A sixth of a second's worth at once: the worst second stays near the limit.
        self._overall = TokenBucket(per_s, max(1.0, per_s / 6))
        self._chats: dict[str, Chat] = {}

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: SendClass | None,
    ) -> Any:
        """Make the request when its chat and the whole may; return its answer.

        Raises GaveWay for a progress edit that would have to wait, RetryAfter for a request
        that belongs to no chat, and whatever the request itself raises.
        """
        lane = _lane(endpoint, rate_limit_args)
        chat_id = data.get("chat_id")
        if lane is SendClass.URGENT or chat_id is None:
            return await callback(*args, **kwargs)
        chat = self._chat(str(chat_id))
        while True:
            await self._turn(chat, lane)
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as flood:
                self._cool(chat, str(chat_id), flood)
                if lane is SendClass.PROGRESS:
                    raise GaveWay("flood wait") from flood

    async def _turn(self, chat: Chat, lane: SendClass) -> None:
        now = _now()
        if lane is SendClass.PROGRESS:
            buckets = chat.bucket, self._overall
            if chat.cool_until > now or not all(each.has(_SPARE, now) for each in buckets):
                raise GaveWay("a limit is near")
            for each in buckets:
                each.reserve(now)
            return
        await _sleep_until(now + chat.bucket.reserve(now))
        while chat.cool_until > _now():
            await _sleep_until(chat.cool_until)
        now = _now()
        await _sleep_until(now + self._overall.reserve(now))

    def _cool(self, chat: Chat, chat_id: str, flood: RetryAfter) -> None:
        wait = flood.retry_after
        seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
        chat.cool_until = max(chat.cool_until, _now() + seconds)
        log.warning("telegram asks a chat to wait", chat=chat_id, seconds=seconds)

    def _chat(self, chat_id: str) -> Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            self._forget_idle()
            chat = self._chats[chat_id] = Chat(self._bucket(chat_id))
        return chat

    def _bucket(self, chat_id: str) -> TokenBucket:
        if chat_id.isdecimal():
            return TokenBucket(self._limits.private_per_s, PRIVATE_BURST)
        return TokenBucket(self._limits.group_per_min / 60, GROUP_BURST)

    def _forget_idle(self) -> None:
        if len(self._chats) < MOST_CHATS:
            return
        now = _now()
        self._chats = {key: chat for key, chat in self._chats.items() if not chat.is_idle(now)}


def _lane(endpoint: str, wanted: SendClass | None) -> SendClass:
    if endpoint.startswith("answer") and endpoint.endswith("Query"):
        return SendClass.URGENT
    return wanted or SendClass.FINAL


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(moment: float) -> None:
    wait = moment - _now()
    if wait > 0:
        await asyncio.sleep(wait)
