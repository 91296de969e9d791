"""Entrance: by what people may come in, and what one process remembers of those who try."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from merlin.account.openid import Issuer
from merlin.account.telegram_data import PRODUCTION
from merlin.account.throttle import Throttle
from merlin.api.limiter import Limiter, Policy
from merlin.api.problems import Problem

T = TypeVar("T")

STARTS = Policy("login", 20)
# So many may be wrong behind one address before it waits; a school has one address.
FREE_AT_ADDRESS = 30
MOST_WAITING = 20


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the config says of signing in.

    `keys` are Telegram's public keys, `token` the bot's where this process has it. `link_url` and
    the bot's name are the address at which the bot is opened. `allows_plain`: people may sign in
    from other machines without https. `issuer` is the one of OpenID Connect, None: not switched on.
    """

    keys: tuple[str, ...] = (PRODUCTION,)
    token: str = field(default="", repr=False)
    link_url: str = "https://t.me"
    allows_plain: bool = False
    issuer: Issuer | None = None


def too_many(wait_s: float) -> Problem:
    """Return the problem 429 that says when to come again."""
    seconds = max(math.ceil(wait_s), 1)
    problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", seconds=seconds)
    problem.headers["Retry-After"] = str(seconds)
    return problem


class Gate:
    """What one process remembers of those who try, and its one lane for work on passwords."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.names = Throttle()
        self.addresses = Throttle(free=FREE_AT_ADDRESS)
        self._starts = Limiter()
        self._lane = asyncio.Lock()
        self._waiting = 0

    def start(self, network: str, now: float) -> None:
        """Count a login that a browser asks for. Raises Problem 429."""
        charge = self._starts.take(network, STARTS, now)
        if charge.wait_s > 0:
            raise too_many(charge.wait_s)

    async def apart(self, work: Callable[[], T]) -> T:
        """Return what work on a password returns: one at a time, beside the event loop.

        Each takes 19 MiB and tens of milliseconds. Raises Problem 429 where too many wait.
        """
        if self._waiting >= MOST_WAITING:
            raise too_many(1)
        self._waiting += 1
        try:
            async with self._lane:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
