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
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network
from typing import TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.problems import Problem, problem_response
from merlin.config.settings import ApiLimits
from merlin.core.network import parse_address
from merlin.core.rate_limit import Throttle, TokenBuckets

WINDOW_S = 60.0
# Tolerance for the sums of refill times.
_TOLERANCE_S = 1e-6


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit of calls a minute, 0 for none; `name` appears in the headers."""

    name: str
    per_min: int


@dataclass(slots=True)
class Charge:
    """One counted call; `wait_s` above 0: it was refused, and may be retried after that time."""

    policy: Policy
    due_s: float
    wait_s: float = 0.0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the rate-limit headers (draft-ietf-httpapi-ratelimit-headers)."""
        name, per_min = self.policy.name, self.policy.per_min
        remaining = max(int((WINDOW_S - self.due_s + _TOLERANCE_S) * per_min / WINDOW_S), 0)
        return [
            (b"ratelimit-policy", f'"{name}";q={per_min};w={WINDOW_S:.0f}'.encode()),
            (b"ratelimit", f'"{name}";r={remaining};t={math.ceil(max(self.due_s, 0))}'.encode()),
        ]


T = TypeVar("T")

# Failures that one address may have before it is delayed; a school shares one address.
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
        self.names = Throttle()
        self.addresses = Throttle(free_tries=FREE_AT_ADDRESS)
        self._lane = asyncio.Lock()
        self._waiting = 0

    def count(self, name_key: str, network: str) -> float:
        """Count an attempt as failed and return 0, or return the seconds it has to wait."""
        now = self.clock()
        wait_s = max(self.names.wait_s(name_key, now), self.addresses.wait_s(network, now))
        if wait_s <= 0:
            self.names.add_failure(name_key, now)
            self.addresses.add_failure(network, now)
        return wait_s

    def uncount(self, name_key: str, network: str) -> None:
        """Remove the failures of a successful attempt."""
        self.names.forget(name_key)
        self.addresses.remove_failure(network)

    def undo_count(self, name_key: str, network: str) -> None:
        """Remove the failure of an attempt whose password was not verified."""
        self.names.remove_failure(name_key)
        self.addresses.remove_failure(network)

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
_LOGINS = Policy("login", 20)
# Reads of one order's payment from YooKassa by its page.
_ORDER_POLLS = Policy("order", 10)
_FREE = ("/static/", "/hooks/", "/healthz", "/readyz", "/metrics", "/favicon.ico")
_API = ("/api/", "/v1/")
_CREDENTIALS = frozenset({b"authorization", b"cookie"})


class Limits:
    """The rate limits of one process."""

    def __init__(self, allowed: ApiLimits) -> None:
        self.clock = time.monotonic
        self._anonymous = Policy("anonymous", allowed.anonymous_per_min)
        self._person = Policy("person", allowed.person_per_min)
        self._pages = Policy("page", allowed.anonymous_per_min * _PAGES)
        self._buckets = TokenBuckets()

    def charge(self, scope: Scope, user_id: int) -> Charge | None:
        """Count one call, of a person if `user_id` is not 0; None if it is not limited."""
        path = scope["path"]
        if path.startswith(_FREE):
            return None
        if not path.startswith(_API):
            return self._take(("page", network_of(scope)), self._pages)
        if user_id:
            return self._take(user_id, self._person)
        return self._take(("api", network_of(scope)), self._anonymous)

    def count_login(self, scope: Scope) -> None:
        """Count a started login. Raises Problem 429."""
        charge = self._take(("login", network_of(scope)), _LOGINS)
        if charge is not None and charge.wait_s > 0:
            raise make_too_many_requests_problem(charge.wait_s)

    def may_poll(self, order_id: str) -> bool:
        """Count a read of an order's payment; return False if there were too many."""
        charge = self._take(("order", order_id), _ORDER_POLLS)
        return charge is None or charge.wait_s <= 0

    def _take(self, key: Hashable, policy: Policy) -> Charge | None:
        """Count one call of `key`, unless it is refused; None if it is not limited."""
        if not policy.per_min:
            return None
        now = self.clock()
        bucket = self._buckets.get(key, policy.per_min / WINDOW_S, policy.per_min, now)
        wait_s = bucket.take(now)
        return Charge(policy, bucket.full_in_s(now), wait_s)


def limits_layer(
    app: ASGIApp, limits: Limits, find_user_id: Callable[[Request], Awaitable[int]]
) -> ASGIApp:
    """Return middleware that refuses calls beyond the limit and adds rate-limit headers.

    `find_user_id` returns whose credentials a request has, 0 for invalid ones.
    """

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        has_credentials = any(name in _CREDENTIALS for name, _ in scope["headers"])
        is_asked = has_credentials and scope["path"].startswith(_API)
        charge = limits.charge(scope, await find_user_id(Request(scope)) if is_asked else 0)
        if charge is None:
            await app(scope, receive, send)
        elif charge.wait_s > 0:
            problem = problem_response(
                Request(scope), make_too_many_requests_problem(charge.wait_s)
            )
            problem.raw_headers.extend(charge.headers())
            await problem(scope, receive, send)
        else:
            await app(scope, receive, partial(_send_charged, charge, send))

    return limit


async def _send_charged(charge: Charge, send: Send, message: Message) -> None:
    """Send a message with the rate-limit headers."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], *charge.headers()]
    await send(message)


@lru_cache(maxsize=4096)
def network_of_host(host: str) -> str:
    """Return the key that addresses of one client share: for IPv6 its /64 network."""
    address = parse_address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return host if address is None else str(address)


def network_of(scope: Scope) -> str:
    """Return the network that a call is counted for; for IPv6 the /64 of its address."""
    client = scope.get("client")
    return network_of_host(client[0]) if client else ""
