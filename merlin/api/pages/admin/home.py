"""Home: what needs somebody first, then what answers, what is trained, what commits led to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from merlin.account.role import Permission
from merlin.api.office.shown import JobShown, VerdictShown
from merlin.api.pages.admin.jobs import JobRow, job_row
from merlin.api.pages.admin.models import ServingCard, serving_cards
from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.admin.verdicts import VerdictRow, verdict_row
from merlin.api.pages.answering import shown
from merlin.api.pages.doing import call
from merlin.api.pages.frame import Link
from merlin.api.pages.room import Watching
from merlin.api.pages.telling import day_of_year
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.paging import Page
from merlin.api.routes import jobs as job_routes
from merlin.api.routes import models as model_routes
from merlin.api.routes import office as office_routes
from merlin.api.routes import verdicts as verdict_routes
from merlin.build.verdict import Word
from merlin.job.lifecycle import FINAL, JobState

router = APIRouter(route_class=PageRoute, include_in_schema=False)

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
    jobs = await job_routes.list_jobs(await call(visit), Response(), caller, Page(_JOBS))
    models = await model_routes.list_models(await call(visit), Response(), caller, Page(_MODELS))
    verdicts = await verdict_routes.list_verdicts(
        await call(visit), Response(), caller, Page(_VERDICTS)
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
    return shown(visit, "admin_home.html", v=view)


async def _of_health(visit: Visit) -> list[Care]:
    """Return processes that are silent and bases that go dark, for those who may look there."""
    if not visit.caller.may(Permission.USERS):
        return []
    health = await office_routes.show_health(await call(visit), visit.caller)
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


def _of_jobs(visit: Visit, jobs: list[JobShown]) -> Iterator[Care]:
    """Yield the newest job of each dataset, where it failed."""
    newest: dict[str, JobShown] = {}
    for each in jobs:
        newest.setdefault(each.dataset, each)
    for job in newest.values():
        if job.state is JobState.FAILED:
            title = visit.say("job-failed", job=job.build or job.dataset)
            yield Care("bad", "error", title, job.error, f"/admin/jobs/{job.id}")


def _of_verdicts(visit: Visit, verdicts: list[VerdictShown]) -> Iterator[Care]:
    """Yield the newest verdict of each dataset, where it was rejected."""
    newest: dict[str, VerdictShown] = {}
    for each in verdicts:
        newest.setdefault(each.dataset, each)
    for told in newest.values():
        row = verdict_row(visit, told)
        if told.verdict is Word.REJECTED:
            title = visit.say("commit-rejected", commit=row.commit, dataset=told.dataset)
            yield Care("bad", "commit", title, told.reason, row.href)
        elif told.verdict is Word.HELD:
            title = visit.say("commit-held", commit=row.commit, dataset=told.dataset)
            yield Care("warn", "clock", title, told.reason, row.href)
