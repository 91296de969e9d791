"""Rate limits per address and per signed-in person.

    /api, /v1    60 calls a minute per address, 600 per person; configurable
    pages        ten times as many per address
    /static, webhooks, probes: unlimited
    reads of one order's payment by its page: 10 a minute

A call with invalid credentials counts for its address.

Each token bucket holds one minute's calls and refills evenly.

`LoginThrottle` counts failed sign-in attempts.

Each api counts in its memory: of several, each allows as many.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network
from typing import TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from merlin.api.problems import Problem, problem_response
from merlin.config.settings import ApiLimits
from merlin.core.network import parse_address
from merlin.core.rate_limit import TokenBucket, TokenBuckets

_MINUTE_S = 60.0
T = TypeVar("T")

# Failed sign-ins that one name or one known browser, and one address, may have at once; each minute
# gives one back. A school shares one address.
FREE_OF_NAME = 5
FREE_AT_ADDRESS = 30
MAX_WAITING = 20


def make_too_many_requests_problem(wait_s: float) -> Problem:
    """Return problem 429 with the time to wait."""
    seconds = max(math.ceil(wait_s), 1)
    headers = {"Retry-After": str(seconds)}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", headers, seconds=seconds)


class LoginThrottle:
    """Counts failed sign-in attempts of one process and runs password hashing one at a time."""

    def __init__(self) -> None:
        self.clock = time.monotonic
        self._buckets = TokenBuckets()
        self._lane = asyncio.Lock()
        self._waiting = 0

    def buckets_of(
        self, name: str, network: str, known_browser: str = ""
    ) -> list[TokenBucket]:
        """Return what an attempt is counted in: by its name and its address.

        Unknown names have a count as well, so that the delay does not reveal which exist. A browser
        in which the name's owner has signed in before has one of its own: strangers who guess
        would else lock the owner out.
        """
        if known_browser:
            return [self._bucket("browser", known_browser, FREE_OF_NAME)]
        return [
            self._bucket("name", name, FREE_OF_NAME),
            self._bucket("address", network, FREE_AT_ADDRESS),
        ]

    def count(self, buckets: Sequence[TokenBucket]) -> float:
        """Count an attempt as failed and return 0, or return the seconds it has to wait.

        Before its outcome is known: parallel attempts count too.
        """
        now = self.clock()
        counted = list[TokenBucket]()
        for bucket in buckets:
            wait_s = bucket.take(now)
            if wait_s > 0:
                self.undo_count(counted)
                return wait_s
            counted.append(bucket)
        return 0.0

    def undo_count(self, buckets: Iterable[TokenBucket]) -> None:
        """Remove the failure of an attempt that succeeded, or whose password was not verified."""
        for bucket in buckets:
            bucket.give_back()

    def _bucket(self, kind: str, key: str, burst: int) -> TokenBucket:
        return self._buckets.get((kind, key), 1 / _MINUTE_S, burst, self.clock())

    async def run_hashing(self, work: Callable[[], T]) -> T:
        """Return the result of password hashing, run in a thread, one call at a time.

        Each call takes 19 MiB and tens of milliseconds. Raises Problem 429 if too many are waiting.
        """
        if self._waiting >= MAX_WAITING:
            raise make_too_many_requests_problem(1)
        self._waiting += 1
        try:
            async with self._lane:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


_PAGES = 10
# Logins that one network may start in a minute, independent of the config.
_LOGINS = 20
# Reads of one order's payment from YooKassa by its page, in a minute.
_ORDER_POLLS = 10
_FREE = ("/static/", "/hooks/", "/healthz", "/readyz", "/metrics", "/favicon.ico")
_API = ("/api/", "/v1/")
_CREDENTIALS = frozenset({b"authorization", b"cookie"})


class Limits:
    """The rate limits of one process."""

    def __init__(self, allowed: ApiLimits) -> None:
        self.clock = time.monotonic
        self._allowed = allowed
        self._buckets = TokenBuckets()

    def charge(self, scope: Scope, user_id: int) -> float:
        """Count one call, of a person if `user_id` is not 0, and return 0.

        A call beyond the limit is not counted: then return the seconds until it may be repeated.
        """
        path = scope["path"]
        if path.startswith(_FREE):
            return 0.0
        if not path.startswith(_API):
            return self._take(
                ("page", network_of(scope)), self._allowed.anonymous_per_min * _PAGES
            )
        if user_id:
            return self._take(user_id, self._allowed.person_per_min)
        return self._take(("api", network_of(scope)), self._allowed.anonymous_per_min)

    def count_login(self, scope: Scope) -> None:
        """Count a started login. Raises Problem 429."""
        wait_s = self._take(("login", network_of(scope)), _LOGINS)
        if wait_s > 0:
            raise make_too_many_requests_problem(wait_s)

    def may_poll(self, order_id: str) -> bool:
        """Count a read of an order's payment; return False if there were too many."""
        return self._take(("order", order_id), _ORDER_POLLS) <= 0

    def _take(self, key: Hashable, per_min: int) -> float:
        """Return the seconds that a call of `key` has to wait; `per_min` 0: it is not limited."""
        if not per_min:
            return 0.0
        now = self.clock()
        return self._buckets.get(key, per_min / _MINUTE_S, per_min, now).take(now)


def limits_layer(
    app: ASGIApp, limits: Limits, find_user_id: Callable[[Request], Awaitable[int]]
) -> ASGIApp:
    """Return middleware that refuses calls beyond the limit.

    `find_user_id` returns whose credentials a request has, 0 for invalid ones.
    """

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        has_credentials = any(name in _CREDENTIALS for name, _ in scope["headers"])
        is_asked = has_credentials and scope["path"].startswith(_API)
        wait_s = limits.charge(
            scope, await find_user_id(Request(scope)) if is_asked else 0
        )
        if wait_s > 0:
            refusal = problem_response(
                Request(scope), make_too_many_requests_problem(wait_s)
            )
            await refusal(scope, receive, send)
        else:
            await app(scope, receive, send)

    return limit


def network_of(scope: Scope) -> str:
    """Return the network that a call is counted for; for IPv6 the /64 of its address."""
    host = scope["client"][0] if scope.get("client") else ""
    address = parse_address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return host if address is None else str(address)
