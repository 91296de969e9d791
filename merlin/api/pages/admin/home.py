"""What needs somebody first, then what answers, is trained, and what commits led to; health.

Health tells who is alive, what waits and how long, what failed, money, sunsets, disk, alarms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.admin.builds import verdict_row
from merlin.api.pages.admin.models import serving_cards
from merlin.api.pages.admin.page import admin_links
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
    state_text,
    when,
    whole,
)
from merlin.api.rest.views import said
from merlin.app import jobs, models, verdicts
from merlin.app.health import BudgetView, DiskView, HealthView, ProcessView, QueueView, health
from merlin.app.jobs import JobView
from merlin.app.verdicts import VerdictView
from merlin.core.heartbeat import describe_step
from merlin.core.i18n import format_number
from merlin.core.permissions import Permission
from merlin.core.web.assets import NEVER_KEPT
from merlin.core.web.templates import Badge
from merlin.dataset.verdicts import VerdictStatus
from merlin.training.jobs import JobState

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_GIB = 2**30
_ALARMS = 20
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
class HealthPage:
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
    told = await visit.context.read(health, visit.caller.actor, _ALARMS)
    return render_page(visit, "admin_health.html", v=_view(visit, told), keep=NEVER_KEPT)


def _view(visit: PageRequest, told: HealthView) -> HealthPage:
    disk, share = _disk(visit, told.disk)
    return HealthPage(
        rooms=admin_links(visit),
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
        alarms=tuple(
            (when(visit, each.created_at), said(each.key, each.arguments, visit.language))
            for each in told.alarms
        ),
    )


def _process(visit: PageRequest, told: ProcessView) -> Process:
    now = visit.services.clock()
    if told.alive:
        state = Badge("ok", "check", visit.say("alive"))
        step = describe_step(visit.language, told.step)
        about = visit.say("up-for", step=step, time=span(visit, now - told.since))
    else:
        state = Badge("bad", "warn", visit.say("silent-now"))
        about = visit.say("silent-for", time=span(visit, now - told.at))
    return Process(told.process, told.host, state, about)


def _queue(visit: PageRequest, told: QueueView) -> Queue:
    name = state_text(visit, "health-queue", told.name)
    if told.oldest is None:
        return Queue(name, whole(visit, told.waiting), "", is_late=False)
    age = visit.services.clock() - told.oldest
    is_late = age.total_seconds() > _LATE_S
    return Queue(name, whole(visit, told.waiting), span(visit, age), is_late)


def _spent(visit: PageRequest, told: BudgetView) -> Spent:
    spent = money(visit, told.spent_micro, told.currency)
    if told.cap_micro is None:
        return Spent(told.provider, spent, None)
    cap = money(visit, told.cap_micro, told.currency)
    share = (
        min(round(_FULL * told.spent_micro / told.cap_micro), _FULL) if told.cap_micro else _FULL
    )
    return Spent(told.provider, visit.say("spent-of", spent=spent, cap=cap), share)


def _disk(visit: PageRequest, told: DiskView | None) -> tuple[str, int]:
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


@router.get("/admin")
async def show_home(visit: Watching) -> Response:
    """Return how the pipeline stands."""
    ctx, actor = visit.context, visit.caller.actor
    recent_jobs = await ctx.read(jobs.recent, actor, limit=_JOBS)
    recent_verdicts = await ctx.read(verdicts.recent, actor, limit=_VERDICTS)
    found = await ctx.read(models.recent, actor, limit=_MODELS)
    cares = [
        *await _of_health(visit),
        *_of_jobs(visit, recent_jobs),
        *_of_verdicts(visit, recent_verdicts),
    ]
    view = {
        "rooms": admin_links(visit),
        "cares": sorted(cares, key=lambda care: care.style),
        "serving": [each for each in await serving_cards(visit, "", found) if each.build],
        "running": [each for each in recent_jobs if not each.is_over],
        "verdicts": [verdict_row(visit, each) for each in recent_verdicts],
    }
    return render_page(visit, "admin_home.html", v=view)


async def _of_health(visit: PageRequest) -> list[Care]:
    """Return processes that are silent and bases that go dark, for those who may look there."""
    if not visit.caller.may(Permission.USERS):
        return []
    told = await visit.context.read(health, visit.caller.actor, 0)
    cares = [
        Care("bad", "warn", visit.say("silent", process=each.process), each.host, "/admin/health")
        for each in told.processes
        if not each.alive
    ]
    for each in told.sunsets:
        if each.days_left <= _SOON_DAYS:
            title = visit.say("sunset-soon", model=each.model, count=each.days_left)
            about = f"{each.used_for} · {day_of_year(visit, each.ends)}"
            cares.append(Care("warn", "clock", title, about, "/admin/health"))
    return cares


def _of_jobs(visit: PageRequest, found: Sequence[JobView]) -> Iterator[Care]:
    """Yield the newest job of each dataset, where it failed."""
    newest: dict[str, JobView] = {}
    for each in found:
        newest.setdefault(each.dataset, each)
    for job in newest.values():
        if job.state is JobState.FAILED:
            title = visit.say("job-failed", job=job.title)
            yield Care("bad", "error", title, job.error, f"/admin/jobs/{job.id}")


def _of_verdicts(visit: PageRequest, found: Sequence[VerdictView]) -> Iterator[Care]:
    """Yield the newest verdict of each dataset, where it was rejected."""
    newest: dict[str, VerdictView] = {}
    for each in found:
        newest.setdefault(each.dataset, each)
    for told in newest.values():
        row = verdict_row(visit, told)
        if told.verdict is VerdictStatus.REJECTED:
            title = visit.say("commit-rejected", commit=row.commit, dataset=told.dataset)
            yield Care("bad", "commit", title, row.reason, row.href)
        elif told.verdict is VerdictStatus.HELD:
            title = visit.say("commit-held", commit=row.commit, dataset=told.dataset)
            yield Care("warn", "clock", title, row.reason, row.href)
