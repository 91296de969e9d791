"""Jobs: what is trained now and what was; one job with its curve and its events.

Training is begun by hand after a look at its price. While a job runs, a script asks for its state
once a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import Response

from merlin.api.pages.admin.page import Asked, admin_links, asked_view, submit
from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.forms import Mark, refusal_text
from merlin.api.pages.page import (
    Launching,
    PageRequest,
    Watching,
    badge,
    money,
    render_fragment,
    render_page,
    when,
    whole,
)
from merlin.api.rest.jobs import picture_of
from merlin.api.schema import DatasetName, Id, Page, page_of, page_part
from merlin.app import jobs
from merlin.app.jobs import JobDetails, JobEvent, QuoteView
from merlin.app.status import status
from merlin.core.charts import ChartLabels, Curve, plot_curve
from merlin.core.errors import Refused
from merlin.core.i18n import format_number
from merlin.core.permissions import Permission
from merlin.core.web.assets import NEVER_KEPT
from merlin.core.web.templates import Badge

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_LINES = 200
Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LiveView:
    """What changes while a job runs; `href` asks for it again, "" once the job is over.

    `share` is per cent, None where nobody knows; `told` says the figures of the curve;
    `again_href` leads to another try. `rows` are steps with their losses,
    `events` the newest ones, both newest first.
    """

    job: JobDetails
    href: str
    seen: str
    chip: Badge
    about: str
    share: int | None
    again_href: str
    curve: Curve | None
    told: str
    rows: Sequence[tuple[str, str, str]]
    events: Sequence[JobEvent]


@router.get("/admin/jobs/{job_id}")
async def show_job(visit: Watching, job_id: Id, asked: Asked = 0) -> Response:
    """Return a job's page."""
    job = await visit.context.read(jobs.get, visit.caller.actor, job_id)
    view = {
        "rooms": admin_links(visit),
        "asked": await asked_view(visit, asked),
        "live": _live(visit, job),
        "facts": _facts(visit, job),
        "may_cancel": not job.is_over and visit.caller.may(Permission.LAUNCH, job.dataset),
    }
    return render_page(visit, "admin_job.html", v=view)


@router.get("/admin/jobs/{job_id}/live")
async def show_live(
    visit: Watching, job_id: Id, seen: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Return what changed of a job since `seen`; nothing where nothing did."""
    job = await visit.context.read(jobs.get, visit.caller.actor, job_id)
    view = _live(visit, job)
    if view.seen == seen:
        return Response(status_code=204)
    was = seen.partition(".")[0]
    return render_fragment(visit, "admin_job_live.html", v=view, is_news=was != job.state.value)


@router.get("/admin/jobs/{job_id}/loss.png")
async def show_picture(visit: Watching, job_id: Id, theme: str = "") -> Response:
    """Return a job's losses as a picture, in the light of the pages or the one asked for."""
    job = await visit.context.read(jobs.get, visit.caller.actor, job_id)
    is_dark = (theme or visit.theme) == "dark"
    content = await picture_of(visit.request, job, visit.language, is_dark=is_dark)
    return Response(content, media_type="image/png", headers={"Cache-Control": NEVER_KEPT})


@router.post("/admin/jobs/{job_id}/cancel")
async def cancel_job(visit: Launching, job_id: Id, once: Mark) -> Response:
    """Ask the daemon to stop a job."""
    return await submit(visit, partial(jobs.cancel, job_id=job_id), once, f"/admin/jobs/{job_id}")


def _live(visit: PageRequest, job: JobDetails) -> LiveView:
    how_far, series, is_over = job.progress, job.losses.series(), job.is_over
    words = ChartLabels(visit.say("loss-train"), visit.say("loss-test"), visit.language)
    counts = (len(job.events), len(job.losses.train), len(job.losses.test))
    seen = ".".join((job.state.value, *map(str, counts), f"{job.updated_at:%H%M%S}"))
    steps = 0 if is_over else how_far.steps
    return LiveView(
        job=job,
        href="" if is_over else f"/admin/jobs/{job.id}/live?seen={seen}",
        seen=seen,
        chip=badge(visit, "job", job.state),
        about=_about(visit, job),
        share=None if is_over else how_far.share,
        again_href=_again(visit, job) if job.error and is_over else "",
        curve=plot_curve(series["train"], series["test"], steps, words),
        told=_curve_in_words(visit, job),
        rows=_rows(visit, job),
        events=job.events[: -MOST_LINES - 1 : -1],
    )


def _again(visit: PageRequest, job: JobDetails) -> str:
    """Return where to ask what another try would cost, "" for who may not launch it."""
    may_launch = visit.caller.may(Permission.LAUNCH, job.dataset)
    return f"/admin/jobs?launch={job.dataset}#launch" if may_launch else ""


def _about(visit: PageRequest, job: JobDetails) -> str:
    said, how_far = [job.base_model, job.provider], job.progress
    if how_far.epoch and not job.is_over:
        epoch = format_number(visit.language, how_far.epoch, 0)
        of = format_number(visit.language, how_far.epochs, 0)
        key = "epoch-of" if how_far.epochs else "epoch"
        said.append(visit.say(key, epoch=epoch, epochs=of))
    said.append(money(visit, job.estimate_micro, job.currency))
    return " · ".join(each for each in dict.fromkeys(said) if each)


def _curve_in_words(visit: PageRequest, job: JobDetails) -> str:
    """Return the curve in words: from where to where each line went."""
    said = []
    for name, series in job.losses.series().items():
        if series:
            (_, first), (step, last) = series[0], series[-1]
            ends = {
                "first": format_number(visit.language, first),
                "last": format_number(visit.language, last),
                "step": format_number(visit.language, step, 0),
            }
            said.append(visit.say(f"curve-{name}", **ends))
    return " ".join(said)


def _rows(visit: PageRequest, job: JobDetails) -> Sequence[tuple[str, str, str]]:
    train, test = (dict(series) for series in job.losses.series().values())

    def format_value(series: dict[float, float], step: float) -> str:
        return format_number(visit.language, series[step], 3) if step in series else ""

    steps = sorted(train.keys() | test.keys())[-MOST_LINES:]
    return [
        (f"{step:g}", format_value(train, step), format_value(test, step))
        for step in reversed(steps)
    ]


def _facts(visit: PageRequest, job: JobDetails) -> Facts:
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


@router.get("/admin/jobs")
async def show_jobs(
    visit: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    launch: DatasetName = "",
    asked: Asked = 0,
) -> Response:
    """Return the jobs; `launch` names the dataset whose price is wanted."""
    ctx, actor = visit.context, visit.caller.actor
    found, cursor = await page_part(ctx, actor, page, dataset, jobs.recent)
    quote, wrong = await _quote(visit, launch)
    view = {
        "rooms": admin_links(visit),
        "asked": await asked_view(visit, asked),
        "running": [each for each in found if not each.is_over],
        "over": [each for each in found if each.is_over],
        "next_href": next_href(visit, cursor),
        "datasets": await _launchable(visit),
        "chosen": launch,
        "quote": quote,
        "price": _price(visit, quote) if quote else "",
        "facts": _price_facts(visit, quote) if quote else (),
        "wrong": wrong,
    }
    return render_page(visit, "admin_jobs.html", v=view)


@router.post("/admin/jobs")
async def launch_job(
    visit: Launching, once: Mark, dataset: Annotated[str, Form(max_length=200)]
) -> Response:
    """Ask the daemon to train the newest build of a dataset."""
    return await submit(visit, partial(jobs.launch, dataset=dataset), once, "/admin/jobs")


async def _launchable(visit: PageRequest) -> list[str]:
    """Return the datasets that have a build and that the person may train."""
    if not visit.caller.may(Permission.LAUNCH):
        return []
    told = await visit.context.read(status, visit.caller.actor)
    return [
        name
        for name, each in told.datasets.items()
        if each.is_built and visit.caller.may(Permission.LAUNCH, name)
    ]


async def _quote(visit: PageRequest, dataset: str) -> tuple[QuoteView | None, str]:
    """Return what training would cost, or why nobody can say it."""
    if not dataset or not visit.caller.may(Permission.LAUNCH, dataset):
        return None, ""
    try:
        told = await visit.context.read(jobs.quote, visit.caller.actor, dataset, visit.language)
    except Refused as error:
        return None, refusal_text(visit, error)
    return told, ""


def _price(visit: PageRequest, told: QuoteView) -> str:
    if told.cost_micro is None:
        return visit.say("price-unknown")
    return money(visit, told.cost_micro, told.currency)


def _price_facts(visit: PageRequest, told: QuoteView) -> Facts:
    spent = money(visit, told.spent_micro, told.currency)
    if told.cap_micro is not None:
        cap = money(visit, told.cap_micro, told.currency)
        spent = visit.say("spent-of", spent=spent, cap=cap)
    return (
        (visit.say("base"), f"{told.base_model} · {told.provider}"),
        (visit.say("taught"), visit.say("examples-count", count=told.examples)),
        (visit.say("epochs"), whole(visit, told.epochs)),
        (visit.say("price"), _price(visit, told)),
        (visit.say("spent-month"), spent),
    )
