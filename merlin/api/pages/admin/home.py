"""What needs somebody first, then what answers, is trained, and what commits led to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import day_of_year, stored_text
from merlin.api.pages.page import PageRequest, Watching, render_page
from merlin.app import jobs, models, verdicts
from merlin.app.health import health
from merlin.app.jobs import JobView
from merlin.app.status import datasets_by_name
from merlin.app.verdicts import VerdictView
from merlin.core.permissions import Permission
from merlin.training.jobs import JobState

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


@router.get("/admin")
async def show_home(visit: Watching) -> Response:
    """Return how the pipeline stands."""
    recent_jobs = await visit.read(jobs.recent, limit=_JOBS)
    recent_verdicts = await visit.read(verdicts.recent, limit=_VERDICTS)
    cares = [
        *await _of_health(visit),
        *_of_jobs(visit, recent_jobs),
        *_of_verdicts(visit, recent_verdicts),
    ]
    view = {
        "cares": sorted(cares, key=lambda care: care.style),
        "datasets": await visit.read(datasets_by_name),
        "models": await visit.read(models.recent, limit=_MODELS),
        "running": [each for each in recent_jobs if not each.is_over],
        "verdicts": recent_verdicts,
    }
    return render_page(visit, "admin_home.html", view)


async def _of_health(visit: PageRequest) -> list[Care]:
    """Return processes that are silent and bases that go dark, for those who may look there."""
    if not visit.may(Permission.USERS):
        return []
    told = await visit.read(health, 0)
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
    for job in {each.dataset: each for each in reversed(found)}.values():
        if job.state is JobState.FAILED:
            title = visit.say("job-failed", job=job.title)
            yield Care("bad", "error", title, job.error, f"/admin/jobs/{job.id}")


def _of_verdicts(visit: PageRequest, found: Sequence[VerdictView]) -> Iterator[Care]:
    """Yield the newest verdict of each dataset, where it was rejected, waits or was stopped."""
    looks = {"rejected": ("bad", "commit"), "held": ("warn", "clock"), "gated": ("warn", "model")}
    for told in {each.dataset: each for each in reversed(found)}.values():
        if told.shown_word in looks:
            key, commit = f"commit-{told.shown_word}", told.commit[:7]
            title = visit.say(key, commit=commit, dataset=told.dataset)
            about = stored_text(visit, told.reason, told.arguments)
            href = f"/admin/verdicts?commit={told.commit}"
            yield Care(*looks[told.shown_word], title, about, href)
