"""Nobody may ask so much that others wait: an address, or whoever is signed in.

    /api, /v1    60 calls a minute an address, 600 a person; the config says how many
    pages        ten times as many an address
    /static, hooks, probes: not counted

Who calls is known before a route has looked: by what it sent in an earlier call that was let in.
That is looked up again once a minute, so what was revoked is nobody's from then on; where a route
finds it revoked, at once. A page that had not changed (304) costs nothing.

A bucket holds a minute's worth of calls and fills evenly.

`LoginThrottle` is what is remembered of those who try to sign in.

Several apis on one PostgreSQL count together: wrong tries one by one, calls and logins begun once
a second. On SQLite there is one api, and its memory is enough.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.problems import Problem, problem_response
from merlin.app.context import Context
from merlin.config.settings import ApiLimits
from merlin.core.connections import network_of_host
from merlin.core.errors import MerlinError
from merlin.core.rate_limit import Throttle, TokenBucket, TokenBuckets
from merlin.db.database import Database
from merlin.db.throttle import read_failures, spend, store_failures
from merlin.db.writer import Store

WINDOW_S = 60.0
# Sums of sixtieths are not exact.
_TINY_S = 1e-6


@dataclass(frozen=True, slots=True)
class Policy:
    """So many calls a minute; 0: as many as anybody likes. `name` is what headers call it."""

    name: str
    per_min: int


@dataclass(slots=True)
class Charge:
    """One call as it was counted; `wait_s` over 0: it was refused, and may come again then."""

    bucket: TokenBucket
    policy: Policy
    due_s: float
    wait_s: float = 0.0

    def give_back(self) -> None:
        """Uncount the call."""
        self.bucket.give_back()
        self.due_s -= WINDOW_S / self.policy.per_min

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return what tells a program how much is left (draft-ietf-httpapi-ratelimit-headers)."""
        name, per_min = self.policy.name, self.policy.per_min
        left = max(int((WINDOW_S - self.due_s + _TINY_S) * per_min / WINDOW_S), 0)
        return [
            (b"ratelimit-policy", f'"{name}";q={per_min};w={WINDOW_S:.0f}'.encode()),
            (b"ratelimit", f'"{name}";r={left};t={math.ceil(max(self.due_s, 0))}'.encode()),
        ]


T = TypeVar("T")

# So many may be wrong behind one address before it waits; a school has one address.
FREE_AT_ADDRESS = 30
MAX_WAITING = 20


def too_many(wait_s: float) -> Problem:
    """Return the problem 429 that says when to come again."""
    seconds = max(math.ceil(wait_s), 1)
    problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", seconds=seconds)
    problem.headers["Retry-After"] = str(seconds)
    return problem


class LoginThrottle:
    """What one process remembers of those who try, and its one lane for work on passwords."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.names = Throttle()
        self.addresses = Throttle(free=FREE_AT_ADDRESS)
        self._lane = asyncio.Lock()
        self._waiting = 0

    async def together(
        self, store: Store, act: Callable[[Database, str, str], T], whose: str, network: str
    ) -> T:
        """Return what `count` or `uncount` returns, where several apis count in a transaction."""
        work = partial(act, store.db, whose, network)
        return await store.do(work) if store.db.is_shared else work()

    def count(self, db: Database, whose: str, network: str) -> float:
        """Count a try as a wrong one and return 0, or return how long it has to wait."""
        with self._shared(db, whose, network) as now:
            wait_s = max(self.names.wait_s(whose, now), self.addresses.wait_s(network, now))
            if wait_s <= 0:
                self.names.add_failure(whose, now)
                self.addresses.add_failure(network, now)
            return wait_s

    def uncount(self, db: Database, whose: str, network: str) -> None:
        """Note that a try was right."""
        with self._shared(db, whose, network):
            self.names.forget(whose)
            self.addresses.remove_failure(network)

    @contextmanager
    def _shared(self, db: Database, whose: str, network: str) -> Iterator[float]:
        """Yield the time; on PostgreSQL with what all apis have counted, part of a transaction."""
        now = self.clock()
        if not db.is_shared:
            yield now
            return
        both = (f"name {whose}", self.names, whose), (f"address {network}", self.addresses, network)
        for key, throttle, own in both:
            failures, age_s = read_failures(db, key)
            throttle.load(own, failures, now - age_s)
        yield now
        for key, throttle, own in both:
            store_failures(db, key, *throttle.read(own, now))

    async def apart(self, work: Callable[[], T]) -> T:
        """Return what work on a password returns: one at a time, beside the event loop.

        Each takes 19 MiB and tens of milliseconds. Raises Problem 429 where too many wait.
        """
        if self._waiting >= MAX_WAITING:
            raise too_many(1)
        self._waiting += 1
        try:
            async with self._lane:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


MAX_KNOWN = 50_000
SHARE_S = 1.0
KNOWN_S = 60.0
_PAGES = 10
# Logins that one network may begin in a minute, whatever the config says.
_LOGINS = Policy("login", 20)
_FREE = ("/static/", "/hooks/", "/healthz", "/readyz", "/metrics", "/favicon.ico")
_API = ("/api/", "/v1/")
_CREDENTIALS = frozenset({b"authorization", b"cookie"})
_IS_IN_STATE = "charge"


class Limits:
    """The limits of one process."""

    def __init__(self, allowed: ApiLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._anonymous = Policy("anonymous", allowed.anonymous_per_min)
        self._person = Policy("person", allowed.person_per_min)
        self._pages = Policy("page", allowed.anonymous_per_min * _PAGES)
        self._is_on = bool(allowed.anonymous_per_min or allowed.person_per_min)
        self._buckets = TokenBuckets()
        self._known: dict[int, tuple[int, float]] = {}
        self._touched: dict[str, TokenBucket] = {}

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

    def count_login(self, scope: Scope) -> None:
        """Count a login that a browser asks for. Raises Problem 429."""
        charge = self._take(("login", network_of(scope)), _LOGINS, self.clock())
        if charge is not None and charge.wait_s > 0:
            raise too_many(charge.wait_s)

    async def share(self, ctx: Context) -> None:
        """Add what was spent here since the last time to what all apis have, and take their sum."""
        touched, self._touched = self._touched, {}
        if touched and ctx.db.is_shared:
            spent = {key: bucket.take_spent() for key, bucket in touched.items()}
            for key, full_in_s in (await ctx.store.do(lambda: spend(ctx.db, spent))).items():
                touched[key].settle(full_in_s, self.clock())

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
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        if charge is None or charge.policy is not self._anonymous:
            return
        theirs = self._take(user_id, self._person, self.clock())
        # Who sends something else each time, to be new each time, uses up their address's calls.
        if theirs is None or theirs.wait_s <= 0:
            charge.give_back()
            scope["state"][_IS_IN_STATE] = theirs

    def forget(self, scope: Scope) -> None:
        """Note that what a call carries counts no more; the call is its address's."""
        if self._known.pop(_mark(scope), None) is None:
            return
        charge: Charge | None = scope["state"].get(_IS_IN_STATE)
        if charge is not None and charge.policy is self._person:
            charge.give_back()
            address = "api", network_of(scope)
            scope["state"][_IS_IN_STATE] = self._take(address, self._anonymous, self.clock())

    def _take(self, key: Hashable, policy: Policy, now: float) -> Charge | None:
        """Count one call of `key`, but not a refused one; None where nothing limits it."""
        if not policy.per_min:
            return None
        bucket = self._buckets.get(key, policy.per_min / WINDOW_S, policy.per_min, now)
        wait_s = bucket.take(now)
        self._touched[str(key)] = bucket
        return Charge(bucket, policy, bucket.full_in_s(now), wait_s)


def limits_layer(
    app: ASGIApp, limits: Limits, look_up: Callable[[Request], Awaitable[object]]
) -> ASGIApp:
    """Return the layer that refuses what is too much, and tells how much is left.

    `look_up` finds out who makes a call, and tells the limits; it raises Problem for nobody.
    """

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        if is_http and limits.is_stale(scope, limits.clock()):
            # While the database is silent, what was known is still the best guess.
            with suppress(Problem, MerlinError):
                await look_up(Request(scope))
        charge = limits.charge(scope, limits.clock()) if is_http else None
        if charge is None:
            await app(scope, receive, send)
        elif charge.wait_s > 0:
            problem = problem_response(Request(scope), too_many(charge.wait_s))
            problem.raw_headers.extend(charge.headers())
            await problem(scope, receive, send)
        else:
            scope.setdefault("state", {})[_IS_IN_STATE] = charge
            await app(scope, receive, partial(_send_charged, scope, send))

    return limit


async def _send_charged(scope: Scope, send: Send, message: Message) -> None:
    """Send what tells how much is left; a call that changed nothing is given back."""
    charge: Charge | None = scope["state"][_IS_IN_STATE]
    if message["type"] == "http.response.start" and charge is not None:
        if message["status"] == HTTPStatus.NOT_MODIFIED:
            charge.give_back()
        message["headers"] = [*message["headers"], *charge.headers()]
    await send(message)


def network_of(scope: Scope) -> str:
    """Return whose call it is by its address: for IPv6 the network of a household, its /64."""
    client = scope.get("client")
    return network_of_host(client[0]) if client else ""


def _mark(scope: Scope) -> int:
    """Return a number for what a call says of who sent it; the secret itself is not kept."""
    return hash(tuple(value for name, value in scope["headers"] if name in _CREDENTIALS))
