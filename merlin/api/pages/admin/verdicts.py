"""Verdicts: what each commit led to, why, and its way to the model that answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.office.shown import JobDetails, ModelShown, VerdictShown
from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.answering import shown
from merlin.api.pages.chip import chip
from merlin.api.pages.doing import call
from merlin.api.pages.frame import Link
from merlin.api.pages.listing import listed
from merlin.api.pages.room import Watching
from merlin.api.pages.teach.proof import FindingView, findings_of
from merlin.api.pages.telling import money, when
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.paging import Page, page_of
from merlin.api.problems import Problem
from merlin.api.routes import jobs as job_routes
from merlin.api.routes import models as model_routes
from merlin.api.routes import verdicts as routes
from merlin.api.shape import DatasetName
from merlin.core.number import number
from merlin.core.web.chip import Chip

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Commit = Annotated[str, Query(pattern="^([0-9a-f]{4,64})?$")]
_LETTERS = 7


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict; `commit` as short as people read it."""

    href: str
    commit: str
    subject: str
    about: str
    chip: Chip
    reason: str
    at: str
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a commit's way; `style` is now, todo or "" for one that is behind."""

    icon: str
    title: str
    about: str
    href: str
    style: str


@dataclass(frozen=True, slots=True)
class Way:
    """A verdict with all its steps."""

    row: VerdictRow
    dataset: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class VerdictsView:
    """The list, or with `commit` what this one led to, dataset by dataset."""

    rooms: tuple[Link, ...]
    commit: str
    rows: tuple[VerdictRow, ...]
    ways: tuple[Way, ...]
    next_href: str


@router.get("/admin/verdicts")
async def show_verdicts(
    visit: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    commit: Commit = "",
) -> Response:
    """Return the verdicts; of one commit with every step to the model that answers."""

    async def read(request: Request, response: Response) -> list[VerdictShown]:
        told = await routes.list_verdicts(request, response, visit.caller, page, dataset, commit)
        return told.verdicts

    found = await listed(visit, read)
    ways = [await _way(visit, each) for each in found.rows] if commit else []
    view = VerdictsView(
        rooms=rooms(visit),
        commit=commit[:_LETTERS],
        rows=() if commit else tuple(verdict_row(visit, each) for each in found.rows),
        ways=tuple(ways),
        next_href=found.next_href,
    )
    return shown(visit, "admin_verdicts.html", v=view)


def verdict_row(visit: Visit, told: VerdictShown) -> VerdictRow:
    """Return a verdict as a list shows it."""
    return VerdictRow(
        href=f"/admin/verdicts?commit={told.commit}",
        commit=told.commit[:_LETTERS],
        subject=told.subject,
        about=f"{told.author} · {told.dataset}",
        chip=chip(visit, "word", "served" if told.served_until else told.verdict),
        reason=told.reason,
        at=when(visit, told.committed_at),
        findings=findings_of(visit, [each.model_dump(mode="json") for each in told.findings]),
    )


async def _way(visit: Visit, told: VerdictShown) -> Way:
    row = verdict_row(visit, told)
    job = await _job(visit, told.job) if told.job else None
    model = await _model(visit, told, job) if job and job.model else None
    return Way(row, told.dataset, tuple(_steps(visit, row, told, job, model)))


async def _job(visit: Visit, job_id: int) -> JobDetails | None:
    try:
        return await job_routes.show_job(await call(visit), visit.caller, job_id)
    except Problem:
        return None


async def _model(visit: Visit, told: VerdictShown, job: JobDetails) -> ModelShown | None:
    models = await model_routes.list_models(
        await call(visit), Response(), visit.caller, Page(100), told.dataset
    )
    return _named(models.models, job.model)


def _named(models: Sequence[ModelShown], name: str | None) -> ModelShown | None:
    return next((each for each in models if each.model == name), None)


def _steps(
    visit: Visit,
    row: VerdictRow,
    told: VerdictShown,
    job: JobDetails | None,
    model: ModelShown | None,
) -> Iterator[Step]:
    """Yield commit, build, job, model and what answers; what is still to come is `todo`."""
    serves = model is not None and model.serves
    known = [True, told.build is not None, job is not None, model is not None, serves]
    last = max(place for place, is_there in enumerate(known) if is_there)
    styles = [
        "now" if place == last else "" if there else "todo" for place, there in enumerate(known)
    ]
    commit = f"{told.author} · {told.subject}"
    yield Step("commit", visit.say("commit", commit=row.commit), commit, "", styles[0])
    title = visit.say("build-of", build=told.build) if told.build else visit.say("no-build")
    href = f"/admin/builds/{told.build}" if told.build else ""
    yield Step("build", title, row.reason, href, styles[1])
    yield _job_step(visit, job, styles[2])
    yield _model_step(visit, model, styles[3])
    words = visit.say("step-serves" if serves else "step-serves-not")
    yield Step("serve", words, "", "/admin/models", styles[4])


def _job_step(visit: Visit, job: JobDetails | None, style: str) -> Step:
    if job is None:
        return Step("run", visit.say("no-job"), "", "", style)
    state = chip(visit, "job", job.state).words
    base = str(job.recipe.get("base_model", job.provider))
    about = f"{base} · {state} · {money(visit, job.estimate_micro, job.currency)}"
    return Step(
        "run", visit.say("job-number", job=str(job.id)), about, f"/admin/jobs/{job.id}", style
    )


def _model_step(visit: Visit, model: ModelShown | None, style: str) -> Step:
    if model is None:
        return Step("model", visit.say("no-model"), "", "", style)
    scores = model.evaluation
    about = chip(visit, "model", "serves" if model.serves else model.state.value).words
    if scores is not None and scores.chrf is not None:
        score = visit.say("score-of", score=number(visit.language, scores.chrf, 1))
        about = f"{about} · {score}"
    return Step("model", visit.say("model-of", model=model.build or model.model), about, "", style)
