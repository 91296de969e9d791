"""Deliveries of webhooks: the outbox, signatures, retries, by the Standard Webhooks scheme.

    job ends -> a delivery an endpoint, in the same transaction -> sent, again until 2xx
    engine.webhook_sent: the endpoint has answered -> engine.webhook_recorded

So none is told of what did not happen, and none is lost. A delivery's id is the header
`webhook-id`, the same in every try: whoever gets it twice, after a crash between sending and noting
it, knows it by that. The sender is a thread with a loop of its own, so that nothing it waits for is
in the way of an answer, and each endpoint a task of its own, so that a dead one holds up nobody
else. Source: the specification at standardwebhooks.com, and the openai package's `webhooks`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from merlin import __version__
from merlin.core.clock import Clock, StepWatch, utc_now
from merlin.core.errors import ConfigError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.webhook_signing import headers_of, key_of
from merlin.engine.database import Row, Rows
from merlin.engine.settings import EngineSettings
from merlin.engine.webhooks.endpoints import GONE, ON, Endpoints, Resolver, SsrfGuard
from merlin.openai_protocol.errors import ApiError, retry_after_s

# How long to wait after the first try that failed, the second, …; the last one stays.
LADDER_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 6 * 3600.0, 12 * 3600.0)
JITTER = 0.2
KEPT_S = 30 * 24 * 3600.0
LONGEST_TROUBLE = 200
TIMEOUT_S = 15.0
LONGEST_RETRY_AFTER_S = 24 * 3600.0
AFTER_FAILURE_S = 5.0
JOIN_S = 20.0
# So often it is looked whether the clock was set back, while something waits.
LOOK_S = 5.0
_RANDOM = secrets.SystemRandom()
log = get_logger(__name__)


class Deliveries:
    """The deliveries of one engine; every method may be called from any thread."""

    def __init__(self, rows: Rows, clock: Clock = utc_now) -> None:
        self._rows = rows
        self._clock = clock

    def job_ended(self, job_id: str, status: str) -> None:
        """Write a delivery for everybody who wants to hear it; within the job's transaction.

        A client's endpoints hear of its own jobs, the owner's of all.
        """
        kind, now = f"fine_tuning.job.{status}", self._clock().timestamp()
        body = event_body(f"evt_{secrets.token_hex(12)}", kind, job_id, now)
        wanted_by = (
            "SELECT endpoint.* FROM endpoint JOIN job ON endpoint.owner IN ('', job.owner)"
            " WHERE job.id = ? AND endpoint.state != ?"
        )
        for endpoint in self._rows.select(wanted_by, job_id, GONE):
            if kind in json.loads(endpoint["event_types"]):
                columns = {"body": body, "created_at": now, "due_at": now}
                self._rows.insert("delivery", id=new_id(), endpoint_id=endpoint["id"], **columns)

    def heads(self) -> list[Row]:
        """Return the delivery to send next to each endpoint, `at` what time."""
        return self._rows.select(
            "SELECT delivery.*, MIN(MAX(due_at, not_before)) AS at FROM delivery"
            " JOIN endpoint ON endpoint.id = delivery.endpoint_id"
            " WHERE delivered_at IS NULL AND endpoint.state = 'on' GROUP BY endpoint_id"
        )

    def note_delivered(self, delivery_id: str) -> None:
        """Note that it was taken; what was taken a month ago is forgotten."""
        now = self._clock().timestamp()
        with self._rows.transaction():
            sql = "UPDATE delivery SET delivered_at = ?, tries = tries + 1 WHERE id = ?"
            self._rows.change(sql, now, delivery_id)
            self._rows.change("DELETE FROM delivery WHERE delivered_at < ?", now - KEPT_S)

    def note_failure(self, delivery: Row, trouble: str) -> None:
        """Note a try that failed, and when the next one is."""
        sql = "UPDATE delivery SET tries = tries + 1, due_at = ?, trouble = ? WHERE id = ?"
        due_at = self._clock().timestamp() + pause_s(delivery["tries"])
        self._rows.change(sql, due_at, trouble[:LONGEST_TROUBLE], delivery["id"])

    def due_now(self) -> None:
        """Let everything that waits be sent now, whenever it was to be tried again."""
        now = self._clock().timestamp()
        with self._rows.transaction():
            late = "UPDATE delivery SET due_at = ? WHERE delivered_at IS NULL AND due_at > ?"
            self._rows.change(late, now, now)
            self._rows.change("UPDATE endpoint SET not_before = ? WHERE not_before > ?", now, now)

    def waiting(self, endpoint_id: str) -> Mapping[str, object]:
        """Return how many deliveries wait for an endpoint, and why the last try failed."""
        waits = "FROM delivery WHERE endpoint_id = ? AND delivered_at IS NULL"
        count = f"SELECT COUNT(*) AS n {waits}"
        newest = f"SELECT trouble {waits} AND trouble != '' ORDER BY tries DESC LIMIT 1"
        failed = self._rows.one(newest, endpoint_id) or {"trouble": None}
        return {"waiting": self._rows.select(count, endpoint_id)[0]["n"], **failed}

    def count_waiting(self) -> int:
        """Return how many deliveries wait."""
        sql = "SELECT COUNT(*) AS n FROM delivery WHERE delivered_at IS NULL"
        return int(self._rows.select(sql)[0]["n"])


def event_body(event_id: str, kind: str, job_id: str, at: float) -> str:
    """Return an event as it is sent. Source: openai, FineTuningJobSucceededWebhookEvent."""
    event = {"id": event_id, "object": "event", "created_at": int(at), "type": kind}
    return json.dumps({**event, "data": {"id": job_id}}, separators=(",", ":"))


def new_id() -> str:
    """Return a new webhook-id."""
    return f"wh_{secrets.token_hex(12)}"


def pause_s(tries: int) -> float:
    """Return how long to wait after one more try than `tries` has failed, give or take a fifth."""
    pause = LADDER_S[min(tries, len(LADDER_S) - 1)]
    return pause * _RANDOM.uniform(1 - JITTER, 1 + JITTER)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; `status` None where nobody answered, and `trouble` says why."""

    status: int | None
    trouble: str = ""
    again_in_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        """Return whether the endpoint took the delivery."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - any 2xx

    @property
    def is_gone(self) -> bool:
        """Return whether the endpoint wants no more."""
        return self.status == HTTPStatus.GONE


def wait_before_retry_s(headers: Mapping[str, str]) -> float:
    """Return the seconds that a header Retry-After asks for, a day at most; 0 where it does not."""
    return min(retry_after_s(headers) or 0.0, LONGEST_RETRY_AFTER_S)


class WebhookSender:
    """The sending of one engine; `wake` after a delivery was written."""

    def __init__(
        self, endpoints: Endpoints, deliveries: Deliveries, guard: SsrfGuard, clock: Clock = utc_now
    ) -> None:
        self._clock = clock
        self._steps = StepWatch(clock)
        self.endpoints = endpoints
        self.deliveries = deliveries
        self.guard = guard
        self._loop = asyncio.new_event_loop()
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="engine-webhooks", daemon=True)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once for what is to be sent."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Stop; a try under way is broken off, and made again after the next start."""
        self._is_stopping = True
        self._loop.call_soon_threadsafe(self._woken.set)
        self._thread.join(JOIN_S)

    def job_ended(self, job_id: str, status: str) -> None:
        """Write who is to hear it, within the job's transaction; it is sent once that is done."""
        self.deliveries.job_ended(job_id, status)
        self.wake()

    def test(self, endpoint: Row, kind: str) -> Future[Outcome]:
        """Send a sample of an event now, once; an endpoint that takes it is on again."""
        return asyncio.run_coroutine_threadsafe(self._test(endpoint, kind), self._loop)

    async def _test(self, endpoint: Row, kind: str) -> Outcome:
        body = event_body("evt_test", kind, "ftjob-test", endpoint["updated_at"])
        outcome = await self._send(endpoint, new_id(), body)
        if outcome.is_taken:
            self.endpoints.note_success(endpoint["id"])
            self._woken.set()
        return outcome

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._session = aiohttp.ClientSession(
            # No bound on connections: dead endpoints hold up nobody.
            connector=aiohttp.TCPConnector(
                resolver=Resolver(self.guard), limit=0, force_close=True
            ),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": f"merlin-engine/{__version__}"},
            auto_decompress=False,
        )
        async with self._session:
            while not self._is_stopping:
                self._woken.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._begin_due_or_wait())
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin_due_or_wait(self) -> float | None:
        try:
            return self._begin_due()
        except Exception:
            log.exception("webhooks wait")
            return AFTER_FAILURE_S

    def _begin_due(self) -> float | None:
        """Begin what is due; return when to look again, None for when a task ends."""
        if step_s := self._steps.step_back_s():
            log.warning("the clock was set back", seconds=round(step_s, 1))
            self.deliveries.due_now()
        now, pauses_s = self._clock().timestamp(), []
        for delivery in self.deliveries.heads():
            if delivery["endpoint_id"] in self._under_way:
                continue
            if delivery["at"] <= now:
                task = self._loop.create_task(self._try_deliver(delivery))
                self._under_way[delivery["endpoint_id"]] = task
            else:
                pauses_s.append(min(delivery["at"] - now, LOOK_S))
        return min(pauses_s, default=None)

    async def _try_deliver(self, delivery: Row) -> None:
        try:
            await self._deliver(delivery)
        except ApiError:
            pass  # The endpoint was deleted meanwhile, and its deliveries with it.
        except Exception:
            log.exception("a webhook waits", delivery=delivery["id"])
            await asyncio.sleep(AFTER_FAILURE_S)
        finally:
            del self._under_way[delivery["endpoint_id"]]
            self._woken.set()

    async def _deliver(self, delivery: Row) -> None:
        endpoint = self.endpoints.get(delivery["endpoint_id"])
        outcome = await self._send(endpoint, delivery["id"], delivery["body"])
        kill_point("engine.webhook_sent")
        if outcome.is_taken:
            self.deliveries.note_delivered(delivery["id"])
            self.endpoints.note_success(endpoint["id"])
        else:
            self._failed(delivery, outcome)
        kill_point("engine.webhook_recorded")

    def _failed(self, delivery: Row, outcome: Outcome) -> None:
        endpoint_id = delivery["endpoint_id"]
        self.deliveries.note_failure(delivery, outcome.trouble)
        pause_s = max(outcome.again_in_s, LADDER_S[0])
        state = self.endpoints.note_failure(endpoint_id, pause_s, is_gone=outcome.is_gone)
        log.warning(
            "a webhook was not taken",
            endpoint=endpoint_id,
            delivery=delivery["id"],
            tries=delivery["tries"] + 1,
            reason=outcome.trouble,
        )
        if state != ON:
            log.error("a webhook endpoint gets no more", endpoint=endpoint_id, state=state)

    async def _send(self, endpoint: Row, delivery_id: str, body: str) -> Outcome:
        """Try once: bounded in time, following nothing, reading no body; the outcome says all."""
        if self._session is None:
            raise RuntimeError("the sender was not started")
        content, signing = body.encode(), self.endpoints.secrets_of(endpoint)
        headers = headers_of(delivery_id, utc_now(), content, signing)
        headers["content-type"] = "application/json"
        try:
            self.guard.check(endpoint["url"])
            async with self._session.post(
                endpoint["url"], data=content, headers=headers, allow_redirects=False
            ) as answer:
                after = wait_before_retry_s(answer.headers)
                return Outcome(answer.status, f"HTTP {answer.status}", after)
        except ApiError as refused:
            return Outcome(None, str(refused))
        except TimeoutError:
            return Outcome(None, f"no answer in {TIMEOUT_S:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(None, f"{type(error).__name__}: {error}")


def webhook_sender_of(rows: Rows, settings: EngineSettings) -> WebhookSender:
    """Return the sender of an engine, the endpoints of its configuration in place."""
    endpoints = Endpoints(rows)
    endpoints.sync_config(settings.webhooks)
    return WebhookSender(endpoints, Deliveries(rows), SsrfGuard(settings))


def check_webhooks(settings: EngineSettings) -> None:
    """Raise ConfigError for an address that is none, and for a secret that signs nothing."""
    guard = SsrfGuard(settings)
    for webhook in settings.webhooks:
        try:
            guard.check(webhook.url)
            key_of(webhook.secret)
        except ApiError as error:
            raise ConfigError(f"engine.webhooks: {error}, not {webhook.url}") from error
        except ValueError as error:
            raise ConfigError(f"engine.webhooks: the secret of {webhook.url}: {error}") from error
