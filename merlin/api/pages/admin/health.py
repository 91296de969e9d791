"""Health: who is alive, what waits and how long, what failed, money, sunsets, disk, alarms."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.answering import shown
from merlin.api.pages.doing import call
from merlin.api.pages.frame import Link
from merlin.api.pages.room import Keeping
from merlin.api.pages.telling import day_of_year, money, span, when, whole, word
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.routes.office import (
    DiskShown,
    HealthShown,
    ProcessShown,
    QueueShown,
    SpentShown,
    show_health,
)
from merlin.core.heartbeat import step_words
from merlin.core.number import number
from merlin.core.web.answering import NEVER_KEPT
from merlin.core.web.chip import Chip

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
    chip: Chip
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
    told = await show_health(await call(visit), visit.caller)
    return shown(visit, "admin_health.html", v=_view(visit, told), keep=NEVER_KEPT)


def _view(visit: Visit, told: HealthShown) -> HealthView:
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


def _process(visit: Visit, told: ProcessShown) -> Process:
    now = visit.services.clock()
    if told.alive:
        state = Chip("ok", "check", visit.say("alive"))
        step = step_words(visit.language, told.step)
        about = visit.say("up-for", step=step, time=span(visit, now - told.since))
    else:
        state = Chip("bad", "warn", visit.say("silent-now"))
        about = visit.say("silent-for", time=span(visit, now - told.at))
    return Process(told.process, told.host, state, about)


def _queue(visit: Visit, told: QueueShown) -> Queue:
    name = word(visit, "health-queue", told.name)
    if told.oldest is None:
        return Queue(name, whole(visit, told.waiting), "", is_late=False)
    age = visit.services.clock() - told.oldest
    is_late = age.total_seconds() > _LATE_S
    return Queue(name, whole(visit, told.waiting), span(visit, age), is_late)


def _spent(visit: Visit, told: SpentShown) -> Spent:
    spent = money(visit, told.spent_micro, told.currency)
    if told.cap_micro is None:
        return Spent(told.provider, spent, None)
    cap = money(visit, told.cap_micro, told.currency)
    share = (
        min(round(_FULL * told.spent_micro / told.cap_micro), _FULL) if told.cap_micro else _FULL
    )
    return Spent(told.provider, visit.say("spent-of", spent=spent, cap=cap), share)


def _disk(visit: Visit, told: DiskShown | None) -> tuple[str, int]:
    if told is None:
        return "", 0
    free = number(visit.language, told.free / _GIB, 1)
    total = number(visit.language, told.total / _GIB, 0)
    used = round(_FULL * (told.total - told.free) / told.total) if told.total else 0
    return visit.say("disk-free", free=free, total=total), used
