"""Rate limits per address and per signed-in person.

    /api, /v1    60 calls a minute per address, 600 per person; configurable
    pages        ten times as many per address
    /static, webhooks, probes: unlimited
    reads of one order's payment by its page: 10 a minute

The caller is known before the route runs if the same credentials were accepted in an earlier call.
They are verified again once a minute, so a revoked credential is forgotten within that time, or at
once when a route finds it revoked. A call answered with 304 is not counted.

Each token bucket holds one minute's calls and refills evenly.

`LoginThrottle` counts failed sign-in attempts.

Each api counts in its memory: of several, each allows as many.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network
from typing import TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.problems import Problem, problem_response
from merlin.config.settings import ApiLimits
from merlin.core.errors import MerlinError
from merlin.core.network import parse_address
from merlin.core.rate_limit import Throttle, TokenBucket, TokenBuckets

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

    bucket: TokenBucket
    policy: Policy
    due_s: float
    wait_s: float = 0.0

    def undo(self) -> None:
        """Undo the count of the call."""
        self.bucket.give_back()
        self.due_s -= WINDOW_S / self.policy.per_min

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


MAX_KNOWN = 50_000
VERIFY_S = 60.0
_PAGES = 10
# Logins that one network may start in a minute, independent of the config.
_LOGINS = Policy("login", 20)
# Reads of one order's payment from YooKassa by its page.
_ORDER_POLLS = Policy("order", 10)
_FREE = ("/static/", "/hooks/", "/healthz", "/readyz", "/metrics", "/favicon.ico")
_API = ("/api/", "/v1/")
_CREDENTIALS = frozenset({b"authorization", b"cookie"})
_STATE_KEY = "charge"


class Limits:
    """The rate limits of one process."""

    def __init__(self, allowed: ApiLimits) -> None:
        self.clock = time.monotonic
        self._anonymous = Policy("anonymous", allowed.anonymous_per_min)
        self._person = Policy("person", allowed.person_per_min)
        self._pages = Policy("page", allowed.anonymous_per_min * _PAGES)
        self._is_on = bool(allowed.anonymous_per_min or allowed.person_per_min)
        self._buckets = TokenBuckets()
        self._known: dict[int, tuple[int, float]] = {}

    def charge(self, scope: Scope) -> Charge | None:
        """Count one call; None if it is not limited."""
        path = scope["path"]
        if path.startswith(_FREE):
            return None
        if not path.startswith(_API):
            return self._take(("page", network_of(scope)), self._pages)
        if known := self._known.get(_credentials_hash(scope)):
            return self._take(known[0], self._person)
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

    def is_stale(self, scope: Scope) -> bool:
        """Return whether the credentials of a call are due for verification."""
        is_api = scope["path"].startswith(_API)
        known = self._known.get(_credentials_hash(scope)) if is_api else None
        return known is not None and self.clock() - known[1] >= VERIFY_S

    def recognise(self, scope: Scope, user_id: int) -> None:
        """Note whose credentials a call carries; count it for the person, not for the address."""
        if not self._is_on:
            return
        charge: Charge | None = scope["state"].get(_STATE_KEY)
        self._known[_credentials_hash(scope)] = user_id, self.clock()
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        if charge is None or charge.policy is not self._anonymous:
            return
        person_charge = self._take(user_id, self._person)
        # Callers that send new credentials each time use up their address's calls.
        if person_charge is None or person_charge.wait_s <= 0:
            charge.undo()
            scope["state"][_STATE_KEY] = person_charge

    def forget(self, scope: Scope) -> None:
        """Note that a call's credentials are invalid; count it for the address."""
        if self._known.pop(_credentials_hash(scope), None) is None:
            return
        charge: Charge | None = scope["state"].get(_STATE_KEY)
        if charge is not None and charge.policy is self._person:
            charge.undo()
            address = "api", network_of(scope)
            scope["state"][_STATE_KEY] = self._take(address, self._anonymous)

    def _take(self, key: Hashable, policy: Policy) -> Charge | None:
        """Count one call of `key`, unless it is refused; None if it is not limited."""
        if not policy.per_min:
            return None
        now = self.clock()
        bucket = self._buckets.get(key, policy.per_min / WINDOW_S, policy.per_min, now)
        wait_s = bucket.take(now)
        return Charge(bucket, policy, bucket.full_in_s(now), wait_s)


def limits_layer(
    app: ASGIApp, limits: Limits, look_up: Callable[[Request], Awaitable[object]]
) -> ASGIApp:
    """Return middleware that refuses calls beyond the limit and adds rate-limit headers.

    `look_up` identifies the caller and updates the limits; it raises Problem for invalid
    credentials.
    """

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        if is_http and limits.is_stale(scope):
            # Without a database, the last known caller is used.
            with suppress(Problem, MerlinError):
                await look_up(Request(scope))
        charge = limits.charge(scope) if is_http else None
        if charge is None:
            await app(scope, receive, send)
        elif charge.wait_s > 0:
            problem = problem_response(
                Request(scope), make_too_many_requests_problem(charge.wait_s)
            )
            problem.raw_headers.extend(charge.headers())
            await problem(scope, receive, send)
        else:
            scope.setdefault("state", {})[_STATE_KEY] = charge
            await app(scope, receive, partial(_send_charged, scope, send))

    return limit


async def _send_charged(scope: Scope, send: Send, message: Message) -> None:
    """Send a message with the rate-limit headers; a 304 is not counted."""
    charge: Charge | None = scope["state"][_STATE_KEY]
    if message["type"] == "http.response.start" and charge is not None:
        if message["status"] == HTTPStatus.NOT_MODIFIED:
            charge.undo()
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


def _credentials_hash(scope: Scope) -> int:
    """Return a hash of the credentials of a call; the secret itself is not stored."""
    return hash(tuple(value for name, value in scope["headers"] if name in _CREDENTIALS))
