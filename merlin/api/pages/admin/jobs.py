"""Jobs: what is trained now and what was; one job with its curve and its events.

Training is begun by hand after a look at its price. While a job runs, a script asks for its state
once a second. What the admin pages ask of the daemon, and what became of it.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import next_href, number
from merlin.api.pages.page import (
    Launching,
    Mark,
    PageRequest,
    Watching,
    nowhere,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.rest.jobs import RequestAct, failure, picture_of
from merlin.api.schema import DatasetName, Id, Part, part
from merlin.app import jobs, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive
from merlin.app.jobs import JobDetails, QuoteView
from merlin.app.status import status
from merlin.core.charts import plot_curve
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.training_events import event_lines
from merlin.core.web.assets import NEVER_KEPT, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_LINES = 200
# The number of what was asked of the daemon; the page that comes next tells of it.
Asked = Annotated[int, Query(ge=0, le=2**53 - 1)]


@router.get("/admin/asked/{number}")
async def show_asked(visit: Watching, number: Id) -> Response:
    """Return what became of a request, for a script that asks once a second until it ended."""
    asked = await asked_request(visit, number)
    if asked is None:
        raise nowhere()
    return render_fragment(visit, "admin_asked.html", {"asked": asked})


async def submit(visit: PageRequest, act: RequestAct, once: str, back: str) -> Response:
    """Let an act ask the daemon; lead back to `back`, which tells what came of it."""
    asked = await visit.write(act, once=once)
    return seen_other(f"{back}?asked={asked.request_id}")


async def asked_request(visit: PageRequest, number: int) -> dict[str, object] | None:
    """Return a request, why it was refused, and whether somebody serves it.

    None for none that the person may see.
    """

    def look(ctx: Context, actor: Actor) -> dict[str, object]:
        asked = requests.get(ctx, actor, number)
        reason = failure(asked, visit.language)
        return {"request": asked, "reason": reason, "is_served": is_daemon_alive(ctx)}

    if not number:
        return None
    try:
        return await visit.read(look)
    except NotFound:
        return None


@router.get("/admin/jobs/{job_id}")
async def show_job(visit: Watching, job_id: Id, asked: Asked = 0) -> Response:
    """Return a job's page."""
    job = await visit.read(jobs.get, job_id)
    view = {"asked": await asked_request(visit, asked), **_live(visit, job)}
    return render_page(visit, "admin_job.html", view)


@router.get("/admin/jobs/{job_id}/live")
async def show_live(
    visit: Watching, job_id: Id, seen: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Return what changed of a job since `seen`; nothing where nothing did."""
    job = await visit.read(jobs.get, job_id)
    if seen == _seen(job):
        return Response(status_code=204)
    is_news = seen.partition(".")[0] != job.state.value
    view = {"is_news": is_news, **_live(visit, job)}
    return render_fragment(visit, "admin_job_live.html", view)


@router.get("/admin/jobs/{job_id}/loss.png")
async def show_picture(visit: Watching, job_id: Id, theme: str = "") -> Response:
    """Return a job's losses as a picture, in the light of the pages or the one asked for."""
    job = await visit.read(jobs.get, job_id)
    is_dark = (theme or visit.theme) == "dark"
    content = await picture_of(visit.request, job, visit.language, is_dark=is_dark)
    return Response(content, media_type="image/png", headers={"Cache-Control": NEVER_KEPT})


@router.post("/admin/jobs/{job_id}/cancel")
async def cancel_job(visit: Launching, job_id: Id, once: Mark) -> Response:
    """Ask the daemon to stop a job."""
    return await submit(visit, partial(jobs.cancel, job_id=job_id), once, f"/admin/jobs/{job_id}")


def _seen(job: JobDetails) -> str:
    """Return what changes whenever a job does."""
    counts = (len(job.events), len(job.losses.train), len(job.losses.test))
    return ".".join((job.state.value, *map(str, counts), f"{job.updated_at:%H%M%S}"))


def _live(visit: PageRequest, job: JobDetails) -> dict[str, object]:
    """Return a job, its curve, that in words, and the steps with their losses, newest first."""
    train, test = (dict(each) for each in job.losses.series().values())
    newest = sorted(train.keys() | test.keys(), reverse=True)[:MOST_LINES]
    rows = [(step, train.get(step), test.get(step)) for step in newest]
    told = [(each.at, each.level, each.message, each.data) for each in reversed(job.events)]
    events = event_lines(told, visit.language)
    view = {"job": job, "seen": _seen(job), **curve_view(visit, job)}
    return {**view, "rows": rows, "events": events}


def curve_view(visit: PageRequest, job: JobDetails) -> dict[str, object]:
    """Return the curve of a job's losses, and in words from where to where each line went."""
    series, said = job.losses.series(), []
    steps = 0 if job.is_over else job.progress.steps
    drawing = plot_curve(series["train"], series["test"], steps, visit.language)
    for name, points in series.items():
        if points:
            (_, first), (step, last) = points[0], points[-1]
            ends = {
                "first": number(visit, first, 2),
                "last": number(visit, last, 2),
                "step": number(visit, step),
            }
            said.append(visit.say(f"curve-{name}", **ends))
    return {"drawing": drawing, "told": " ".join(said)}


@router.get("/admin/jobs")
async def show_jobs(
    visit: Watching,
    page: Part,
    dataset: DatasetName = "",
    launch: DatasetName = "",
    asked: Asked = 0,
) -> Response:
    """Return the jobs; `launch` names the dataset whose price is wanted."""
    found = await part(visit, page, dataset, jobs.recent)
    quote, wrong = await _quote(visit, launch)
    view = {
        "asked": await asked_request(visit, asked),
        "jobs": found,
        "next_href": next_href(page),
        "datasets": await _launchable(visit),
        "chosen": launch,
        "quote": quote,
        "wrong_words": wrong,
    }
    return render_page(visit, "admin_jobs.html", view)


@router.post("/admin/jobs")
async def launch_job(
    visit: Launching, once: Mark, dataset: Annotated[str, Form(max_length=200)]
) -> Response:
    """Ask the daemon to train the newest build of a dataset."""
    return await submit(visit, partial(jobs.launch, dataset=dataset), once, "/admin/jobs")


async def _launchable(visit: PageRequest) -> list[str]:
    """Return the datasets that have a build and that the person may train."""
    if not visit.may(Permission.LAUNCH):
        return []
    told = await visit.read(status)
    return [
        name
        for name, each in told.datasets.items()
        if each.is_built and visit.may(Permission.LAUNCH, name)
    ]


async def _quote(visit: PageRequest, dataset: str) -> tuple[QuoteView | None, str]:
    """Return what training would cost, or why nobody can say it."""
    if not dataset or not visit.may(Permission.LAUNCH, dataset):
        return None, ""
    try:
        told = await visit.read(jobs.quote, dataset, visit.language)
    except Refused as error:
        return None, refusal_text(visit, error)
    return told, ""
