"""Jobs: what is trained now and what was; one job with its curve and its events.

Training is begun by hand after a look at its price. While a job runs, a script asks for its state
once a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.actions import REFUSALS, Mark, as_api_request, refusal_text
from merlin.api.pages.admin.page import (
    Asked,
    AskedView,
    Progress,
    ask,
    asked_view,
    progress_of,
    rooms,
)
from merlin.api.pages.components import Listed, listed
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    Launching,
    Link,
    PageRequest,
    Watching,
    badge,
    money,
    render_fragment,
    render_page,
    when,
    whole,
)
from merlin.api.rest import datasets as dataset_routes
from merlin.api.rest import jobs as job_routes
from merlin.api.rest.jobs import picture_of, points
from merlin.api.rest.views import JobDetails, JobShown
from merlin.api.schema import DatasetName, Id, Page, page_of
from merlin.core.charts import ChartLabels, Curve, plot_curve
from merlin.core.i18n import format_number
from merlin.core.permissions import Permission
from merlin.core.web.assets import NEVER_KEPT
from merlin.core.web.templates import Badge
from merlin.training.jobs import FINAL

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class LossRow:
    """One step in the table below the curve; "" where nothing was measured."""

    step: str
    train: str
    test: str


@dataclass(frozen=True, slots=True)
class DiaryLine:
    """One line of the diary."""

    at: str
    words: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class LiveView:
    """What changes while a job runs; `href` asks for it again, "" once the job is over.

    `share` is per cent, None where nobody knows; `told` says the figures of the curve;
    `again_href` leads to another try.
    """

    job_id: int
    title: str
    href: str
    seen: str
    chip: Badge
    about: str
    share: int | None
    error: str
    again_href: str
    curve: Curve | None
    told: str
    rows: tuple[LossRow, ...]
    diary: tuple[DiaryLine, ...]
    said: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job's page."""

    rooms: tuple[Link, ...]
    asked: AskedView | None
    live: LiveView
    facts: tuple[tuple[str, str], ...]
    model: Link | None
    build: Link | None
    may_cancel: bool


@router.get("/admin/jobs/{job_id}")
async def show_job(visit: Watching, job_id: Id, asked: Asked = 0) -> Response:
    """Return a job's page."""
    job = await job_routes.show_job(await as_api_request(visit), visit.caller, job_id)
    view = JobView(
        rooms=rooms(visit),
        asked=await asked_view(visit, asked),
        live=_live(visit, job),
        facts=_facts(visit, job),
        model=Link(f"/admin/models?dataset={job.dataset}", job.model) if job.model else None,
        build=Link(f"/admin/builds/{job.build}", job.build) if job.build else None,
        may_cancel=job.state not in FINAL and visit.caller.may(Permission.LAUNCH, job.dataset),
    )
    return render_page(visit, "admin_job.html", v=view)


@router.get("/admin/jobs/{job_id}/live")
async def show_live(
    visit: Watching, job_id: Id, seen: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Return what changed of a job since `seen`; nothing where nothing did."""
    job = await job_routes.show_job(await as_api_request(visit), visit.caller, job_id)
    view = _live(visit, job)
    if view.seen == seen:
        return Response(status_code=204)
    was = seen.partition(".")[0]
    return render_fragment(visit, "admin_job_live.html", v=view, is_news=was != job.state.value)


@router.get("/admin/jobs/{job_id}/loss.png")
async def show_picture(visit: Watching, job_id: Id, theme: str = "") -> Response:
    """Return a job's losses as a picture, in the light of the pages or the one asked for."""
    job = await job_routes.show_job(await as_api_request(visit), visit.caller, job_id)
    is_dark = (theme or visit.theme) == "dark"
    content = await picture_of(visit.request, job, visit.language, is_dark=is_dark)
    return Response(content, media_type="image/png", headers={"Cache-Control": NEVER_KEPT})


@router.post("/admin/jobs/{job_id}/cancel")
async def cancel_job(visit: Launching, job_id: Id, once: Mark) -> Response:
    """Ask the daemon to stop a job."""

    async def deed(request: Request) -> Response:
        return await job_routes.cancel_job(request, visit.caller, job_id)

    return await ask(visit, once, deed, f"/admin/jobs/{job_id}")


def _live(visit: PageRequest, job: JobDetails) -> LiveView:
    how_far, state = progress_of(job), badge(visit, "job", job.state)
    train, test = job.losses.train, job.losses.test
    words = ChartLabels(visit.say("loss-train"), visit.say("loss-test"), visit.language)
    is_over = job.state in FINAL
    seen = f"{job.state.value}.{len(job.events)}.{len(train)}.{len(test)}.{job.updated_at:%H%M%S}"
    return LiveView(
        job_id=job.id,
        title=job.build or job.dataset,
        href="" if is_over else f"/admin/jobs/{job.id}/live?seen={seen}",
        seen=seen,
        chip=state,
        about=_about(visit, job, how_far),
        share=None if is_over else how_far.share,
        error=job.error,
        again_href=_again(visit, job) if job.error and is_over else "",
        curve=plot_curve(points(train), points(test), 0 if is_over else how_far.steps, words),
        told=_told(visit, job),
        rows=_rows(visit, job),
        diary=_diary(visit, job),
        said=visit.say("job-now", state=state.words),
    )


def _again(visit: PageRequest, job: JobDetails) -> str:
    """Return where to ask what another try would cost, "" for who may not launch it."""
    may_launch = visit.caller.may(Permission.LAUNCH, job.dataset)
    return f"/admin/jobs?launch={job.dataset}#launch" if may_launch else ""


def _about(visit: PageRequest, job: JobDetails, how_far: Progress) -> str:
    said = [str(job.recipe.get("base_model", "")), job.provider]
    if how_far.epoch and job.state not in FINAL:
        epoch = format_number(visit.language, how_far.epoch, 0)
        of = format_number(visit.language, how_far.epochs, 0)
        key = "epoch-of" if how_far.epochs else "epoch"
        said.append(visit.say(key, epoch=epoch, epochs=of))
    said.append(money(visit, job.estimate_micro, job.currency))
    return " · ".join(each for each in dict.fromkeys(said) if each)


def _told(visit: PageRequest, job: JobDetails) -> str:
    """Return the curve in words: from where to where each line went."""
    said = []
    for name, series in (("train", job.losses.train), ("test", job.losses.test)):
        if series:
            first, last = series[0], series[-1]
            ends = {
                "first": format_number(visit.language, first.loss),
                "last": format_number(visit.language, last.loss),
                "step": format_number(visit.language, last.step, 0),
            }
            said.append(visit.say(f"curve-{name}", **ends))
    return " ".join(said)


def _rows(visit: PageRequest, job: JobDetails) -> tuple[LossRow, ...]:
    train = {each.step: each.loss for each in job.losses.train}
    test = {each.step: each.loss for each in job.losses.test}

    def told(series: dict[float, float], step: float) -> str:
        return format_number(visit.language, series[step], 3) if step in series else ""

    steps = sorted(train.keys() | test.keys())[-MOST_LINES:]
    return tuple(
        LossRow(f"{step:g}", told(train, step), told(test, step)) for step in reversed(steps)
    )


def _diary(visit: PageRequest, job: JobDetails) -> tuple[DiaryLine, ...]:
    return tuple(
        DiaryLine(when(visit, each.at), each.message, each.level == "error")
        for each in reversed(job.events[-MOST_LINES:])
    )


def _facts(visit: PageRequest, job: JobDetails) -> tuple[tuple[str, str], ...]:
    facts = [
        (visit.say("began"), when(visit, job.created_at)),
        (visit.say("news"), when(visit, job.updated_at)),
        (visit.say("attempt"), str(job.attempt)),
        (visit.say("estimate"), money(visit, job.estimate_micro, job.currency)),
    ]
    if job.trained_tokens is not None:
        facts.append((visit.say("trained-tokens"), whole(visit, job.trained_tokens)))
    if job.provider_job:
        facts.append((visit.say("at-provider"), job.provider_job))
    if job.status:
        facts.append((visit.say("its-word"), job.status))
    return tuple(facts)


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job in the list."""

    href: str
    title: str
    about: str
    chip: Badge
    error: str
    at: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class QuoteView:
    """What training would cost; `refusal`: why it may not begin, "" where it may."""

    dataset: str
    title: str
    facts: tuple[tuple[str, str], ...]
    price: str
    refusal: str


@dataclass(frozen=True, slots=True)
class JobsView:
    """The list; `datasets` are those that may be trained by hand."""

    rooms: tuple[Link, ...]
    asked: AskedView | None
    running: tuple[JobRow, ...]
    over: tuple[JobRow, ...]
    next_href: str
    datasets: tuple[str, ...]
    dataset: str
    chosen: str
    quote: QuoteView | None
    wrong: str


@router.get("/admin/jobs")
async def show_jobs(
    visit: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    launch: DatasetName = "",
    asked: Asked = 0,
) -> Response:
    """Return the jobs; `launch` names the dataset whose price is wanted."""
    found = await _listed(visit, page, dataset)
    quote, wrong = await _quote(visit, launch)
    view = JobsView(
        rooms=rooms(visit),
        asked=await asked_view(visit, asked),
        running=tuple(job_row(visit, each) for each in found.rows if each.state not in FINAL),
        over=tuple(job_row(visit, each) for each in found.rows if each.state in FINAL),
        next_href=found.next_href,
        datasets=await _launchable(visit),
        dataset=dataset,
        chosen=launch,
        quote=quote,
        wrong=wrong,
    )
    return render_page(visit, "admin_jobs.html", v=view)


@router.post("/admin/jobs")
async def launch_job(
    visit: Launching, once: Mark, dataset: Annotated[str, Form(max_length=200)]
) -> Response:
    """Ask the daemon to train the newest build of a dataset."""

    async def deed(request: Request) -> Response:
        body = job_routes.Launch(dataset=dataset)
        return await job_routes.launch_job(request, visit.caller, body)

    return await ask(visit, once, deed, "/admin/jobs")


async def _listed(visit: PageRequest, page: Page, dataset: str) -> Listed[JobShown]:
    async def read(request: Request, response: Response) -> list[JobShown]:
        told = await job_routes.list_jobs(request, response, visit.caller, page, dataset)
        return told.jobs

    return await listed(visit, read)


def job_row(visit: PageRequest, job: JobShown) -> JobRow:
    """Return a job as a list shows it."""
    said = [str(job.recipe.get("base_model", job.provider)), job.provider]
    if job.estimate_micro:
        said.append(money(visit, job.estimate_micro, job.currency))
    return JobRow(
        href=f"/admin/jobs/{job.id}",
        title=job.build or job.dataset,
        about=" · ".join(dict.fromkeys(said)),
        chip=badge(visit, "job", job.state),
        error=job.error,
        at=when(visit, job.updated_at),
        is_over=job.state in FINAL,
    )


async def _launchable(visit: PageRequest) -> tuple[str, ...]:
    """Return the datasets that have a build and that the person may train."""
    caller = visit.caller
    if not caller.may(Permission.LAUNCH):
        return ()
    told = await dataset_routes.list_datasets(await as_api_request(visit), caller)
    return tuple(
        each.name
        for each in told.datasets
        if caller.may(Permission.LAUNCH, each.name) and each.verdict and each.verdict.build
    )


async def _quote(visit: PageRequest, dataset: str) -> tuple[QuoteView | None, str]:
    """Return what training would cost, or why nobody can say it."""
    if not dataset or not visit.caller.may(Permission.LAUNCH, dataset):
        return None, ""
    try:
        told = await dataset_routes.quote_launch(await as_api_request(visit), visit.caller, dataset)
    except REFUSALS as error:
        return None, refusal_text(visit, error)
    return quote_view(visit, told), ""


def quote_view(visit: PageRequest, told: dataset_routes.QuoteShown) -> QuoteView:
    """Return a price as it is shown before training."""
    price = visit.say("price-unknown")
    if told.cost_micro is not None:
        price = money(visit, told.cost_micro, told.currency)
    spent = money(visit, told.spent_micro, told.currency)
    if told.cap_micro is not None:
        cap = money(visit, told.cap_micro, told.currency)
        spent = visit.say("spent-of", spent=spent, cap=cap)
    examples = visit.say("examples-count", count=told.examples)
    facts = (
        (visit.say("base"), f"{told.base_model} · {told.provider}"),
        (visit.say("taught"), examples),
        (visit.say("epochs"), whole(visit, told.epochs)),
        (visit.say("price"), price),
        (visit.say("spent-month"), spent),
    )
    return QuoteView(told.dataset, told.build, facts, price, told.refusal)
