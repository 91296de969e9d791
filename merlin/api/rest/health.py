"""How Merlin stands: what serves, what waits, who is alive; its health for admins; probes, metrics.

`/healthz`, `/readyz`, `/metrics`: whether the process lives, can work, and what it counts. The last
two are for those who watch over it, by their addresses; to all others they are not there.

What a process says in its heartbeat as `<noun>_<success|error|noop>` is counted since it began
and becomes `merlin_<noun>_total{status=…}`; any other number is one of the moment and becomes
`merlin_<process>_<noun>`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.api.auth import Caring, Watching
from merlin.api.hooks import is_near
from merlin.api.middleware import Traffic
from merlin.api.problems import Problem, problems
from merlin.api.schema import InLanguage, Shape, operation_router
from merlin.api.services import services_of
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import (
    BudgetView,
    DiskView,
    ProcessView,
    QueueView,
    Snapshot,
    SunsetView,
    health,
    processes,
    snapshot,
)
from merlin.app.status import status
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Heartbeat
from merlin.core.log import get_logger, redact
from merlin.core.metrics import (
    Sample,
    counter,
    gauge,
    metric_name,
    metrics_page,
)
from merlin.training.models import Serving

STATUSES = frozenset({"success", "error", "noop"})
FORGET_AFTER_S = 86_400.0
_NO_LABELS: dict[str, str] = {}


def metrics_of(
    shown: Snapshot, traffic: Traffic, now: datetime, *, database_is_up: bool = True
) -> list[Metric]:
    """Return everything that /metrics shows."""
    heard = [beat for beat in shown.heartbeats if (now - beat.at).total_seconds() < FORGET_AFTER_S]
    is_up = (database_is_up, _NO_LABELS)
    queues = ((depth, {"queue": name}) for name, depth in sorted(shown.queues.items()))
    jobs = ((count, {"state": state}) for state, count in sorted(shown.jobs.items()))
    refused = ((count, {"hook": hook}) for hook, count in sorted(traffic.hooks_refused.items()))
    return [
        gauge("merlin_database_up", "1 while the database answers the api.", is_up),
        *_of_processes(heard, now),
        *_of_heartbeats(beat for beat in heard if beat.is_alive(now)),
        gauge("merlin_queue_depth", "What waits in each queue.", *queues),
        gauge("merlin_jobs", "Fine-tune jobs by state.", *jobs),
        *_of_serving(shown.serving),
        *traffic.calls.collect(),
        *traffic.seconds.collect(),
        counter(
            "merlin_hooks_refused_total",
            "Calls of hooks refused for their secret or for where they come from.",
            *refused,
        ),
    ]


def _of_processes(beats: Sequence[Heartbeat], now: datetime) -> Iterable[Metric]:
    about = "1 while a process speaks, 0 once it has been silent for ten seconds."
    up = ((beat.is_alive(now), _labels(beat)) for beat in beats)
    yield gauge("merlin_process_up", about, *up)
    about = "When a process began, in seconds since 1970."
    began = ((beat.since.timestamp(), _labels(beat)) for beat in beats)
    yield gauge("merlin_process_start_seconds", about, *began)
    about = "When a process spoke last, in seconds since 1970."
    spoke = ((beat.at.timestamp(), _labels(beat)) for beat in beats)
    yield gauge("merlin_heartbeat_seconds", about, *spoke)


def _of_heartbeats(beats: Iterable[Heartbeat]) -> Iterable[Metric]:
    counters: dict[str, list[Sample]] = defaultdict(list)
    gauges: dict[str, list[Sample]] = defaultdict(list)
    for beat in beats:
        for figure, value in beat.counters.items():
            noun, _, status = figure.rpartition("_")
            if noun and status in STATUSES:
                labels = {**_labels(beat), "status": status}
                counters[metric_name("merlin", noun, "total")].append((value, labels))
            else:
                name = metric_name("merlin", beat.process, figure)
                gauges[name].append((value, _labels(beat)))
    for make, found in ((counter, counters), (gauge, gauges)):
        for name, samples in sorted(found.items()):
            yield make(name, "Told by the process itself.", *samples)


def _labels(beat: Heartbeat) -> dict[str, str]:
    return {"process": beat.process, "host": beat.host}


def _of_serving(models: Sequence[Serving]) -> Iterable[Metric]:
    serving: list[Sample] = []
    for one in models:
        model, build = one.model.model_id, one.model.build_version
        serving.append((1, {"dataset": one.dataset, "model": model, "build": build}))
    yield gauge("merlin_serving_model", "1 for the model that serves each dataset.", *serving)
    about = "When the serving model took over, in seconds since 1970."
    since = ((one.since.timestamp(), {"dataset": one.dataset}) for one in models)
    yield gauge("merlin_serving_since_seconds", about, *since)


office_router = operation_router(prefix="/api", tags=["office"])

_ALARMS = 20


class DatasetLine(Shape):
    """How a dataset stands, in a line."""

    name: str
    verdict: str | None
    build: str | None
    serving: str | None = Field(description="the build whose model answers")
    job: str | None = Field(description="the state of the newest job")


class StatusShown(Shape):
    """How Merlin stands."""

    datasets: list[DatasetLine]
    queues: dict[str, int]
    processes: Sequence[ProcessView]


class AlarmShown(Shape):
    """What admins were told."""

    at: datetime = Field(validation_alias="created_at")
    text: InLanguage


class HealthShown(Shape):
    """How Merlin does."""

    processes: Sequence[ProcessView]
    queues: Sequence[QueueView]
    failures: dict[str, int] = Field(description="of the last day, by kind")
    budget: Sequence[BudgetView]
    sunsets: Sequence[SunsetView]
    disk: DiskView | None
    alarms: list[AlarmShown]


@office_router.get("/status", summary="How Merlin stands")
async def show_status(caller: Watching) -> StatusShown:
    """Return what serves and what waits, of the datasets that you may watch."""

    def found(ctx: Context, actor: Actor) -> StatusShown:
        told = status(ctx, actor)
        return StatusShown(
            datasets=[
                DatasetLine(
                    name=name,
                    verdict=each.verdict.verdict if each.verdict else None,
                    build=each.verdict.build if each.verdict else None,
                    serving=each.serving.build if each.serving else None,
                    job=each.job.state if each.job else None,
                )
                for name, each in told.datasets.items()
            ],
            queues=dict(told.queues),
            processes=processes(ctx),
        )

    return await caller.read(found)


@office_router.get("/health", summary="How Merlin does")
async def show_health(caller: Caring) -> HealthShown:
    """Return who is alive, what waits and how long, what failed, money, sunsets, disk, alarms."""
    return HealthShown.of(await caller.read(health, _ALARMS), caller.language)


log = get_logger(__name__)

process_router = operation_router(tags=["process"])

ANSWER_S = 3.0
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
    **problems(404),
}
OTHERS = ("daemon", "bot")


class Alive(Shape):
    """A process that lives."""

    status: str


class ReadyProcess(Shape):
    """Another process, as its heartbeat tells."""

    alive: bool
    age_s: float | None = Field(description="seconds since its last heartbeat; null: none came")
    step: str


class Ready(Shape):
    """Whether calls can be served, and how the other processes do."""

    ready: bool
    database: str = Field(description="ok or silent")
    processes: dict[str, ReadyProcess]


@process_router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Alive:
    """Say that the process lives; touches nothing else, so a restart would mend a silence."""
    return Alive(status="ok")


@process_router.get(
    "/readyz",
    summary="Whether calls can be served",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "The database is silent"}, **problems(404)},
)
async def readyz(request: Request) -> Response:
    """Say whether calls can be served: 200 when the database answers, else 503.

    The other processes are told of, but do not decide: pages answer without them.
    """
    services = services_of(request)
    _refuse_strangers(request)
    try:
        shown = await asyncio.wait_for(services.read(snapshot), ANSWER_S)
    except (MerlinError, TimeoutError) as error:
        log.warning("the database did not answer", reason=redact(str(error)))
        return JSONResponse({"ready": False, "database": "silent", "processes": {}}, 503)
    told = _ready_processes(shown.heartbeats, services.clock())
    return JSONResponse({"ready": True, "database": "ok", "processes": told})


def _refuse_strangers(request: Request) -> None:
    """Raise Problem 404 for a call from elsewhere than those who watch over this api."""
    if not is_near(request, services_of(request).config.api.monitoring):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")


def _ready_processes(beats: Sequence[Heartbeat], now: datetime) -> dict[str, dict[str, object]]:
    """Return the newest words of each process; more hosts may run the same one."""
    newest = {beat.process: beat for beat in sorted(beats, key=lambda beat: beat.at)}
    told: dict[str, dict[str, object]] = {
        name: {"alive": False, "age_s": None, "step": ""} for name in OTHERS
    }
    for name, beat in newest.items():
        age_s = round((now - beat.at).total_seconds(), 1)
        told[name] = {"alive": beat.is_alive(now), "age_s": age_s, "step": beat.step}
    return told


@process_router.get(
    "/metrics", summary="Everything countable", response_class=PlainTextResponse, responses=_METRICS
)
async def metrics(request: Request) -> Response:
    """Return everything countable, for Prometheus; this process's own part always."""
    _refuse_strangers(request)
    state = request.app.state
    try:
        shown = await asyncio.wait_for(state.services.read(snapshot), ANSWER_S)
        is_up = True
    except (MerlinError, TimeoutError):
        shown, is_up = Snapshot(), False
    told = metrics_of(shown, state.traffic, state.services.clock(), database_is_up=is_up)
    told += state.services.connections.metrics("merlin", "http")
    told += state.bodies.metrics("merlin", "http")
    return Response(metrics_page(told), media_type=CONTENT_TYPE_PLAIN_0_0_4)
