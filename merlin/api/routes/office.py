"""Office: how Merlin stands: what serves, what waits, who is alive; for admins its health."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from merlin.api.described import problems
from merlin.api.language import language_of_request
from merlin.api.office.pipeline import Pipeline
from merlin.api.office.right import Caring, Watching, pipeline_of, watched
from merlin.api.office.shown import said
from merlin.api.services import ApiServices
from merlin.api.shape import Shape
from merlin.api.teaching.right import services_of
from merlin.core.notice import ADMINS
from merlin.job.budget import month_start

router = APIRouter(prefix="/api", tags=["office"])

_ALARMS = 20
_DAY = timedelta(days=1)
_GONE_AFTER = timedelta(days=7)


class ProcessShown(Shape):
    """One process on one host, as it says of itself."""

    process: str
    host: str
    alive: bool
    since: datetime
    at: datetime
    step: str


class DatasetStatus(Shape):
    """How a dataset stands, in a line."""

    name: str
    verdict: str | None
    build: str | None
    serving: str | None = Field(description="the build whose model answers")
    job: str | None = Field(description="the state of the newest job")


class StatusShown(Shape):
    """How Merlin stands."""

    datasets: list[DatasetStatus]
    queues: dict[str, int]
    processes: list[ProcessShown]


class QueueShown(Shape):
    """A queue; `oldest` says since when its oldest entry waits."""

    name: str
    waiting: int
    oldest: datetime | None


class SpentShown(Shape):
    """What a provider's jobs of this month may have cost, in millionths of `currency`."""

    provider: str
    spent_micro: int
    cap_micro: int | None
    currency: str


class SunsetShown(Shape):
    """When a model that is leaned on goes dark."""

    model: str
    used_for: str
    ends: date
    days_left: int


class DiskShown(Shape):
    """The disk that the state lies on, in bytes."""

    free: int
    total: int


class AlarmShown(Shape):
    """What admins were told."""

    at: datetime
    text: str


class HealthShown(Shape):
    """How Merlin does."""

    processes: list[ProcessShown]
    queues: list[QueueShown]
    failures: dict[str, int] = Field(description="of the last day, by kind")
    budget: list[SpentShown]
    sunsets: list[SunsetShown]
    disk: DiskShown | None
    alarms: list[AlarmShown]


@router.get("/status", summary="How Merlin stands", responses=problems(401, 403))
async def show_status(request: Request, caller: Watching) -> StatusShown:
    """Return what serves and what waits, of the datasets that you may watch."""
    services, pipeline, mine = services_of(request), pipeline_of(request), watched(caller)

    def found() -> StatusShown:
        told = pipeline.reports.status()
        return StatusShown(
            datasets=[
                DatasetStatus(
                    name=name,
                    verdict=each["verdict"],
                    build=each["build"],
                    serving=each["serving"]["build"] if each["serving"] else None,
                    job=each["job"]["state"] if each["job"] else None,
                )
                for name, each in told["datasets"].items()
                if mine is None or name in mine
            ],
            queues=told["queues"],
            processes=list(_processes(services, pipeline)),
        )

    return await services.store.read(found)


@router.get("/health", summary="How Merlin does", responses=problems(401, 403))
async def show_health(request: Request, caller: Caring) -> HealthShown:  # noqa: ARG001 - a right
    """Return who is alive, what waits and how long, what failed, money, sunsets, disk, alarms."""
    services, pipeline = services_of(request), pipeline_of(request)
    language = language_of_request(request)

    def found() -> HealthShown:
        now = services.clock()
        oldest = pipeline.gauges.oldest()
        alarms = services.rows.notices.newest(ADMINS, _ALARMS)
        return HealthShown(
            processes=list(_processes(services, pipeline)),
            queues=[
                QueueShown(name=name, waiting=count, oldest=oldest.get(name))
                for name, count in pipeline.gauges.queues().items()
            ],
            failures=pipeline.gauges.failures(now - _DAY),
            budget=list(_budget(pipeline, now)),
            sunsets=list(_sunsets(pipeline, now.date())),
            disk=_disk(pipeline),
            alarms=[
                AlarmShown(at=each.created_at, text=said(each.key, each.arguments, language))
                for each in alarms
            ],
        )

    return await services.store.read(found)


def _processes(services: ApiServices, pipeline: Pipeline) -> Iterator[ProcessShown]:
    now = services.clock()
    for beat in sorted(pipeline.heartbeats.all(), key=lambda beat: (beat.process, beat.host)):
        if now - beat.at < _GONE_AFTER:
            yield ProcessShown(
                process=beat.process,
                host=beat.host,
                alive=beat.is_alive(now),
                since=beat.since,
                at=beat.at,
                step=beat.step,
            )


def _budget(pipeline: Pipeline, now: datetime) -> Iterator[SpentShown]:
    for provider, currency in pipeline.currencies.items():
        yield SpentShown(
            provider=provider,
            spent_micro=pipeline.spending.spent(provider, month_start(now)),
            cap_micro=pipeline.caps.per_month_micro,
            currency=currency,
        )


def _sunsets(pipeline: Pipeline, today: date) -> Iterator[SunsetShown]:
    """Yield when models that are in use go dark, the next first."""
    used = {each.model_id: each.purpose for each in pipeline.relies_on}
    for name, told in pipeline.reports.status()["datasets"].items():
        if told["serving"]:
            used |= dict.fromkeys(_bases(pipeline, name), name)
    ends = sorted((pipeline.sunsets[base], base) for base in used if base in pipeline.sunsets)
    for day, base in ends:
        left = max((day - today).days, 0)
        yield SunsetShown(model=base, used_for=used[base], ends=day, days_left=left)


def _bases(pipeline: Pipeline, dataset: str) -> list[str]:
    """Return the base of the model that serves a dataset."""
    models = pipeline.lists.models([dataset], 50)
    jobs = [each["job"] for each in models if each["serves"] and each["job"]]
    return [pipeline.reports.job(job, 1)["recipe"].get("base_model", "") for job in jobs]


def _disk(pipeline: Pipeline) -> DiskShown | None:
    if pipeline.state_dir is None:
        return None
    usage = shutil.disk_usage(pipeline.state_dir)
    return DiskShown(free=usage.free, total=usage.total)
