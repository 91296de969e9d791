"""Surely: what must be stored is tried until the database takes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from merlin.bot.pause import pause
from merlin.bot.services import BotServices
from merlin.core.log import get_logger

log = get_logger(__name__)
T = TypeVar("T")


async def surely(services: BotServices, work: Callable[[], T], trouble: str) -> T:
    """Return what `work` returns; a full disk or a held lock is waited out, told as `trouble`."""
    return await _until_done(services, lambda: services.store.do(work), trouble)


async def surely_read(services: BotServices, work: Callable[[], T], trouble: str) -> T:
    """Return what `work` reads, however often that must be tried."""
    return await _until_done(services, lambda: services.store.read(work), trouble)


async def _until_done(services: BotServices, call: Callable[[], Awaitable[T]], trouble: str) -> T:
    attempt = 0
    while True:
        try:
            return await call()
        except Exception:
            log.exception(trouble, attempt=attempt)
        await pause(attempt, services.pace.longest_pause_s)
        attempt += 1
