"""Waiting updates: long polling, kept until confirmed, one poller at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request, conflict
from merlin.sandbox.telegram.world import DEFAULT_UPDATES, World

MOST_UPDATES = 100
LONGEST_POLL_S = 50


class Updates:
    """The queue as the bot sees it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._poller: asyncio.Future[None] | None = None
        self.closing = False
        world.listeners.append(self._hear)

    def close(self) -> None:
        """End a long poll with what there is."""
        self.closing = True
        self._wake()
        self._world.listeners.remove(self._hear)

    def _hear(self, kind: str, _change: Mapping[str, Any]) -> None:
        if kind == "update":
            self._wake()

    def _wake(self) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)

    async def poll(self, arguments: Arguments) -> list[Mapping[str, Any]]:
        """Answer getUpdates. Raises BotApiError 409 with a webhook set or another poller come."""
        if self._world.settings.get("webhook"):
            raise conflict(
                "can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first"
            )
        self._oust()
        set_allowed(self._world, arguments)
        self.confirm(arguments.integer("offset"))
        limit = min(max(arguments.integer("limit", MOST_UPDATES), 1), MOST_UPDATES)
        timeout_s = min(max(arguments.integer("timeout"), 0), LONGEST_POLL_S)
        if not self._world.updates and timeout_s and not self.closing:
            await self._wait(timeout_s)
        return list(islice(self._world.updates.values(), limit))

    def _oust(self) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(
                conflict(
                    "terminated by other getUpdates request;"
                    " make sure that only one bot instance is running"
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

    def confirm(self, offset: int) -> None:
        """Forget updates below `offset`; a negative one keeps only that many of the newest."""
        waiting = list(self._world.updates)
        if offset < 0:
            gone = waiting[:offset]
        else:
            gone = [update_id for update_id in waiting if update_id < offset]
        if gone:
            self._world.record("confirm", update_ids=gone)


def set_allowed(world: World, arguments: Arguments) -> None:
    """Remember which kinds of updates the bot wants from now on; an empty list is the default."""
    allowed = arguments.parsed("allowed_updates")
    if allowed is None:
        return
    if not isinstance(allowed, list):
        raise bad_request("can't parse allowed updates: expected an Array of String")
    kinds = [str(kind) for kind in allowed] or list(DEFAULT_UPDATES)
    if kinds != world.settings.get("allowed_updates"):
        world.record("setting", name="allowed_updates", value=kinds)
