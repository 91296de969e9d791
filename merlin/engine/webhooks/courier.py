"""The courier: a thread that sends what waits, one delivery at a time to each endpoint.

It has a loop of its own, so that nothing it waits for is in the way of an answer, and each
endpoint a task of its own, so that a dead one holds up nobody else.

    engine.webhook_sent: the endpoint has answered -> engine.webhook_recorded
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from merlin.core.clock import Clock, StepWatch, utc_now
from merlin.core.errors import ConfigError
from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.core.webhook_signing import key_of
from merlin.engine.refusal import Refusal
from merlin.engine.rows import Row, Rows
from merlin.engine.settings import EngineSettings
from merlin.engine.webhooks.endpoints import ON, Endpoints
from merlin.engine.webhooks.outbox import LADDER_S, Outbox, event_body, new_id
from merlin.engine.webhooks.sending import Outcome, Sending
from merlin.engine.webhooks.walls import Walls

log = get_logger(__name__)

AFTER_FAILURE_S = 5.0
JOIN_S = 20.0
# So often it is looked whether the clock was set back, while something waits.
LOOK_S = 5.0


class Courier:
    """The sending of one engine; `wake` after a delivery was written."""

    def __init__(
        self, endpoints: Endpoints, outbox: Outbox, walls: Walls, clock: Clock = utc_now
    ) -> None:
        self._clock = clock
        self._steps = StepWatch(clock)
        self.endpoints = endpoints
        self.outbox = outbox
        self.walls = walls
        self._loop = asyncio.new_event_loop()
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="engine-webhooks", daemon=True)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._sending: Sending | None = None

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

    @property
    def is_alive(self) -> bool:
        """Return whether the thread lives."""
        return self._thread.is_alive()

    def job_ended(self, job_id: str, status: str) -> None:
        """Write who is to hear it, within the job's transaction; it is sent once that is done."""
        self.outbox.job_ended(job_id, status)
        self.wake()

    def test(self, endpoint: Row, kind: str) -> Future[Outcome]:
        """Send a sample of an event now, once; an endpoint that takes it is on again."""
        return asyncio.run_coroutine_threadsafe(self._test(endpoint, kind), self._loop)

    async def _test(self, endpoint: Row, kind: str) -> Outcome:
        body = event_body("evt_test", kind, "ftjob-test", endpoint["updated_at"])
        outcome = await self._send(endpoint, new_id(), body)
        if outcome.is_taken:
            self.endpoints.well(endpoint["id"])
            self._woken.set()
        return outcome

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._sending = Sending(self.walls)
        try:
            while not self._is_stopping:
                self._woken.clear()
                await self._rest(self._survived())
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)
            await self._sending.close()

    def _survived(self) -> float | None:
        try:
            return self._begin_due()
        except Exception:
            log.exception("webhooks wait")
            return AFTER_FAILURE_S

    def _begin_due(self) -> float | None:
        """Begin what is due; return when to look again, None for when a task ends."""
        if step_s := self._steps.step_back_s():
            log.warning("the clock was set back", seconds=round(step_s, 1))
            self.outbox.due_now()
        now, pauses_s = self._clock().timestamp(), []
        for delivery in self.outbox.heads():
            if delivery["endpoint_id"] in self._under_way:
                continue
            if delivery["at"] <= now:
                self._begin(delivery)
            else:
                pauses_s.append(min(delivery["at"] - now, LOOK_S))
        return min(pauses_s, default=None)

    async def _rest(self, pause_s: float | None) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), pause_s)
        except TimeoutError:
            return

    def _begin(self, delivery: Row) -> None:
        endpoint_id = delivery["endpoint_id"]
        task = self._loop.create_task(self._surely(delivery))
        self._under_way[endpoint_id] = task

        def ended(_task: asyncio.Task[None]) -> None:
            del self._under_way[endpoint_id]
            self._woken.set()

        task.add_done_callback(ended)

    async def _surely(self, delivery: Row) -> None:
        try:
            await self._deliver(delivery)
        except Refusal:
            pass  # The endpoint was deleted meanwhile, and its deliveries with it.
        except Exception:
            log.exception("a webhook waits", delivery=delivery["id"])
            await asyncio.sleep(AFTER_FAILURE_S)

    async def _deliver(self, delivery: Row) -> None:
        endpoint = self.endpoints.get(delivery["endpoint_id"])
        outcome = await self._send(endpoint, delivery["id"], delivery["body"])
        reached("engine.webhook_sent")
        if outcome.is_taken:
            self.outbox.delivered(delivery["id"])
            self.endpoints.well(endpoint["id"])
        else:
            self._failed(delivery, outcome)
        reached("engine.webhook_recorded")

    def _failed(self, delivery: Row, outcome: Outcome) -> None:
        endpoint_id = delivery["endpoint_id"]
        self.outbox.failed(delivery, outcome.trouble)
        pause_s = max(outcome.again_in_s, LADDER_S[0])
        state = self.endpoints.failed(endpoint_id, pause_s, is_gone=outcome.is_gone)
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
        if self._sending is None:
            raise RuntimeError("the courier was not started")
        signing = self.endpoints.secrets_of(endpoint)
        return await self._sending.send(endpoint["url"], delivery_id, body, signing)


def courier_of(rows: Rows, settings: EngineSettings) -> Courier:
    """Return the courier of an engine, the endpoints of its configuration in place."""
    endpoints = Endpoints(rows)
    endpoints.keep_config(settings.webhooks)
    return Courier(endpoints, Outbox(rows), Walls(settings))


def check_webhooks(settings: EngineSettings) -> None:
    """Raise ConfigError for an address that is none, and for a secret that signs nothing."""
    walls = Walls(settings)
    for said in settings.webhooks:
        try:
            walls.check(said.url)
            key_of(said.secret)
        except Refusal as error:
            raise ConfigError(f"engine.webhooks: {error}, not {said.url}") from error
        except ValueError as error:
            raise ConfigError(f"engine.webhooks: the secret of {said.url}: {error}") from error
