"""Webhook endpoints: subscriptions, signing secrets, delivery state, and SSRF protection.

    on -> paused: failed for a week, deliveries stay pending  -> on: updated, or a test succeeded
    on -> gone: answered 410, no new deliveries               -> on: as above

Secrets are stored in the engine's database, which only its user can read; they are never logged and
only returned on creation. Against SSRF, webhooks are sent only to public addresses by https, to the
loopback if the engine listens only there, and to the hosts of `engine.webhooks`, which the operator
chose. A name is resolved and checked on every attempt, and the checked address is the one that is
connected to.
"""

import hashlib
import ipaddress
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from pydantic import AfterValidator, Field

from merlin.config.engine import EngineSettings
from merlin.core.clock import Clock, utc_now
from merlin.core.network import is_loopback
from merlin.core.webhook_signing import mask_secret, new_secret
from merlin.engine.database import Database, Row, read_object, read_page
from merlin.engine.requests import RequestBody, allow
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import Page

EVENT_TYPES = tuple(f"fine_tuning.job.{state}" for state in ("succeeded", "failed", "cancelled"))
ON, PAUSED, GONE = "on", "paused", "gone"
# The retry delay after the first failure, the second, …; the last one repeats.
RETRY_DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 6 * 3600.0, 12 * 3600.0)
JITTER = 0.2
RETENTION_S = 30 * 24 * 3600.0
MAX_ERROR_LENGTH = 200
_RANDOM = secrets.SystemRandom()
OLD_SECRET_S = 24 * 3600.0
PAUSED_AFTER_S = 7 * 24 * 3600.0
MAX_NAME_LENGTH = 256
MAX_ENDPOINTS = 50
_RESET = "state = 'on', failing_since = NULL, not_before = 0"
_UPDATE_ENDPOINT = (
    "UPDATE endpoint SET name = ?, url = ?, event_types = ?, updated_at = ?,"  # noqa: S608 - as below
    f" {_RESET} WHERE id = ?"
)
_MARK_HEALTHY = f"UPDATE endpoint SET {_RESET} WHERE id = ?"  # noqa: S608 - our own words


EndpointName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_LENGTH),
    allow(lambda name: str(name).isprintable(), "must be a printable text"),
]
EventType = Annotated[
    str, allow(lambda kind: kind in EVENT_TYPES, f"this engine has {', '.join(EVENT_TYPES)}")
]
EventTypes = Annotated[
    list[EventType], Field(min_length=1), AfterValidator(lambda kinds: sorted(set(kinds)))
]


class EndpointChange(RequestBody):
    """The fields of a create or update request; None if absent.

    Source: openai, webhook_create_params and webhook_update_params.
    """

    name: EndpointName | None = None
    url: str | None = None
    event_types: EventTypes | None = None


def read_endpoint(body: Mapping[str, object], *, is_new: bool) -> EndpointChange:
    """Parse a request body. Raises ApiError 400 that names the field."""
    change = EndpointChange.parse(body)
    for field, value in change:
        if is_new and value is None:
            raise bad_field(field, f"Missing required parameter: '{field}'.")
    return change


def build_event_body(event_id: str, kind: str, job_id: str, at: float) -> str:
    """Return the payload of an event. Source: openai, FineTuningJobSucceededWebhookEvent."""
    event = {"id": event_id, "object": "event", "created_at": int(at), "type": kind}
    return json.dumps({**event, "data": {"id": job_id}}, separators=(",", ":"))


def create_delivery_id() -> str:
    """Return a new webhook-id."""
    return f"wh_{secrets.token_hex(12)}"


def compute_retry_delay_s(tries: int) -> float:
    """Return the retry delay after `tries` + 1 failures, with a jitter of 20%."""
    pause = RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)]
    return pause * _RANDOM.uniform(1 - JITTER, 1 + JITTER)


class Endpoints:
    """The endpoints of one engine and their deliveries; thread-safe."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def add(self, change: EndpointChange, owner: str) -> Row:
        """Store a new endpoint with a new secret. Raises ApiError 400 if there are too many."""
        with self._database.transaction():
            sql = "SELECT COUNT(*) AS n FROM endpoint WHERE owner = ?"
            if self._database.select(sql, owner)[0]["n"] >= MAX_ENDPOINTS:
                raise ApiError(
                    400, f"There are {MAX_ENDPOINTS} webhook endpoints; delete one first."
                )
            endpoint_id = f"we_{secrets.token_hex(12)}"
            self._insert(endpoint_id, change, new_secret(), owner)
        return self.get(endpoint_id)

    def _insert(
        self,
        endpoint_id: str,
        change: EndpointChange,
        secret: str,
        owner: str = "",
        of_config: int = 0,
    ) -> None:
        now = self._clock().timestamp()
        self._database.insert(
            "endpoint",
            id=endpoint_id,
            owner=owner,
            is_of_config=of_config,
            name=change.name,
            url=change.url,
            event_types=json.dumps(change.event_types),
            secret=secret,
            created_at=now,
            updated_at=now,
        )

    def get(self, endpoint_id: str) -> Row:
        """Return an endpoint. Raises ApiError 404 if there is none with this id."""
        return read_object(self._database, "endpoint", endpoint_id)

    def list(self, page: Page, owner: str = "") -> tuple[list[Row], bool]:
        """Return a page of an owner's endpoints ("" for all), and whether more follow."""
        return read_page(self._database, "endpoint", "? IN ('', owner)", [owner], page)

    def update(self, endpoint_id: str, change: EndpointChange) -> Row:
        """Update an endpoint and retry its deliveries. Raises ApiError 400, 404."""
        row = self._get_editable(endpoint_id)
        types = None if change.event_types is None else json.dumps(change.event_types)
        changed = {"name": change.name, "url": change.url, "event_types": types}
        new = {field: row[field] if value is None else value for field, value in changed.items()}
        now = self._clock().timestamp()
        is_other = any(row[field] != value for field, value in new.items())
        updated = now if is_other else row["updated_at"]
        with self._database.transaction():
            self._database.change(_UPDATE_ENDPOINT, *new.values(), updated, endpoint_id)
            self._make_due(endpoint_id, now)
        return self.get(endpoint_id)

    def rotate_secret(self, endpoint_id: str, *, keeps_old: bool) -> Row:
        """Rotate the secret; with `keeps_old` the old one also signs for 24 hours."""
        row, now = self._get_editable(endpoint_id), self._clock().timestamp()
        previous, until = (row["secret"], now + OLD_SECRET_S) if keeps_old else (None, None)
        self._database.change(
            "UPDATE endpoint SET secret = ?, old_secret = ?, old_until = ?, updated_at = ?"
            " WHERE id = ?",
            *(new_secret(), previous, until, now, endpoint_id),
        )
        return self.get(endpoint_id)

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint and its deliveries. Raises ApiError 400, 404."""
        self._get_editable(endpoint_id)
        self._database.change("DELETE FROM endpoint WHERE id = ?", endpoint_id)

    def _get_editable(self, endpoint_id: str) -> Row:
        row = self.get(endpoint_id)
        if row["is_of_config"]:
            raise ApiError(
                400,
                "This endpoint stands in engine.webhooks of the configuration; change it there.",
                code="endpoint_of_config",
            )
        return row

    def sync_config(self, webhooks: Mapping[str, str]) -> None:
        """Synchronise the configured endpoints with `webhooks`, and retry their deliveries."""
        configured = {
            f"we_{hashlib.sha256(url.encode()).hexdigest()[:24]}": url for url in webhooks
        }
        now = self._clock().timestamp()
        with self._database.transaction():
            for row in self._database.select("SELECT * FROM endpoint WHERE is_of_config = 1"):
                if row["id"] not in configured:
                    self._database.change("DELETE FROM endpoint WHERE id = ?", row["id"])
            for endpoint_id, url in configured.items():
                if not self._database.find_row("SELECT * FROM endpoint WHERE id = ?", endpoint_id):
                    change = EndpointChange(
                        name="engine.webhooks", url=url, event_types=list(EVENT_TYPES)
                    )
                    self._insert(endpoint_id, change, webhooks[url], of_config=1)
                    continue
                sql = f"UPDATE endpoint SET secret = ?, {_RESET} WHERE id = ?"  # noqa: S608 - our own words
                self._database.change(sql, webhooks[url], endpoint_id)
                self._make_due(endpoint_id, now)

    def note_success(self, endpoint_id: str) -> None:
        """Record a successful delivery: the endpoint is on again."""
        now, row = self._clock().timestamp(), self.get(endpoint_id)
        self._database.change(_MARK_HEALTHY, endpoint_id)
        if row["state"] != ON:
            self._make_due(endpoint_id, now)

    def note_failure(self, delivery: Row, error: str, pause_s: float, *, is_gone: bool) -> str:
        """Record a failed attempt and pause the endpoint for `pause_s`; return its state."""
        endpoint_id, now = delivery["endpoint_id"], self._clock().timestamp()
        sql = "UPDATE delivery SET tries = tries + 1, due_at = ?, trouble = ? WHERE id = ?"
        due_at = now + compute_retry_delay_s(delivery["tries"])
        with self._database.transaction():
            self._database.change(sql, due_at, error[:MAX_ERROR_LENGTH], delivery["id"])
            self._database.change(
                "UPDATE endpoint SET failing_since = COALESCE(failing_since, ?), not_before = ?,"
                " state = CASE WHEN ? THEN 'gone'"
                " WHEN state = 'on' AND failing_since < ? THEN 'paused' ELSE state END"
                " WHERE id = ?",
                *(now, now + pause_s, is_gone, now - PAUSED_AFTER_S, endpoint_id),
            )
        return str(self.get(endpoint_id)["state"])

    def list_secrets(self, row: Row) -> Sequence[str]:
        """Return the valid signing secrets of an endpoint, newest first."""
        is_old_good = row["old_secret"] and row["old_until"] > self._clock().timestamp()
        return [row["secret"], row["old_secret"]] if is_old_good else [row["secret"]]

    def add_deliveries(self, job_id: str, status: str) -> None:
        """Insert a delivery for each subscribed endpoint, in the job's transaction.

        A client's endpoints get events of its own jobs, the engine owner's of all jobs.
        """
        kind, now = f"fine_tuning.job.{status}", self._clock().timestamp()
        body = build_event_body(f"evt_{secrets.token_hex(12)}", kind, job_id, now)
        wanted_by = (
            "SELECT endpoint.* FROM endpoint JOIN job ON endpoint.owner IN ('', job.owner)"
            " WHERE job.id = ? AND endpoint.state != ?"
        )
        for endpoint in self._database.select(wanted_by, job_id, GONE):
            if kind in json.loads(endpoint["event_types"]):
                columns = {"body": body, "created_at": now, "due_at": now}
                self._database.insert(
                    "delivery", id=create_delivery_id(), endpoint_id=endpoint["id"], **columns
                )

    def list_next_deliveries(self) -> Sequence[Row]:
        """Return the next delivery of each endpoint; column `at` is when it is due."""
        return self._database.select(
            "SELECT delivery.*, MIN(MAX(due_at, not_before)) AS at FROM delivery"
            " JOIN endpoint ON endpoint.id = delivery.endpoint_id"
            " WHERE delivered_at IS NULL AND endpoint.state = 'on' GROUP BY endpoint_id"
        )

    def note_delivered(self, delivery_id: str) -> None:
        """Record a delivery as delivered; delete those delivered a month ago."""
        now = self._clock().timestamp()
        with self._database.transaction():
            sql = "UPDATE delivery SET delivered_at = ?, tries = tries + 1 WHERE id = ?"
            self._database.change(sql, now, delivery_id)
            self._database.change("DELETE FROM delivery WHERE delivered_at < ?", now - RETENTION_S)

    def make_all_due(self) -> None:
        """Make all pending deliveries due now."""
        now = self._clock().timestamp()
        with self._database.transaction():
            late = "UPDATE delivery SET due_at = ? WHERE delivered_at IS NULL AND due_at > ?"
            self._database.change(late, now, now)
            self._database.change(
                "UPDATE endpoint SET not_before = ? WHERE not_before > ?", now, now
            )

    def read_delivery_state(self, endpoint_id: str) -> Mapping[str, object]:
        """Return the number of pending deliveries of an endpoint, and the last error."""
        waits = "FROM delivery WHERE endpoint_id = ? AND delivered_at IS NULL"
        count = f"SELECT COUNT(*) AS n {waits}"
        newest = f"SELECT trouble {waits} AND trouble != '' ORDER BY tries DESC LIMIT 1"
        failed = self._database.find_row(newest, endpoint_id) or {"trouble": None}
        return {"waiting": self._database.select(count, endpoint_id)[0]["n"], **failed}

    def count_waiting(self) -> int:
        """Return the number of pending deliveries."""
        sql = "SELECT COUNT(*) AS n FROM delivery WHERE delivered_at IS NULL"
        return int(self._database.select(sql)[0]["n"])

    def _make_due(self, endpoint_id: str, now: float) -> None:
        sql = "UPDATE delivery SET due_at = ? WHERE endpoint_id = ? AND delivered_at IS NULL"
        self._database.change(sql, now, endpoint_id)


def endpoint_object(row: Row, delivery_state: Mapping[str, object]) -> dict[str, object]:
    """Return the protocol's WebhookEndpoint; the extension `merlin` has the delivery state."""
    return {
        "id": row["id"],
        "object": "webhook_endpoint",
        "created_at": int(row["created_at"]),
        "event_types": json.loads(row["event_types"]),
        "name": row["name"],
        "url": row["url"],
        "signing_secret_hint": mask_secret(row["secret"]),
        "updated_at": int(row["updated_at"]),
        "merlin": {
            "state": row["state"],
            "failing_since": int(row["failing_since"]) if row["failing_since"] else None,
            "is_of_config": bool(row["is_of_config"]),
            **delivery_state,
        },
    }


MAX_URL_LENGTH = 2048


class SsrfGuard:
    """Decides which URLs and addresses one engine may call."""

    def __init__(self, settings: EngineSettings) -> None:
        self._configured_hosts = {urlsplit(url).hostname for url in settings.webhooks}
        self._is_on_loopback = is_loopback(settings.host)

    def check(self, url: str) -> None:
        """Raise ApiError 400 if the URL is invalid or not allowed."""
        is_plain = url.isascii() and url.isprintable() and " " not in url
        try:
            parsed = urlsplit(url)
            host = parsed.hostname or ""
            host.encode("idna")  # as the resolver does, which takes no "a..b"
            is_whole = bool(host) and parsed.port != 0
        except ValueError as error:
            raise _url_error() from error
        has_user = parsed.username is not None or parsed.password is not None
        is_fit = is_plain and is_whole and len(url) <= MAX_URL_LENGTH
        if not is_fit or has_user or parsed.fragment or parsed.scheme not in {"http", "https"}:
            raise _url_error()
        is_own = self._is_on_loopback and is_loopback(host)
        if host in self._configured_hosts or (is_own and parsed.scheme == "http"):
            return
        if parsed.scheme != "https":
            raise bad_field("url", "url must begin with https://")
        # aiohttp treats such a host as an IP address and does not call the resolver.
        is_number = ":" in host or host.replace(".", "").isdigit()
        if is_number and not (_is_address(host) and self.is_allowed(host, host)):
            raise bad_field("url", "url must lead to a public address")

    def is_allowed(self, host: str, address: str) -> bool:
        """Return whether `host`, resolved to this IP address, is allowed."""
        if host in self._configured_hosts:
            return True
        return is_public(address) or (self._is_on_loopback and is_loopback(address))


class Resolver(ThreadedResolver):
    """A DNS resolver that drops forbidden addresses."""

    def __init__(self, guard: SsrfGuard) -> None:
        super().__init__()
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a host. Raises OSError if there are none."""
        addresses = await super().resolve(host, port, family)
        allowed = [
            address for address in addresses if self._guard.is_allowed(host, address["host"])
        ]
        if not allowed:
            raise OSError(f"{host} leads to no public address")
        return allowed


# The only unicast addresses of IPv6 that are routed on the internet; the rest are private,
# reserved, or translated into addresses of IPv4. Source: IANA's address space of IPv6.
_GLOBAL_UNICAST, _NAT64 = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return whether an IP address is public, also if it embeds an IPv4 address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo and parsed.teredo[1])
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if not inner and parsed not in _GLOBAL_UNICAST:
            return False
        parsed = inner or parsed
    return parsed.is_global and not parsed.is_multicast


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _url_error() -> ApiError:
    message = "url must be an https address in ASCII with a valid host, without a user or '#'"
    return bad_field("url", f"{message}, {MAX_URL_LENGTH} characters at most")
