"""API clients besides the engine's owner: keys, rate limits and quotas.

A key is `mre_` and 256 random bits, shown once; only its SHA-256 is stored, which is enough for a
high-entropy secret. The rows are read on every request, so changes by `merlin engine keys` take
effect at once, also while the engine runs. Source of the x-ratelimit-* header names and the format
of their durations ("6m0s"): OpenAI's guide to rate limits.
"""

import hashlib
import math
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from time import monotonic

from merlin.core.clock import utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.rate_limit import TokenBuckets
from merlin.engine.database import Database, Row
from merlin.openai_protocol.errors import ApiError, limit_error

PREFIX = "mre_"
MINUTE_S = 60.0
MAX_NAME_LENGTH = 64
_KEY_BYTES = 32
_HINT_LENGTH = len(PREFIX) + 4
_JOB_RETRY_S = 60.0
_ANSWER_RETRY_S = 5.0
_INSERT_CLIENT = (
    "INSERT INTO client (id, name, digest, hint, created_at, requests_per_minute, tokens_per_day,"
    " most_jobs, most_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
    " digest = excluded.digest, hint = excluded.hint, created_at = excluded.created_at,"
    " requests_per_minute = excluded.requests_per_minute, most_jobs = excluded.most_jobs,"
    " tokens_per_day = excluded.tokens_per_day, most_bytes = excluded.most_bytes,"
    " used_on = NULL, revoked_at = NULL WHERE revoked_at IS NOT NULL"
)
_ADD_USAGE = (
    "INSERT INTO spent (client_id, day, answers, tokens) VALUES (?, ?, 1, ?) ON CONFLICT"
    " DO UPDATE SET answers = answers + 1, tokens = tokens + excluded.tokens"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one client; 0 is no limit. `jobs` counts unfinished jobs."""

    requests_per_minute: int = 0
    tokens_per_day: int = 0
    jobs: int = 0
    bytes: int = 0


def build_headers(kind: str, limit: int, remaining: float, reset_s: float) -> Mapping[str, str]:
    """Return the x-ratelimit-* headers; `kind` is "requests" or "tokens"."""
    values = {
        "limit": limit,
        "remaining": max(0, int(remaining)),
        "reset": format_duration(reset_s),
    }
    return {f"x-ratelimit-{name}-{kind}": str(value) for name, value in values.items()}


def format_duration(seconds: float) -> str:
    """Format a duration as the protocol does: 120ms, 6m0s, 3h0m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, remainder = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{head}{remainder}s"


def seconds_until_midnight(now: datetime) -> float:
    """Return the seconds until the end of the UTC day of `now`."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return (midnight - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Client:
    """One client; `hint` is the start of the key. Times are seconds since 1970, UTC."""

    client_id: str
    name: str
    hint: str
    limits: Limits
    created_at: float
    used_on: str | None = None
    revoked_at: float | None = None


class Clients:
    """The clients of one engine; thread-safe."""

    def __init__(self, database: Database) -> None:
        self.database = database
        # Reserved tokens of running requests by client; the lock guards all token accounting.
        self.reserved: Counter[str] = Counter()
        self.accounting_lock = threading.Lock()
        self._buckets = TokenBuckets()
        self._lock = threading.Lock()

    def add(self, name: str, limits: Limits) -> str:
        """Create a client's key and return it; it cannot be read again.

        A name with a revoked key becomes the same client again, with its files and models. Raises
        Refused if the name is invalid or has an active key.
        """
        if not name.isprintable() or not 0 < len(name.strip()) <= MAX_NAME_LENGTH:
            raise Refused("a name that cannot be used", "engine-key-bad-name", most=MAX_NAME_LENGTH)
        key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
        client_id, now = f"client_{secrets.token_hex(12)}", utc_now().timestamp()
        changed = self.database.change(
            _INSERT_CLIENT,
            *(client_id, name, _digest_key(key), key[:_HINT_LENGTH], now),
            *(limits.requests_per_minute, limits.tokens_per_day, limits.jobs, limits.bytes),
        )
        if not changed:
            raise Refused(f"{name} has a key", "engine-key-exists", name=name)
        return key

    def revoke(self, name: str) -> None:
        """Revoke a client's key; its files and models stay. Raises NotFound if none is active."""
        sql = "UPDATE client SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL"
        if not self.database.change(sql, utc_now().timestamp(), name):
            raise NotFound(f"no key of {name}", "engine-key-unknown", name=name)

    def list_all(self) -> list[Client]:
        """Return all clients sorted by name, including those with a revoked key."""
        return [
            _build_client(row) for row in self.database.select("SELECT * FROM client ORDER BY name")
        ]

    def admit(self, key: str) -> tuple[Client, Mapping[str, str]]:
        """Authenticate one request and count it; return the client and rate limit headers.

        Raises ApiError 401 if the key is unknown or revoked, 429 if the rate limit is exceeded.
        """
        row = self.database.find_row("SELECT * FROM client WHERE digest = ?", _digest_key(key))
        if row is None:
            raise ApiError(401, "Incorrect API key provided. Ask the engine's owner for a new one.")
        if row["revoked_at"] is not None:
            raise ApiError(401, "This API key was revoked. Ask the engine's owner for a new one.")
        client, now = _build_client(row), utc_now()
        today = _format_day(now)
        if client.used_on != today:
            used = "UPDATE client SET used_on = ? WHERE id = ?"
            self.database.change(used, today, client.client_id)
        headers = self._take_request(client)
        if limit := client.limits.tokens_per_day:
            remaining = (
                limit - self.read_spent(client, now)["tokens"] - self.reserved[client.client_id]
            )
            headers = {
                **headers,
                **build_headers("tokens", limit, remaining, seconds_until_midnight(now)),
            }
        return client, headers

    def _take_request(self, client: Client) -> Mapping[str, str]:
        size = client.limits.requests_per_minute
        if not size:
            return {}
        now = monotonic()
        with self._lock:
            bucket = self._buckets.get((client.client_id, size), size / MINUTE_S, size, now)
            retry_after_s = bucket.take(now)
            headers = build_headers("requests", size, bucket.left(now), bucket.full_in_s(now))
        if retry_after_s:
            message = f"Rate limit reached: {size} requests a minute. Ask again a little later."
            raise limit_error(message, "requests", retry_after_s, headers)
        return headers

    def check_queue(self, client: Client | None) -> None:
        """Raise ApiError 429 if the client has too many unfinished jobs; None has no limits."""
        most = client.limits.jobs if client else 0
        if client and most and self._count_jobs(client) >= most:
            message = f"At most {most} jobs may be unfinished. Wait for one to end, or cancel one."
            raise limit_error(message, "jobs", _JOB_RETRY_S)

    def check_storage(self, client: Client | None, more: int) -> None:
        """Raise ApiError 403 if `more` bytes would exceed the storage limit; None has no limits."""
        most, stored = (client.limits.bytes, self._sum_bytes(client)) if client else (0, 0)
        if most and stored + more > most:
            message = f"Your files have {stored} of {most} allowed bytes: delete some first."
            if more > most:
                message = f"The file has {more} bytes; all of yours may have {most}. Upload less."
            raise ApiError(403, message, code="storage_quota_exceeded")

    def read_usage(self, client: Client) -> dict[str, int]:
        """Return the client's usage: today's answers and tokens, unfinished jobs, stored bytes."""
        jobs, size = self._count_jobs(client), self._sum_bytes(client)
        return {**self.read_spent(client, utc_now()), "jobs": jobs, "bytes": size}

    def read_spent(self, client: Client, now: datetime) -> dict[str, int]:
        """Return the answers and tokens of the day of `now`."""
        sql = "SELECT answers, tokens FROM spent WHERE client_id = ? AND day = ?"
        row = self.database.find_row(sql, client.client_id, _format_day(now))
        return row or {"answers": 0, "tokens": 0}

    def _count_jobs(self, client: Client) -> int:
        sql = "SELECT COUNT(*) AS n FROM job WHERE owner = ? AND finished_at IS NULL"
        return int(self.database.select(sql, client.client_id)[0]["n"])

    def _sum_bytes(self, client: Client) -> int:
        sql = "SELECT COALESCE(SUM(bytes), 0) AS n FROM file WHERE owner = ?"
        return int(self.database.select(sql, client.client_id)[0]["n"])


class TokenReservation:
    """Tokens of a client's daily limit, reserved for one answer from `take` to `settle`."""

    def __init__(self, clients: Clients, client: Client, count: int) -> None:
        self._clients = clients
        self._client = client
        self._count = count
        self._taken = 0
        self._is_over = False

    def take(self) -> None:
        """Reserve the tokens.

        Raises ApiError 429 if the day's tokens are used up or reserved by running requests. So
        concurrent requests exceed the limit by one answer at most, if no answer is longer than its
        estimate.
        """
        clients, client_id = self._clients, self._client.client_id
        limit, now = self._client.limits.tokens_per_day, utc_now()
        with clients.accounting_lock:
            used = clients.read_spent(self._client, now)["tokens"] if limit else 0
            if limit and used >= limit:
                message = f"Rate limit reached: {limit} tokens a day. The day ends at midnight UTC."
                raise limit_error(message, "tokens", seconds_until_midnight(now))
            if limit and used + clients.reserved[client_id] >= limit:
                message = (
                    "Your answers under way may need the rest of the day's tokens: let them end"
                )
                raise limit_error(f"Rate limit reached: {message}.", "tokens", _ANSWER_RETRY_S)
            if not self._is_over:  # else the caller has left while this waited for the lock
                self._taken = self._count
                clients.reserved[client_id] += self._count

    def settle(self, tokens: int) -> None:
        """Record prompt and completion tokens and end the reservation; later calls do nothing."""
        clients, client_id = self._clients, self._client.client_id
        with clients.accounting_lock:
            clients.reserved[client_id] -= self._taken
            is_over, self._taken, self._is_over = self._is_over, 0, True
            if tokens and not is_over:
                clients.database.change(_ADD_USAGE, client_id, _format_day(utc_now()), tokens)


def _digest_key(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _format_day(now: datetime) -> str:
    return now.date().isoformat()


def _build_client(row: Row) -> Client:
    limits = Limits(
        row["requests_per_minute"], row["tokens_per_day"], row["most_jobs"], row["most_bytes"]
    )
    names = ("name", "hint", "created_at", "used_on", "revoked_at")
    return Client(client_id=row["id"], limits=limits, **{name: row[name] for name in names})
