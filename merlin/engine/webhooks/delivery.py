"""Deliveries of webhooks: the outbox, signatures, retries, by the Standard Webhooks scheme.

    job ends -> a delivery per endpoint, in the same transaction -> sent, retried until 2xx
    engine.webhook_sent: the endpoint has answered -> engine.webhook_recorded

Delivery is at least once, and only of committed events. A delivery's id is the header `webhook-id`,
the same in every attempt, so a receiver can detect duplicates after a crash between sending and
recording. The sender is a thread with its own event loop, so that it does not delay responses, and
each endpoint has its own task, so that a dead one does not delay the others. Source: the
specification at standardwebhooks.com, and the openai package's `webhooks`.
"""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from merlin import __version__
from merlin.config.engine import EngineSettings
from merlin.core.clock import Clock, StepWatch, utc_now
from merlin.core.errors import ConfigError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.webhook_signing import make_signed_headers, signing_key
from merlin.engine.database import Row
from merlin.engine.webhooks.endpoints import (
    ON,
    RETRY_DELAYS_S,
    Endpoints,
    Resolver,
    SsrfGuard,
    build_event_body,
    create_delivery_id,
)
from merlin.openai_protocol.errors import ApiError, retry_after_s

TIMEOUT_S = 15.0
MAX_RETRY_AFTER_S = 24 * 3600.0
AFTER_FAILURE_S = 5.0
JOIN_S = 20.0
# The longest sleep while deliveries are pending, to detect that the clock was set back.
POLL_S = 5.0
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The result of an attempt; `status` is None without a response; `error` is its reason."""

    status: int | None
    error: str = ""
    retry_after_s: float = 0.0

    @property
    def is_accepted(self) -> bool:
        """Return whether the endpoint accepted the delivery."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - any 2xx


def read_retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, at most a day; 0 without one."""
    return min(retry_after_s(headers) or 0.0, MAX_RETRY_AFTER_S)


class WebhookSender:
    """Sends the deliveries of one engine; call `wake` after inserting one."""

    def __init__(self, endpoints: Endpoints, guard: SsrfGuard, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._step_watch = StepWatch(clock)
        self.endpoints = endpoints
        self.guard = guard
        self._loop = asyncio.new_event_loop()
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="engine-webhooks", daemon=True)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Start the sender thread."""
        self._thread.start()

    def wake(self) -> None:
        """Check for due deliveries now."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Stop; running attempts are cancelled and repeated after the next start."""
        self._is_stopping = True
        self._loop.call_soon_threadsafe(self._woken.set)
        self._thread.join(JOIN_S)

    def add_deliveries(self, job_id: str, status: str) -> None:
        """Insert the deliveries in the job's transaction; they are sent after its commit."""
        self.endpoints.add_deliveries(job_id, status)
        self.wake()

    def test(self, endpoint: Row, kind: str) -> Future[DeliveryOutcome]:
        """Send a sample event once; an endpoint that accepts it is on again."""
        return asyncio.run_coroutine_threadsafe(self._test(endpoint, kind), self._loop)

    async def _test(self, endpoint: Row, kind: str) -> DeliveryOutcome:
        body = build_event_body("evt_test", kind, "ftjob-test", endpoint["updated_at"])
        outcome = await self._send(endpoint, create_delivery_id(), body)
        if outcome.is_accepted:
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
            # No connection limit, so that dead endpoints do not delay the others.
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
                    await asyncio.wait_for(self._woken.wait(), self._start_due())
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start_due(self) -> float | None:
        """Start due deliveries; return the seconds until the next check, None for no timeout."""
        try:
            if self._step_watch.was_set_back():
                self.endpoints.make_all_due()
            deliveries = self.endpoints.list_next_deliveries()
        except Exception:
            log.exception("due webhooks could not be read")
            return AFTER_FAILURE_S
        now, pauses_s = self._clock().timestamp(), []
        for delivery in deliveries:
            if delivery["endpoint_id"] in self._running:
                continue
            if delivery["at"] <= now:
                task = self._loop.create_task(self._try_deliver(delivery))
                self._running[delivery["endpoint_id"]] = task
            else:
                pauses_s.append(min(delivery["at"] - now, POLL_S))
        return min(pauses_s, default=None)

    async def _try_deliver(self, delivery: Row) -> None:
        try:
            await self._deliver(delivery)
        except ApiError:
            pass  # The endpoint was deleted concurrently, with its deliveries.
        except Exception:
            log.exception("webhook delivery failed", delivery=delivery["id"])
            await asyncio.sleep(AFTER_FAILURE_S)
        finally:
            del self._running[delivery["endpoint_id"]]
            self._woken.set()

    async def _deliver(self, delivery: Row) -> None:
        endpoint = self.endpoints.get(delivery["endpoint_id"])
        outcome = await self._send(endpoint, delivery["id"], delivery["body"])
        kill_point("engine.webhook_sent")
        if outcome.is_accepted:
            self.endpoints.note_delivered(delivery["id"])
            self.endpoints.note_success(endpoint["id"])
        else:
            is_gone = outcome.status == HTTPStatus.GONE
            pause_s = max(outcome.retry_after_s, RETRY_DELAYS_S[0])
            state = self.endpoints.note_failure(delivery, outcome.error, pause_s, is_gone=is_gone)
            log.warning(
                "webhook not accepted",
                endpoint=endpoint["id"],
                delivery=delivery["id"],
                tries=delivery["tries"] + 1,
                reason=outcome.error,
            )
            if state != ON:
                log.error("webhook endpoint disabled", endpoint=endpoint["id"], state=state)
        kill_point("engine.webhook_recorded")

    async def _send(self, endpoint: Row, delivery_id: str, body: str) -> DeliveryOutcome:
        """Send one attempt: with a timeout, without redirects, without reading the body."""
        if self._session is None:
            raise RuntimeError("the sender was not started")
        content, signing = body.encode(), self.endpoints.list_secrets(endpoint)
        headers = make_signed_headers(delivery_id, utc_now(), content, signing)
        headers["content-type"] = "application/json"
        try:
            self.guard.check(endpoint["url"])
            async with self._session.post(
                endpoint["url"], data=content, headers=headers, allow_redirects=False
            ) as answer:
                after = read_retry_after_s(answer.headers)
                return DeliveryOutcome(answer.status, f"HTTP {answer.status}", after)
        except ApiError as refused:
            return DeliveryOutcome(None, str(refused))
        except TimeoutError:
            return DeliveryOutcome(None, f"no answer in {TIMEOUT_S:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return DeliveryOutcome(None, f"{type(error).__name__}: {error}")


def check_webhooks(settings: EngineSettings) -> None:
    """Raise ConfigError if a configured URL or secret is invalid."""
    guard = SsrfGuard(settings)
    for url, secret in settings.webhooks.items():
        try:
            guard.check(url)
            signing_key(secret)
        except ApiError as error:
            raise ConfigError(f"engine.webhooks: {error}, not {url}") from error
        except ValueError as error:
            raise ConfigError(f"engine.webhooks: the secret of {url}: {error}") from error
