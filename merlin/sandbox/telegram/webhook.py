"""Webhook: updates are POSTed to the bot's address, in order, until it answers 2xx."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from merlin.core.log import get_logger
from merlin.core.loopback import is_loopback
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.updates import set_allowed
from merlin.sandbox.telegram.world import World

log = get_logger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
ANSWER_S = 60.0
_SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")


class Webhook:
    """Pushes waiting updates while an address is set."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last_error: tuple[int, str] | None = None
        world.listeners.append(self._hear)

    async def close(self) -> None:
        """Stop pushing; what is not confirmed waits."""
        self._world.listeners.remove(self._hear)
        await self._stop()

    def _hear(self, kind: str, _change: Mapping[str, Any]) -> None:
        if kind == "update":
            self._arrived.set()

    def resume(self) -> None:
        """Push on when an address was set before a restart."""
        if self._world.settings.get("webhook") and self._task is None:
            self._task = asyncio.create_task(self._push())

    async def set(self, arguments: Arguments) -> bool:
        """Answer setWebhook; an empty address takes the webhook away."""
        url = arguments.text("url")
        if not url:
            return await self.delete(arguments)
        _check_address(url)
        secret = arguments.text("secret_token")
        if not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        set_allowed(self._world, arguments)
        self._drop_pending(arguments)
        most = min(max(arguments.integer("max_connections", 40), 1), 100)
        value = {"url": url, "secret": secret, "max_connections": most}
        self._world.record("setting", name="webhook", value=value)
        await self._stop()
        self.resume()
        return True

    async def delete(self, arguments: Arguments) -> bool:
        """Answer deleteWebhook."""
        self._drop_pending(arguments)
        await self._stop()
        if self._world.settings.get("webhook"):
            self._world.record("setting", name="webhook", value=None)
        return True

    def describe(self) -> dict[str, Any]:
        """Answer getWebhookInfo."""
        webhook = self._world.settings.get("webhook") or {}
        told: dict[str, Any] = {
            "url": webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self._world.updates),
        }
        if webhook:
            told["max_connections"] = webhook["max_connections"]
        if self._last_error:
            told["last_error_date"], told["last_error_message"] = self._last_error
        return told

    def _drop_pending(self, arguments: Arguments) -> None:
        if arguments.flag("drop_pending_updates") and self._world.updates:
            self._world.record("confirm", update_ids=list(self._world.updates))

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

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
        self._last_error = (int(time.time()), reason)
        log.info("webhook refused an update", update_id=update["update_id"], reason=reason)
        return False


def _check_address(url: str) -> None:
    """Let https pass, and plain http on the loopback, where there is nobody to listen in."""
    parts = urlsplit(url)
    is_private = parts.scheme == "http" and is_loopback(parts.hostname)
    if not is_private and not (parts.scheme == "https" and parts.hostname):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
