"""Notifications: what happened, posted to the shop's address; unsigned, as the vendor's are.

Source: yookassa.ru/developers/using-api/webhooks: type, event, object; posted until answered 200.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from merlin.core.clock import iso, utc_now
from merlin.core.log import get_logger
from merlin.sandbox.yookassa.shop import AT_ONCE, NEVER, Behaviour

log = get_logger(__name__)

ANSWER_S = 10.0
GOOD = 200
Told = Mapping[str, Any]
ORDERS = ("kept", "reversed", "shuffled")


@dataclass(frozen=True, slots=True)
class Posted:
    """One post and its answer; `status` 0: there was none."""

    at: str
    event: str
    object_id: str
    url: str
    status: int

    def as_json(self) -> dict[str, Any]:
        """Return it as `/control/notifications` tells it."""
        told = {"at": self.at, "event": self.event, "id": self.object_id}
        return {**told, "url": self.url, "status": self.status}


class Post:
    """Posts notifications; what it posted and holds outlives the server's stops."""

    def __init__(self, url: str = "", seed: int = 0) -> None:
        self.url = url
        self.posted: list[Posted] = []
        self.held: list[Told] = []
        self._random = random.Random(seed)  # noqa: S311 - a repeatable disorder, not secrets
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[int]] = set()

    async def open(self) -> None:
        """Make ready to post."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        self._session = aiohttp.ClientSession(timeout=timeout)

    async def close(self) -> None:
        """Stop posting; what was not answered is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def tell(self, event: str, thing: Told, behaviour: Behaviour) -> None:
        """Post what happened as the behaviour says."""
        note = notification(event, thing)
        if behaviour.notifications == NEVER or not self.url or self._session is None:
            return
        if behaviour.notifications != AT_ONCE:
            self.held.append(note)
            return
        for _ in range(behaviour.times):
            task = asyncio.create_task(self._insist(note, behaviour))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def release(self, order: str, times: int = 1) -> list[int]:
        """Post what was held, each so many times; return the statuses. Raises ValueError."""
        if order not in ORDERS:
            raise ValueError(f"an order is one of {', '.join(ORDERS)}")
        notes = [note for note in self.held for _ in range(times)]
        self.held.clear()
        if order == "reversed":
            notes.reverse()
        elif order == "shuffled":
            self._random.shuffle(notes)
        return [await self.post(note) for note in notes]

    async def post(self, body: Told, headers: Mapping[str, str] | None = None) -> int:
        """Post any body once; return the answer's status, 0 without one."""
        status = 0
        if self._session is not None and self.url:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.post(self.url, json=body, headers=headers) as answer:
                    status = answer.status
        thing = body.get("object")
        thing_id = thing.get("id") if isinstance(thing, Mapping) else ""
        said = Posted(iso(utc_now()), str(body.get("event")), str(thing_id), self.url, status)
        self.posted.append(said)
        return status

    async def _insist(self, note: Told, behaviour: Behaviour) -> int:
        await asyncio.sleep(behaviour.late_s)
        pause_s = behaviour.retry_s
        status = await self.post(note)
        for _ in range(behaviour.tries - 1):
            if status == GOOD:
                break
            await asyncio.sleep(pause_s)
            pause_s *= 2
            status = await self.post(note)
        return status


def notification(event: str, thing: Told) -> dict[str, Any]:
    """Return what is posted about an event."""
    return {"type": "notification", "event": event, "object": dict(thing)}
