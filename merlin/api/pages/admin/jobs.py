"""Jobs, models, builds, verdicts: what is trained, what answers, which did, and which shall.

Training is begun by hand after a look at its price. While a job runs, a script asks for its state
once a second. What the admin pages ask of the daemon, and what became of it.

A model's evaluation says whether it may answer people, and if not, what to mend: the verdict first,
then the scores of versions and tags and the losses, then question by question. A build shows what
it teaches and how it differs from the last, a verdict what a commit led to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query
from pydantic import Field
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import next_href, number
from merlin.api.pages.page import (
    Launching,
    Mark,
    PageRequest,
    Promoting,
    Watching,
    nowhere,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.rest.jobs import RequestAct, failure, picture_of
from merlin.api.schema import LINE, MAX_ID, DatasetName, Id, Name, Part, part
from merlin.app import builds, evaluation, jobs, models, requests, verdicts
from merlin.app.actor import Actor
from merlin.app.board import read_commit
from merlin.app.context import Context
from merlin.app.evaluation import ENOUGH_QUESTIONS, Change, ProofReport, scores_of
from merlin.app.health import is_daemon_alive
from merlin.app.jobs import JobDetails, QuoteView
from merlin.app.models import ModelView
from merlin.app.status import datasets_by_name, status
from merlin.core.charts import plot_curve
from merlin.core.errors import ApprovalNeeded, NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.score_charts import plot_scores
from merlin.core.training_events import event_lines
from merlin.core.web.assets import NEVER_KEPT, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MAX_LINES = 200
# The number of what was asked of the daemon; the page that comes next tells of it.
Asked = Annotated[int, Query(ge=0, le=2**53 - 1)]


@router.get("/admin/asked/{number}")
async def show_asked(visit: Watching, number: Id) -> Response:
    """Return what became of a request, for a script that asks once a second until it ended."""
    request = await asked_request(visit, number)
    if request is None:
        raise nowhere()
    return render_fragment(visit, "admin_asked.html", {"asked": request})


async def submit(visit: PageRequest, act: RequestAct, once: str, back: str) -> Response:
    """Let an act ask the daemon; lead back to `back`, which tells what came of it.

    What another admin has to approve first leads to the list of that.
    """
    try:
        request = await visit.write(act, once=once)
    except ApprovalNeeded:
        return seen_other("/admin/approvals?said=asked")
    return seen_other(f"{back}?asked={request.request_id}")


async def asked_request(visit: PageRequest, number: int) -> dict[str, object] | None:
    """Return a request, why it was refused, and whether somebody serves it.

    None for none that the person may see.
    """

    def look(ctx: Context, actor: Actor) -> dict[str, object]:
        request = requests.get(ctx, actor, number)
        reason = failure(request, visit.language)
        return {"request": request, "reason": reason, "is_served": is_daemon_alive(ctx)}

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
    newest = sorted(train.keys() | test.keys(), reverse=True)[:MAX_LINES]
    rows = [(step, train.get(step), test.get(step)) for step in newest]
    job_events = [
        (event.at, event.level, event.message, event.data) for event in reversed(job.events)
    ]
    events = event_lines(job_events, visit.language)
    view = {"job": job, "seen": _seen(job), **curve_view(visit, job)}
    return {**view, "rows": rows, "events": events}


def curve_view(visit: PageRequest, job: JobDetails) -> dict[str, object]:
    """Return the curve of a job's losses, and in words from where to where each line went."""
    series, captions = job.losses.series(), []
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
            captions.append(visit.say(f"curve-{name}", **ends))
    return {"drawing": drawing, "told": " ".join(captions)}


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
    current = await visit.read(status)
    return [
        name
        for name, each in current.datasets.items()
        if each.is_built and visit.may(Permission.LAUNCH, name)
    ]


async def _quote(visit: PageRequest, dataset: str) -> tuple[QuoteView | None, str]:
    """Return what training would cost, or why nobody can say it."""
    if not dataset or not visit.may(Permission.LAUNCH, dataset):
        return None, ""
    try:
        found_quote = await visit.read(jobs.quote, dataset, visit.language)
    except Refused as error:
        return None, refusal_text(visit, error)
    return found_quote, ""


_PERCENT, _MAX_SHOWN = 100, 100
Against = Annotated[str, Query(max_length=200, pattern=LINE)]
Shown = Annotated[Literal["", "lost", "gained", "wrong", "right"], Query()]


@router.get("/admin/models/{name}/evaluation")
async def show_evaluation(
    visit: Watching, name: Name, against: Against = "", show: Shown = "", asked: Asked = 0
) -> Response:
    """Return how a model did at its test questions, beside another one where there is one."""
    found = await visit.read(evaluation.read_evaluation, name, against)
    job = await visit.read(jobs.get, found.model.job) if found.model.job else None
    view: dict[str, object] = {
        "asked": await asked_request(visit, asked),
        "found": found,
        "wrong": await visit.read(evaluation.explain_wrong, found),
        "chart": plot_scores(scores_of(found, visit.language, visit.zone), visit.language),
        "curve_shown": curve_view(visit, job) if job else None,
        "lowest": _lowest_step(job.losses.series()["test"]) if job else None,
        "answers_of": _answers(found.report, show) if found.report else None,
    }
    return render_page(visit, "admin_evaluation.html", view)


def evaluation_href(model: ModelView) -> str:
    """Return the address of a model's evaluation."""
    return f"/admin/models/{quote(model.title, safe='')}/evaluation"


def _lowest_step(test: list[tuple[float, float]]) -> float | None:
    """Return after which step the test loss rose for good, None where it did not."""
    if not test:
        return None
    step, _ = min(test, key=lambda point: point[1])
    return step if step < test[-1][0] else None


def _answers(report: ProofReport, show: Shown) -> dict[str, object]:
    """Return the answers to list, how many of which kind there are, and the tags, worst first."""
    requested = [Change(show)] if show else [each for each in Change if each is not Change.RIGHT]
    answers, compared = report.of(*requested), report.comparison
    common = compared.now.questions if compared else 0
    ends = [(compared.low, compared.high)] if compared else []
    return {
        "show": show,
        "shown": answers[:_MAX_SHOWN],
        "left_out": max(len(answers) - _MAX_SHOWN, 0),
        "counts": {each.value: len(report.of(each)) for each in Change},
        "declined": sum(each.kind == "refused" for each in report.of(Change.LOST)),
        "common": common,
        "interval": [round((each or 0.0) * common / _PERCENT) for pair in ends for each in pair],
        "is_few": report.scores.questions < ENOUGH_QUESTIONS,
        "enough": ENOUGH_QUESTIONS,
        "tags": sorted(report.tags, key=lambda each: (each.gain, each.tag)),
    }


_HISTORY = 20
Number = Annotated[int, Field(ge=1, le=MAX_ID)]
Chosen = Annotated[list[Number] | None, Query(max_length=2)]
QuestionDigest = Annotated[str, Form(max_length=64, pattern="^[0-9a-f]*$")]
Back = Annotated[Literal["", "evaluation"], Form()]


@router.get("/admin/models")
async def show_models(
    visit: Watching, page: Part, dataset: DatasetName = "", asked: Asked = 0
) -> Response:
    """Return what answers, every model, and what answered when."""
    found = await part(visit, page, dataset, models.recent)
    every = await visit.read(datasets_by_name)
    view = {
        "asked": await asked_request(visit, asked),
        "dataset": dataset,
        "datasets": [each for each in every if dataset in {"", each.name}],
        "models": found,
        "next_href": next_href(page),
        "moves": await visit.read(models.history, dataset, _HISTORY),
        "sunsets": visit.services.config.sunsets,
    }
    return render_page(visit, "admin_models.html", view)


@router.get("/admin/models/compare")
async def compare_models(visit: Watching, model: Chosen = None) -> Response:
    """Lead to the evaluation of the newer of two chosen models, beside the other one."""
    found = [await visit.read(models.get, each) for each in sorted(set(model or ()))]
    if not found:
        return seen_other("/admin/models")
    query = f"?{urlencode({'against': found[0].title})}" if len(found) > 1 else ""
    return seen_other(evaluation_href(found[-1]) + query)


@router.post("/admin/models/{model_id}/accept")
async def accept_lost(
    visit: Watching, model_id: Id, once: Mark, question: QuestionDigest = "", back: Back = ""
) -> Response:
    """Ask the daemon to let a held model answer so; editors of its dataset may."""
    act = partial(models.accept, model_id=model_id, question=question)
    return await submit(visit, act, once, await _return_href(visit, model_id, back))


@router.post("/admin/models/{model_id}/{act}")
async def change_serving(
    visit: Promoting,
    model_id: Id,
    act: Literal["promote", "pin", "unpin"],
    once: Mark,
    back: Back = "",
) -> Response:
    """Ask the daemon to let a model answer, or to keep the one that does."""
    acts: dict[str, Callable[..., models.Request]] = {
        "promote": models.promote,
        "pin": partial(models.pin_model, is_pinned=True),
        "unpin": partial(models.pin_model, is_pinned=False),
    }
    href = await _return_href(visit, model_id, back)
    return await submit(visit, partial(acts[act], model_id=model_id), once, href)


async def _return_href(visit: PageRequest, model_id: int, back: Back) -> str:
    """Return the address of the page that a form was on."""
    if back != "evaluation":
        return "/admin/models"
    return evaluation_href(await visit.read(models.get, model_id))


@router.post("/admin/models/rollback")
async def roll_back(
    visit: Promoting, once: Mark, dataset: Annotated[str, Form(min_length=1, max_length=200)]
) -> Response:
    """Ask the daemon to let the model before answer again."""
    return await submit(visit, partial(models.roll_back, dataset=dataset), once, "/admin/models")


# More ids than these nobody reads on a page; the api tells them all.
MAX_IDS = 200


@router.get("/admin/builds")
async def show_builds(visit: Watching, page: Part, dataset: DatasetName = "") -> Response:
    """Return one part of the builds."""
    found = await part(visit, page, dataset, builds.recent)
    return render_page(visit, "admin_builds.html", {"builds": found, "next_href": next_href(page)})


@router.get("/admin/builds/{version}")
async def show_build(visit: Watching, version: Name) -> Response:
    """Return a build and what it brought."""
    build = await visit.read(builds.get, version)
    diff = None
    with suppress(NotFound):  # the first one has none before it
        before = f"{build.dataset}-{build.number - 1}"
        diff = await visit.read(builds.compare, before, build.version)
    return render_page(visit, "admin_build.html", {"build": build, "diff": diff, "most": MAX_IDS})


Commit = Annotated[str, Query(pattern="^([0-9a-f]{4,64})?$")]


@router.get("/admin/verdicts")
async def show_verdicts(
    visit: Watching, page: Part, dataset: DatasetName = "", commit: Commit = ""
) -> Response:
    """Return the verdicts; of one commit with every step to the model that answers."""
    found = [] if commit else await part(visit, page, dataset, verdicts.recent)
    view = {
        "commit": commit,
        "verdicts": found,
        "opened": await visit.read(read_commit, commit, dataset) if commit else [],
        "next_href": next_href(page),
    }
    return render_page(visit, "admin_verdicts.html", view)
