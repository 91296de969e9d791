"""What needs somebody first, then what answers, is trained, and what commits led to; health.

Health tells who is alive, what waits and how long, what failed, money, sunsets, disk, alarms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.actions import as_api_request
from merlin.api.pages.admin.builds import VerdictRow, verdict_row
from merlin.api.pages.admin.jobs import JobRow, job_row
from merlin.api.pages.admin.models import ServingCard, serving_cards
from merlin.api.pages.admin.page import rooms
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    Keeping,
    Link,
    PageRequest,
    Watching,
    day_of_year,
    money,
    render_page,
    span,
    when,
    whole,
    word,
)
from merlin.api.rest import datasets as verdict_routes
from merlin.api.rest import health as office_routes
from merlin.api.rest import jobs as job_routes
from merlin.api.rest import models as model_routes
from merlin.api.rest.health import (
    DiskShown,
    HealthShown,
    ProcessShown,
    QueueShown,
    SpentShown,
    show_health,
)
from merlin.api.rest.views import JobShown, VerdictShown
from merlin.api.schema import Page
from merlin.core.heartbeat import describe_step
from merlin.core.i18n import format_number
from merlin.core.permissions import Permission
from merlin.core.web.assets import NEVER_KEPT
from merlin.core.web.templates import Badge
from merlin.dataset.verdicts import VerdictStatus
from merlin.training.jobs import FINAL, JobState

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_GIB = 2**30
_FULL = 100
# A queue whose oldest entry waits that long is told by colour, too.
_LATE_S = 300


@dataclass(frozen=True, slots=True)
class Process:
    """One process."""

    name: str
    host: str
    chip: Badge
    about: str


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue; `age` is how long its oldest entry waits, "" where nothing does."""

    name: str
    waiting: str
    age: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """What a provider's jobs may have cost this month; `share` of the cap, None without one."""

    provider: str
    said: str
    share: int | None


@dataclass(frozen=True, slots=True)
class HealthView:
    """The page."""

    rooms: tuple[Link, ...]
    processes: tuple[Process, ...]
    queues: tuple[Queue, ...]
    failures: tuple[tuple[str, str], ...]
    budget: tuple[Spent, ...]
    sunsets: tuple[tuple[str, str, str], ...]
    disk: str
    disk_share: int
    alarms: tuple[tuple[str, str], ...]


@router.get("/admin/health")
async def show(visit: Keeping) -> Response:
    """Return how Merlin does."""
    told = await show_health(await as_api_request(visit), visit.caller)
    return render_page(visit, "admin_health.html", v=_view(visit, told), keep=NEVER_KEPT)


def _view(visit: PageRequest, told: HealthShown) -> HealthView:
    disk, share = _disk(visit, told.disk)
    return HealthView(
        rooms=rooms(visit),
        processes=tuple(_process(visit, each) for each in told.processes),
        queues=tuple(_queue(visit, each) for each in told.queues),
        failures=tuple(
            (visit.say(f"failed-{name}"), whole(visit, count))
            for name, count in told.failures.items()
        ),
        budget=tuple(_spent(visit, each) for each in told.budget),
        sunsets=tuple(
            (
                each.model,
                each.used_for,
                visit.say("goes-dark", day=day_of_year(visit, each.ends), count=each.days_left),
            )
            for each in told.sunsets
        ),
        disk=disk,
        disk_share=share,
        alarms=tuple((when(visit, each.at), each.text) for each in told.alarms),
    )


def _process(visit: PageRequest, told: ProcessShown) -> Process:
    now = visit.services.clock()
    if told.alive:
        state = Badge("ok", "check", visit.say("alive"))
        step = describe_step(visit.language, told.step)
        about = visit.say("up-for", step=step, time=span(visit, now - told.since))
    else:
        state = Badge("bad", "warn", visit.say("silent-now"))
        about = visit.say("silent-for", time=span(visit, now - told.at))
    return Process(told.process, told.host, state, about)


def _queue(visit: PageRequest, told: QueueShown) -> Queue:
    name = word(visit, "health-queue", told.name)
    if told.oldest is None:
        return Queue(name, whole(visit, told.waiting), "", is_late=False)
    age = visit.services.clock() - told.oldest
    is_late = age.total_seconds() > _LATE_S
    return Queue(name, whole(visit, told.waiting), span(visit, age), is_late)


def _spent(visit: PageRequest, told: SpentShown) -> Spent:
    spent = money(visit, told.spent_micro, told.currency)
    if told.cap_micro is None:
        return Spent(told.provider, spent, None)
    cap = money(visit, told.cap_micro, told.currency)
    share = (
        min(round(_FULL * told.spent_micro / told.cap_micro), _FULL) if told.cap_micro else _FULL
    )
    return Spent(told.provider, visit.say("spent-of", spent=spent, cap=cap), share)


def _disk(visit: PageRequest, told: DiskShown | None) -> tuple[str, int]:
    if told is None:
        return "", 0
    free = format_number(visit.language, told.free / _GIB, 1)
    total = format_number(visit.language, told.total / _GIB, 0)
    used = round(_FULL * (told.total - told.free) / told.total) if told.total else 0
    return visit.say("disk-free", free=free, total=total), used


_JOBS, _VERDICTS, _MODELS = 20, 8, 100
# That many days before a base model goes dark it is time to choose another one.
_SOON_DAYS = 60


@dataclass(frozen=True, slots=True)
class Care:
    """One thing that needs somebody; `style` is bad or warn."""

    style: str
    icon: str
    title: str
    about: str
    href: str


@dataclass(frozen=True, slots=True)
class HomeView:
    """The page."""

    rooms: tuple[Link, ...]
    cares: tuple[Care, ...]
    serving: tuple[ServingCard, ...]
    running: tuple[JobRow, ...]
    verdicts: tuple[VerdictRow, ...]


@router.get("/admin")
async def show_home(visit: Watching) -> Response:
    """Return how the pipeline stands."""
    caller = visit.caller
    jobs = await job_routes.list_jobs(await as_api_request(visit), Response(), caller, Page(_JOBS))
    models = await model_routes.list_models(
        await as_api_request(visit), Response(), caller, Page(_MODELS)
    )
    verdicts = await verdict_routes.list_verdicts(
        await as_api_request(visit), Response(), caller, Page(_VERDICTS)
    )
    cares = [
        *await _of_health(visit),
        *_of_jobs(visit, jobs.jobs),
        *_of_verdicts(visit, verdicts.verdicts),
    ]
    view = HomeView(
        rooms=rooms(visit),
        cares=tuple(sorted(cares, key=lambda care: care.style)),
        serving=tuple(each for each in await serving_cards(visit, "", models.models) if each.build),
        running=tuple(job_row(visit, each) for each in jobs.jobs if each.state not in FINAL),
        verdicts=tuple(verdict_row(visit, each) for each in verdicts.verdicts),
    )
    return render_page(visit, "admin_home.html", v=view)


async def _of_health(visit: PageRequest) -> list[Care]:
    """Return processes that are silent and bases that go dark, for those who may look there."""
    if not visit.caller.may(Permission.USERS):
        return []
    health = await office_routes.show_health(await as_api_request(visit), visit.caller)
    cares = [
        Care("bad", "warn", visit.say("silent", process=each.process), each.host, "/admin/health")
        for each in health.processes
        if not each.alive
    ]
    for each in health.sunsets:
        if each.days_left <= _SOON_DAYS:
            title = visit.say("sunset-soon", model=each.model, count=each.days_left)
            about = f"{each.used_for} · {day_of_year(visit, each.ends)}"
            cares.append(Care("warn", "clock", title, about, "/admin/health"))
    return cares


def _of_jobs(visit: PageRequest, jobs: list[JobShown]) -> Iterator[Care]:
    """Yield the newest job of each dataset, where it failed."""
    newest: dict[str, JobShown] = {}
    for each in jobs:
        newest.setdefault(each.dataset, each)
    for job in newest.values():
        if job.state is JobState.FAILED:
            title = visit.say("job-failed", job=job.build or job.dataset)
            yield Care("bad", "error", title, job.error, f"/admin/jobs/{job.id}")


def _of_verdicts(visit: PageRequest, verdicts: list[VerdictShown]) -> Iterator[Care]:
    """Yield the newest verdict of each dataset, where it was rejected."""
    newest: dict[str, VerdictShown] = {}
    for each in verdicts:
        newest.setdefault(each.dataset, each)
    for told in newest.values():
        row = verdict_row(visit, told)
        if told.verdict is VerdictStatus.REJECTED:
            title = visit.say("commit-rejected", commit=row.commit, dataset=told.dataset)
            yield Care("bad", "commit", title, told.reason, row.href)
        elif told.verdict is VerdictStatus.HELD:
            title = visit.say("commit-held", commit=row.commit, dataset=told.dataset)
            yield Care("warn", "clock", title, told.reason, row.href)
