"""Builds: what each teaches and how it differs from the last; verdicts: what each commit led to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from merlin.api.pages.admin.models import score
from merlin.api.pages.admin.page import admin_links
from merlin.api.pages.components import FindingView, finding_views, next_href
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
from merlin.api.rest.views import said
from merlin.api.schema import DatasetName, Name, Page, page_of, page_part
from merlin.app import builds, jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.app.builds import BuildDetails, BuildView
from merlin.app.context import Context
from merlin.app.jobs import JobDetails
from merlin.app.models import ModelView
from merlin.app.verdicts import VerdictView
from merlin.core.errors import NotFound
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
class BuildPage:
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
    actor = visit.caller.actor
    found, cursor = await page_part(visit.context, actor, page, dataset, builds.recent)
    rows = tuple(_row(visit, each) for each in found)
    view = BuildsView(admin_links(visit), rows, next_href(visit, cursor))
    return render_page(visit, "admin_builds.html", v=view)


@router.get("/admin/builds/{version}")
async def show_build(visit: Watching, version: Name) -> Response:
    """Return a build and what it brought."""
    build = await visit.context.read(builds.get, visit.caller.actor, version)
    before, differences = await _compared(visit, build)
    row = _row(visit, build)
    facts = (
        (visit.say("train-examples"), row.train),
        (visit.say("test-examples"), row.test),
        (visit.say("tokens"), row.tokens),
        (visit.say("made"), row.at),
        ("sha256", row.digest),
    )
    view = BuildPage(
        rooms=admin_links(visit),
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
        actor = visit.caller.actor
        told = await visit.context.read(builds.compare, actor, before, build.version)
    except NotFound:
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


def _row(visit: PageRequest, build: BuildView) -> BuildRow:
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
    act = partial(verdicts.recent, commit=commit)
    found, cursor = await page_part(visit.context, visit.caller.actor, page, dataset, act)
    ways = [await _way(visit, each) for each in found] if commit else []
    view = VerdictsView(
        rooms=admin_links(visit),
        commit=commit[:_LETTERS],
        rows=() if commit else tuple(verdict_row(visit, each) for each in found),
        ways=tuple(ways),
        next_href=next_href(visit, cursor),
    )
    return render_page(visit, "admin_verdicts.html", v=view)


def verdict_row(visit: PageRequest, told: VerdictView) -> VerdictRow:
    """Return a verdict as a list shows it."""
    return VerdictRow(
        href=f"/admin/verdicts?commit={told.commit}",
        commit=told.commit[:_LETTERS],
        subject=told.subject,
        about=f"{told.author} · {told.dataset}",
        chip=badge(visit, "word", "served" if told.served_until else told.verdict),
        reason=said(told.reason, told.arguments, visit.language),
        at=when(visit, told.committed_at),
        findings=finding_views(visit, told.findings),
    )


async def _way(visit: PageRequest, told: VerdictView) -> Way:
    def look(ctx: Context, actor: Actor) -> tuple[JobDetails | None, ModelView | None]:
        job = jobs.get(ctx, actor, told.job) if told.job else None
        try:
            return job, models.of_job(ctx, actor, job.id) if job and job.model else None
        except NotFound:
            return job, None

    row = verdict_row(visit, told)
    job, model = await visit.context.read(look, visit.caller.actor)
    return Way(row, told.dataset, tuple(_steps(visit, row, told, job, model)))


def _steps(
    visit: PageRequest,
    row: VerdictRow,
    told: VerdictView,
    job: JobDetails | None,
    model: ModelView | None,
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
    cost = money(visit, job.estimate_micro, job.currency)
    about = f"{job.base_model or job.provider} · {state} · {cost}"
    return Step(
        "run", visit.say("job-number", job=str(job.id)), about, f"/admin/jobs/{job.id}", style
    )


def _model_step(visit: PageRequest, model: ModelView | None, style: str) -> Step:
    if model is None:
        return Step("model", visit.say("no-model"), "", "", style)
    scores = model.evaluation
    about = badge(visit, "model", "serves" if model.serves else model.state).words
    if scores is not None and scores.chrf is not None:
        about = f"{about} · {score(visit, scores)}"
    return Step("model", visit.say("model-of", model=model.title), about, "", style)
