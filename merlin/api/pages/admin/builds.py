"""Builds: what each teaches and how it differs from the last; verdicts: what each commit led to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.actions import as_api_request
from merlin.api.pages.admin.page import rooms
from merlin.api.pages.components import FindingView, findings_of, listed
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    Link,
    PageRequest,
    Watching,
    badge,
    money,
    render_page,
    when,
    whole,
)
from merlin.api.problems import Problem
from merlin.api.rest import datasets as routes
from merlin.api.rest import jobs as job_routes
from merlin.api.rest import models as model_routes
from merlin.api.rest.views import BuildDetails, BuildShown, JobDetails, ModelShown, VerdictShown
from merlin.api.schema import DatasetName, Name, Page, page_of
from merlin.core.i18n import format_number
from merlin.core.web.templates import Badge

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# More ids than these nobody reads on a page; the api tells them all.
MOST_IDS = 200
_DIGEST = 12


@dataclass(frozen=True, slots=True)
class BuildRow:
    """One build; counts of examples and tokens as they are shown."""

    href: str
    version: str
    train: str
    test: str
    tokens: str
    at: str
    digest: str


@dataclass(frozen=True, slots=True)
class BuildsView:
    """The list."""

    rooms: tuple[Link, ...]
    rows: tuple[BuildRow, ...]
    next_href: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Examples that the build has otherwise than the one before."""

    title: str
    count: str
    ids: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class BuildView:
    """A build; `before` is the version it is compared with, "" for the first one."""

    rooms: tuple[Link, ...]
    version: str
    facts: tuple[tuple[str, str], ...]
    system: str
    before: str
    differences: tuple[Difference, ...]
    examples: tuple[tuple[str, str, str], ...]
    more: int
    jobs_href: str


@router.get("/admin/builds")
async def show_builds(
    visit: Watching, page: Annotated[Page, Depends(page_of)], dataset: DatasetName = ""
) -> Response:
    """Return one part of the builds."""

    async def read(request: Request, response: Response) -> list[BuildShown]:
        told = await routes.list_builds(request, response, visit.caller, page, dataset)
        return told.builds

    found = await listed(visit, read)
    rows = tuple(_row(visit, each) for each in found.rows)
    return render_page(
        visit, "admin_builds.html", v=BuildsView(rooms(visit), rows, found.next_href)
    )


@router.get("/admin/builds/{version}")
async def show_build(visit: Watching, version: Name) -> Response:
    """Return a build and what it brought."""
    build = await routes.show_build(await as_api_request(visit), visit.caller, version)
    before, differences = await _compared(visit, build)
    row = _row(visit, build)
    facts = (
        (visit.say("train-examples"), row.train),
        (visit.say("test-examples"), row.test),
        (visit.say("tokens"), row.tokens),
        (visit.say("made"), row.at),
        ("sha256", row.digest),
    )
    view = BuildView(
        rooms=rooms(visit),
        version=build.version,
        facts=facts,
        system=build.system,
        before=before,
        differences=differences,
        examples=tuple(
            (each.id, visit.say(f"split-{each.split}"), each.author)
            for each in build.examples[:MOST_IDS]
        ),
        more=max(len(build.examples) - MOST_IDS, 0),
        jobs_href=f"/admin/jobs?dataset={build.dataset}",
    )
    return render_page(visit, "admin_build.html", v=view)


async def _compared(visit: PageRequest, build: BuildDetails) -> tuple[str, tuple[Difference, ...]]:
    before = f"{build.dataset}-{build.number - 1}"
    try:
        told = await routes.compare_builds(
            await as_api_request(visit), visit.caller, before, build.version
        )
    except Problem:
        return "", ()
    kinds = {
        "added": told.added,
        "changed": told.changed,
        "removed": told.removed,
        "moved": told.moved,
    }
    return before, tuple(
        Difference(
            visit.say(f"diff-{name}"),
            whole(visit, len(ids)),
            tuple(ids[:MOST_IDS]),
            max(len(ids) - MOST_IDS, 0),
        )
        for name, ids in kinds.items()
        if ids
    )


def _row(visit: PageRequest, build: BuildShown) -> BuildRow:
    return BuildRow(
        href=f"/admin/builds/{build.version}",
        version=build.version,
        train=whole(visit, build.train),
        test=whole(visit, build.test),
        tokens=whole(visit, build.train_tokens + build.test_tokens),
        at=when(visit, build.created_at),
        digest=f"{build.digest[:_DIGEST]}…",
    )


Commit = Annotated[str, Query(pattern="^([0-9a-f]{4,64})?$")]
_LETTERS = 7


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict; `commit` as short as people read it."""

    href: str
    commit: str
    subject: str
    about: str
    chip: Badge
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
    return render_page(visit, "admin_verdicts.html", v=view)


def verdict_row(visit: PageRequest, told: VerdictShown) -> VerdictRow:
    """Return a verdict as a list shows it."""
    return VerdictRow(
        href=f"/admin/verdicts?commit={told.commit}",
        commit=told.commit[:_LETTERS],
        subject=told.subject,
        about=f"{told.author} · {told.dataset}",
        chip=badge(visit, "word", "served" if told.served_until else told.verdict),
        reason=told.reason,
        at=when(visit, told.committed_at),
        findings=findings_of(visit, [each.model_dump(mode="json") for each in told.findings]),
    )


async def _way(visit: PageRequest, told: VerdictShown) -> Way:
    row = verdict_row(visit, told)
    job = await _job(visit, told.job) if told.job else None
    model = await _model(visit, told, job) if job and job.model else None
    return Way(row, told.dataset, tuple(_steps(visit, row, told, job, model)))


async def _job(visit: PageRequest, job_id: int) -> JobDetails | None:
    try:
        return await job_routes.show_job(await as_api_request(visit), visit.caller, job_id)
    except Problem:
        return None


async def _model(visit: PageRequest, told: VerdictShown, job: JobDetails) -> ModelShown | None:
    models = await model_routes.list_models(
        await as_api_request(visit), Response(), visit.caller, Page(100), told.dataset
    )
    return _named(models.models, job.model)


def _named(models: Sequence[ModelShown], name: str | None) -> ModelShown | None:
    return next((each for each in models if each.model == name), None)


def _steps(
    visit: PageRequest,
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


def _job_step(visit: PageRequest, job: JobDetails | None, style: str) -> Step:
    if job is None:
        return Step("run", visit.say("no-job"), "", "", style)
    state = badge(visit, "job", job.state).words
    base = str(job.recipe.get("base_model", job.provider))
    about = f"{base} · {state} · {money(visit, job.estimate_micro, job.currency)}"
    return Step(
        "run", visit.say("job-number", job=str(job.id)), about, f"/admin/jobs/{job.id}", style
    )


def _model_step(visit: PageRequest, model: ModelShown | None, style: str) -> Step:
    if model is None:
        return Step("model", visit.say("no-model"), "", "", style)
    scores = model.evaluation
    about = badge(visit, "model", "serves" if model.serves else model.state.value).words
    if scores is not None and scores.chrf is not None:
        score = visit.say("score-of", score=format_number(visit.language, scores.chrf, 1))
        about = f"{about} · {score}"
    return Step("model", visit.say("model-of", model=model.build or model.model), about, "", style)
