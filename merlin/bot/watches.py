"""Watches: messages that are kept up to date for two minutes after somebody looked.

Kept in memory alone: after a restart a press of the button begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from merlin.bot.calls import Calls, Unreachable
from merlin.bot.limiter import GaveWay
from merlin.core.log import get_logger
from merlin.core.page import Page
from merlin.core.store import Store

log = get_logger(__name__)

LASTS_S = 120.0
MOST = 200

# What the message shows now, and whether it will show something else later; None: no more.
Look = Callable[[], tuple[Page, bool] | None]


@dataclass(slots=True)
class _Watch:
    look: Look
    until: float
    shown: Page
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Watches:
    """The watched messages of one running bot, by chat and message."""

    def __init__(self) -> None:
        self._watches: dict[tuple[int, int], _Watch] = {}

    def add(self, chat_id: int, message_id: int, look: Look, shown: Page) -> None:
        """Keep a message that shows `shown` up to date; `look` reads within the store's work."""
        if len(self._watches) >= MOST:
            self._watches.pop(next(iter(self._watches)))
        until = asyncio.get_running_loop().time() + LASTS_S
        self._watches[chat_id, message_id] = _Watch(look, until, shown)

    async def drop(self, chat_id: int, message_id: int) -> None:
        """Let a message be: another screen will stand there. Waits for an edit on its way."""
        watch = self._watches.pop((chat_id, message_id), None)
        if watch is not None:
            async with watch.lock:
                pass

    async def round(self, store: Store, calls: Calls) -> None:
        """Look at everything that is watched, once."""
        for place in list(self._watches):
            watch = self._watches.get(place)
            if watch is None:
                continue
            async with watch.lock:
                if self._watches.get(place) is watch and not await _goes_on(
                    watch, place, store, calls
                ):
                    self._watches.pop(place, None)


async def _goes_on(watch: _Watch, place: tuple[int, int], store: Store, calls: Calls) -> bool:
    """Show what there is now; return whether to look again."""
    found = await store.read(watch.look)
    if found is None:
        return False
    page, is_open = found
    try:
        if page != watch.shown and await calls.progress(*place, page):
            watch.shown = page
    except GaveWay:
        return True
    except Unreachable:
        return False
    is_shown = watch.shown == page
    return (is_open or not is_shown) and asyncio.get_running_loop().time() < watch.until
