"""Jobs: what is trained now, what was, and training begun by hand after a look at its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.role import Permission
from merlin.api.office.shown import JobShown
from merlin.api.pages.admin.rooms import Asked, AskedView, ask, asked_view, rooms
from merlin.api.pages.answering import shown
from merlin.api.pages.chip import chip
from merlin.api.pages.doing import REFUSALS, Mark, call, why
from merlin.api.pages.frame import Link
from merlin.api.pages.listing import Listed, listed
from merlin.api.pages.room import Launching, Watching
from merlin.api.pages.telling import money, when, whole
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.paging import Page, page_of
from merlin.api.routes import datasets as dataset_routes
from merlin.api.routes import jobs as job_routes
from merlin.api.shape import DatasetName
from merlin.core.web.chip import Chip
from merlin.job.lifecycle import FINAL

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job in the list."""

    href: str
    title: str
    about: str
    chip: Chip
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
    return shown(visit, "admin_jobs.html", v=view)


@router.post("/admin/jobs")
async def launch_job(
    visit: Launching, once: Mark, dataset: Annotated[str, Form(max_length=200)]
) -> Response:
    """Ask the daemon to train the newest build of a dataset."""

    async def deed(request: Request) -> Response:
        body = job_routes.Launch(dataset=dataset)
        return await job_routes.launch_job(request, visit.caller, body)

    return await ask(visit, once, deed, "/admin/jobs")


async def _listed(visit: Visit, page: Page, dataset: str) -> Listed[JobShown]:
    async def read(request: Request, response: Response) -> list[JobShown]:
        told = await job_routes.list_jobs(request, response, visit.caller, page, dataset)
        return told.jobs

    return await listed(visit, read)


def job_row(visit: Visit, job: JobShown) -> JobRow:
    """Return a job as a list shows it."""
    said = [str(job.recipe.get("base_model", job.provider)), job.provider]
    if job.estimate_micro:
        said.append(money(visit, job.estimate_micro, job.currency))
    return JobRow(
        href=f"/admin/jobs/{job.id}",
        title=job.build or job.dataset,
        about=" · ".join(dict.fromkeys(said)),
        chip=chip(visit, "job", job.state),
        error=job.error,
        at=when(visit, job.updated_at),
        is_over=job.state in FINAL,
    )


async def _launchable(visit: Visit) -> tuple[str, ...]:
    """Return the datasets that have a build and that the person may train."""
    caller = visit.caller
    if not caller.may(Permission.LAUNCH):
        return ()
    told = await dataset_routes.list_datasets(await call(visit), caller)
    return tuple(
        each.name
        for each in told.datasets
        if caller.may(Permission.LAUNCH, each.name) and each.verdict and each.verdict.build
    )


async def _quote(visit: Visit, dataset: str) -> tuple[QuoteView | None, str]:
    """Return what training would cost, or why nobody can say it."""
    if not dataset or not visit.caller.may(Permission.LAUNCH, dataset):
        return None, ""
    try:
        told = await dataset_routes.quote_launch(await call(visit), visit.caller, dataset)
    except REFUSALS as error:
        return None, why(visit, error)
    return quote_view(visit, told), ""


def quote_view(visit: Visit, told: dataset_routes.QuoteShown) -> QuoteView:
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
