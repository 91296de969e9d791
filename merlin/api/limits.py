"""Limits: nobody may ask so much that others wait; an address, or whoever is signed in.

    /api, /v1    60 calls a minute an address, 600 a person; the config says how many
    pages        ten times as many an address
    /static, hooks, probes: not counted

Who calls is known before a route has looked: by what it sent in an earlier call that was let in.
That is looked up again once a minute, so what was revoked is nobody's from then on; where a route
finds it revoked, at once. A page that had not changed (304) costs nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.limiter import Charge, Limiter, Policy
from merlin.api.problems import Problem, answer
from merlin.core.connections import network_of_host
from merlin.core.errors import MerlinError

MOST_KNOWN = 50_000
KNOWN_S = 60.0
_PAGES = 10
_FREE = ("/static/", "/hooks/", "/healthz", "/readyz", "/metrics", "/favicon.ico")
_API = ("/api/", "/v1/")
_CREDENTIALS = frozenset({b"authorization", b"cookie"})
_IS_IN_STATE = "charge"


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many calls of the api a minute; 0 lifts a limit."""

    anonymous_per_min: int = 0
    person_per_min: int = 0


class Limits:
    """The limits of one process."""

    def __init__(self, allowed: Allowed, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._anonymous = Policy("anonymous", allowed.anonymous_per_min)
        self._person = Policy("person", allowed.person_per_min)
        self._pages = Policy("page", allowed.anonymous_per_min * _PAGES)
        self._is_on = bool(allowed.anonymous_per_min or allowed.person_per_min)
        self._limiter = Limiter()
        self._known: dict[int, tuple[int, float]] = {}

    def charge(self, scope: Scope, now: float) -> Charge | None:
        """Count one call; None where nothing limits it."""
        path = scope["path"]
        if not self._is_on or path.startswith(_FREE):
            return None
        if not path.startswith(_API):
            return self._take(("page", network_of(scope)), self._pages, now)
        user_id, _ = self._known.get(_mark(scope), (None, now))
        if user_id is not None:
            return self._take(user_id, self._person, now)
        return self._take(("api", network_of(scope)), self._anonymous, now)

    def is_stale(self, scope: Scope, now: float) -> bool:
        """Return whether it is long ago that what a call carries was looked up."""
        if not self._is_on or not scope["path"].startswith(_API):
            return False
        _, at = self._known.get(_mark(scope), (None, now))
        return now - at >= KNOWN_S

    def recognise(self, scope: Scope, user_id: int) -> None:
        """Note who sent what a call carries; the call is theirs, no longer its address's."""
        if not self._is_on:
            return
        charge: Charge | None = scope["state"].get(_IS_IN_STATE)
        self._known[_mark(scope)] = user_id, self.clock()
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        if charge is None or charge.policy is not self._anonymous:
            return
        theirs = self._take(user_id, self._person, self.clock())
        # Who sends something else each time, to be new each time, uses up their address's calls.
        if theirs is None or theirs.wait_s <= 0:
            self._limiter.give_back(charge)
            scope["state"][_IS_IN_STATE] = theirs

    def forget(self, scope: Scope) -> None:
        """Note that what a call carries counts no more; the call is its address's."""
        if self._known.pop(_mark(scope), None) is None:
            return
        charge: Charge | None = scope["state"].get(_IS_IN_STATE)
        if charge is not None and charge.policy is self._person:
            self._limiter.give_back(charge)
            address = "api", network_of(scope)
            scope["state"][_IS_IN_STATE] = self._take(address, self._anonymous, self.clock())

    def give_back(self, charge: Charge) -> None:
        """Uncount a call that cost next to nothing."""
        self._limiter.give_back(charge)

    def _take(self, key: Hashable, policy: Policy, now: float) -> Charge | None:
        return self._limiter.take(key, policy, now) if policy.per_min else None


class LimitsLayer:
    """The layer that refuses what is too much, and tells how much is left.

    `look_up` finds out who makes a call, and tells the limits; it raises Problem for nobody.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, look_up: Callable[[Request], Awaitable[object]]
    ) -> None:
        self._app = app
        self._limits = limits
        self._look_up = look_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call, or refuse it."""
        limits = self._limits
        if scope["type"] == "http" and limits.is_stale(scope, limits.clock()):
            # While the database is silent, what was known is still the best guess.
            with suppress(Problem, MerlinError):
                await self._look_up(Request(scope))
        charge = limits.charge(scope, limits.clock()) if scope["type"] == "http" else None
        if charge is None:
            await self._app(scope, receive, send)
        elif charge.wait_s > 0:
            await _refuse(scope, receive, send, charge)
        else:
            await self._serve(scope, receive, send, charge)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, charge: Charge) -> None:
        state: dict[str, Any] = scope.setdefault("state", {})
        state[_IS_IN_STATE] = charge

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                now: Charge | None = state[_IS_IN_STATE]
                if now is not None:
                    if message["status"] == HTTPStatus.NOT_MODIFIED:
                        self._limits.give_back(now)
                    message["headers"] = [*message["headers"], *now.headers()]
            await send(message)

        await self._app(scope, receive, tell)


async def _refuse(scope: Scope, receive: Receive, send: Send, charge: Charge) -> None:
    wait_s = max(math.ceil(charge.wait_s), 1)
    problem = answer(Request(scope), HTTPStatus.TOO_MANY_REQUESTS, "too-many", seconds=wait_s)
    problem.headers["Retry-After"] = str(wait_s)
    problem.raw_headers.extend(charge.headers())
    await problem(scope, receive, send)


def network_of(scope: Scope) -> str:
    """Return whose call it is by its address: for IPv6 the network of a household, its /64."""
    client = scope.get("client")
    return network_of_host(client[0]) if client else ""


def _mark(scope: Scope) -> int:
    """Return a number for what a call says of who sent it; the secret itself is not kept."""
    return hash(tuple(value for name, value in scope["headers"] if name in _CREDENTIALS))
