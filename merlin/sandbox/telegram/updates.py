"""Waiting updates, kept until confirmed: long polling, and the webhook.

There is one poller at a time. To a webhook updates are POSTed in order, until it answers 2xx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

import aiohttp

from merlin.core.log import get_logger
from merlin.sandbox.telegram.arguments import Arguments, BotApiError
from merlin.sandbox.telegram.world import DEFAULT_UPDATES, World

MOST_UPDATES = 100
LONGEST_POLL_S = 50


SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
ANSWER_S = 60.0

log = get_logger(__name__)


class Updates:
    """The queue as the bot sees it: polled, or pushed while a webhook is set."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._poller: asyncio.Future[None] | None = None
        self._pushing: asyncio.Task[None] | None = None
        self._closing = False
        self._arrived = asyncio.Event()
        world.listeners.append(self._hear)

    def open(self) -> None:
        """Begin in the loop that serves; push where an address was set before a restart."""
        self._closing = False
        self._arrived = asyncio.Event()
        self._push_if_set()

    async def close(self) -> None:
        """End a long poll with what there is, and pushing; what is not confirmed waits."""
        self._closing = True
        self._wake()
        await self._stop_pushing()

    def _hear(self, kind: str, _change: Mapping[str, Any]) -> None:
        if kind == "update":
            self._wake()

    def _wake(self) -> None:
        self._arrived.set()
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)

    async def poll(self, arguments: Arguments) -> list[Mapping[str, Any]]:
        """Answer getUpdates, which confirms the updates below `offset`.

        Raises BotApiError 409 with a webhook set or another poller come.
        """
        if self._world.settings.get("webhook"):
            raise BotApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first",
            )
        self._oust()
        set_allowed(self._world, arguments)
        offset = arguments.integer("offset")
        if gone := [update_id for update_id in self._world.updates if update_id < offset]:
            self._world.record("confirm", update_ids=gone)
        limit = min(max(arguments.integer("limit", MOST_UPDATES), 1), MOST_UPDATES)
        timeout_s = min(max(arguments.integer("timeout"), 0), LONGEST_POLL_S)
        if not self._world.updates and timeout_s and not self._closing:
            await self._wait(timeout_s)
        return list(islice(self._world.updates.values(), limit))

    def _oust(self) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(
                BotApiError(
                    409,
                    "Conflict: terminated by other getUpdates request;"
                    " make sure that only one bot instance is running",
                )
            )

    async def _wait(self, timeout_s: float) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._poller = mine
        self._world.pollers += 1
        try:
            await asyncio.wait([mine], timeout=timeout_s)
        finally:
            self._world.pollers -= 1
            if self._poller is mine:
                self._poller = None
        if mine.done():
            mine.result()

    def _push_if_set(self) -> None:
        if self._world.settings.get("webhook") and self._pushing is None:
            self._pushing = asyncio.create_task(self._push())

    async def set_webhook(self, arguments: Arguments) -> bool:
        """Answer setWebhook: what waits is pushed there from now on."""
        set_allowed(self._world, arguments)
        value = {"url": arguments.text("url"), "secret": arguments.text("secret_token")}
        self._world.record("setting", name="webhook", value=value)
        await self._stop_pushing()
        self._push_if_set()
        return True

    async def _stop_pushing(self) -> None:
        if self._pushing is not None:
            self._pushing.cancel()
            with suppress(asyncio.CancelledError):
                await self._pushing
            self._pushing = None

    async def _push(self) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            pause_s = FIRST_RETRY_S
            while True:
                self._arrived.clear()
                update = next(iter(self._world.updates.values()), None)
                if update is None:
                    await self._arrived.wait()
                elif await self._deliver(session, update):
                    self._world.record("confirm", update_ids=[update["update_id"]])
                    pause_s = FIRST_RETRY_S
                else:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, LONGEST_RETRY_S)

    async def _deliver(self, session: aiohttp.ClientSession, update: Mapping[str, Any]) -> bool:
        webhook = self._world.settings["webhook"]
        headers = {SECRET_HEADER: webhook["secret"]} if webhook["secret"] else {}
        try:
            async with session.post(webhook["url"], json=update, headers=headers) as answer:
                if answer.ok:
                    return True
                reason = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = f"Connection failed: {type(error).__name__}"
        log.info("webhook refused an update", update_id=update["update_id"], reason=reason)
        return False


def set_allowed(world: World, arguments: Arguments) -> None:
    """Remember which kinds of updates the bot wants from now on; an empty list is the default."""
    allowed = arguments.parsed("allowed_updates")
    if allowed is None:
        return
    kinds = [str(kind) for kind in allowed] or list(DEFAULT_UPDATES)
    if kinds != world.settings.get("allowed_updates"):
        world.record("setting", name="allowed_updates", value=kinds)
