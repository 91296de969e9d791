"""What the page hears at once: a stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from merlin.sandbox.telegram.world import World

MOST_WAITING = 1000
KEEP_ALIVE_S = 15.0
# Other kinds of change are the bot's business, not the page's.
_SHOWN = frozenset(
    {
        *("message", "edit", "delete", "reaction", "action", "draft", "answer", "inline"),
        *("group", "topic", "setting", "stars"),
    }
)


class Events:
    """One queue for each open page; a page that does not read is cut off."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queues: set[asyncio.Queue[str | None]] = set()
        world.listeners.append(self._hear)

    def close(self) -> None:
        """End every stream."""
        self._world.listeners.remove(self._hear)
        for queue in self._queues:
            queue.put_nowait(None)

    def _hear(self, kind: str, change: Mapping[str, Any]) -> None:
        if kind not in _SHOWN or not self._queues:
            return
        # Of a setting only the name: its value can be a secret.
        told = {"name": change["name"]} if kind == "setting" else change
        line = f"event: {kind}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"
        for queue in list(self._queues):
            if queue.qsize() >= MOST_WAITING:
                self._queues.discard(queue)
            queue.put_nowait(line if queue in self._queues else None)

    async def stream(self) -> AsyncIterator[str]:
        """Yield events until the page goes or the stand-in ends."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield "retry: 500\n\n"
            while True:
                try:
                    line = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    line = ": still here\n\n"
                if line is None:
                    return
                yield line
        finally:
            self._queues.discard(queue)
