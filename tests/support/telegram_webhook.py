"""Telegram's webhook: updates are POSTed in order, each until it answers 2xx."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp

from merlin.sandbox.telegram.arguments import Arguments, BotApiError
from merlin.sandbox.telegram.server import get_webhook_info, store_allowed_updates
from merlin.sandbox.telegram.world import World

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
FIRST_RETRY_S = 0.1
MAX_RETRY_S = 5.0
TIMEOUT_S = 60.0


class Webhook:
    """The webhook of a bot; while one is set, updates are pushed and cannot be polled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._task: asyncio.Task[None] | None = None
        self._update_arrived = asyncio.Event()
        self._failure: dict[str, Any] = {}
        world.listeners.append(self._on_change)

    def _on_change(self, kind: str, _change: Mapping[str, Any]) -> None:
        if kind == "update":
            self._update_arrived.set()

    @property
    def _url(self) -> str:
        return self._world.settings.get("webhook", {}).get("url", "")

    def open(self) -> None:
        """Push if a webhook was set before a restart. Call it in the serving event loop."""
        self._update_arrived = asyncio.Event()
        if self._url:
            self._task = asyncio.create_task(self._push())

    async def close(self) -> None:
        """Stop pushing; the updates stay pending."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def require_none(self) -> None:
        """Raise BotApiError 409 while a webhook is set."""
        if self._url:
            raise BotApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first",
            )

    async def set(self, _world: World, arguments: Arguments) -> bool:
        """Answer setWebhook and deleteWebhook: an empty URL deletes it."""
        store_allowed_updates(self._world, arguments)
        value = {"url": arguments.text("url"), "secret": arguments.text("secret_token")}
        self._world.record("setting", name="webhook", value=value)
        self._failure = {}
        await self.close()
        self.open()
        return True

    async def info(self, world: World, arguments: Arguments) -> dict[str, Any]:
        """Answer getWebhookInfo, with the last delivery that failed since it was set."""
        known = {**await get_webhook_info(world, arguments), "url": self._url}
        return known | self._failure

    async def _push(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            pause_s = FIRST_RETRY_S
            while True:
                self._update_arrived.clear()
                update = next(iter(self._world.updates.values()), None)
                if update is None:
                    await self._update_arrived.wait()
                elif await self._deliver(session, update):
                    self._world.record("confirm", update_ids=[update["update_id"]])
                    pause_s = FIRST_RETRY_S
                else:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, MAX_RETRY_S)

    async def _deliver(
        self, session: aiohttp.ClientSession, update: Mapping[str, Any]
    ) -> bool:
        secret = self._world.settings["webhook"]["secret"]
        headers = {SECRET_HEADER: secret} if secret else {}
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(
                self._url, json=update, headers=headers
            ) as response:
                if response.ok:
                    return True
        self._failure = {
            "last_error_date": int(time.time()),
            "last_error_message": "Connection refused",
        }
        return False
