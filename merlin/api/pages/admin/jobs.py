"""Jobs and models: training, serving and their history.

Training is started manually after showing its price. While a job runs, a script polls its state
once a second. Also the state of requests to the daemon.

A model's evaluation shows whether it may be promoted, and if not, why: first the verdict, then
scores by tag, then each question.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Form, Query
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import next_href, number
from merlin.api.pages.page import (
    FormToken,
    LauncherContext,
    PageContext,
    PromoterContext,
    Seen,
    ViewerContext,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.rest.jobs import RequestAct, failure
from merlin.api.schema import MAX_ID, DatasetName, Id, Name, Part, part
from merlin.app import evaluation, jobs, models, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.evaluation import EvaluationView
from merlin.app.health import is_daemon_alive
from merlin.app.jobs import JobDetails, QuoteView
from merlin.app.models import ModelView
from merlin.app.reach import list_reaches
from merlin.app.status import list_datasets
from merlin.app.users import find_display_names
from merlin.config import is_our_engine
from merlin.core.charts import MAX_POINTS, Curve, format_loss, plot_curve
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import choose_translation
from merlin.core.permissions import Permission
from merlin.core.training_events import describe_event, is_step
from merlin.core.web.assets import local_address, seen_other
from merlin.core.web.browser import with_preference
from merlin.dataset.files import FileIndex
from merlin.db.requests import Request, RequestState
from merlin.training.evaluation import AnswerChange

router = page_router()

_SPARK_POINTS = 60
# Id of the daemon request that the page reports on.
RequestNumber = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/admin/asked/{number}")
async def show_asked(context: ViewerContext, number: Id) -> Response:
    """Return the state of a daemon request, for a script that polls until it ends.

    Then the script reloads the page, whose lists the request has changed.
    """
    request = await read_daemon_request(context, number)
    if request is None:
        raise NotFound(f"no request {number}")
    response = render_fragment(
        context, "admin_request.html", {"daemon_request": request}
    )
    if request["is_over"]:
        response.headers["HX-Refresh"] = "true"
    return response


async def submit(
    context: PageContext, act: RequestAct, once: str, back: str
) -> Response:
    """Run an operation that asks the daemon; redirect to `back`, which shows its state."""
    request = await context.write(act, context.actor, once=once)
    page, hash_mark, part = back.partition("#")
    return seen_other(
        with_preference(page, "asked", str(request.request_id)) + hash_mark + part
    )


async def read_daemon_request(
    context: PageContext, number: int
) -> dict[str, object] | None:
    """Return a daemon request, why it was refused, and whether a daemon is alive.

    None if the person cannot see such a request. A page reads it before what it changes: next to a
    finished request the page stays as it is.
    """

    def look(ctx: Context, actor: Actor) -> dict[str, object]:
        request = requests.get(ctx, actor, number)
        reason = failure(request, context.language)
        target = str(next(iter(request.arguments.values()), ""))
        with suppress(NotFound):
            if "model" in request.arguments:
                target = models.find(ctx, actor, target).title
            elif "dataset" in request.arguments:
                title = FileIndex(ctx.db).read_title(target)
                target = choose_translation(title, context.language) or target
        is_served = is_daemon_alive(ctx)
        is_over = request.state in {RequestState.DONE, RequestState.FAILED}
        return {
            "request": request,
            "target": target,
            "reason": reason,
            "is_served": is_served,
            "is_over": is_over,
        }

    if not number:
        return None
    try:
        return await context.read(look, context.actor)
    except NotFound:
        return None


@router.get("/admin/jobs/{job_id}")
async def show_job(
    context: ViewerContext, job_id: Id, asked: RequestNumber = 0
) -> Response:
    """Return a job's page."""
    daemon_request = await read_daemon_request(context, asked)
    job = await context.read(jobs.get, context.actor, job_id)
    view = {"daemon_request": daemon_request, **await _live(context, job)}
    return render_page(context, "admin_job.html", view)


@router.get("/admin/jobs/{job_id}/live")
async def show_live(context: ViewerContext, job_id: Id, seen: Seen = "") -> Response:
    """Return the changed part of a job's page; 204 if nothing changed since `seen`."""
    job = await context.read(jobs.get, context.actor, job_id)
    if seen == _change_mark(job):
        return Response(status_code=204)
    is_news = seen.partition(".")[0] != job.state.value
    view = {"is_news": is_news, **await _live(context, job)}
    return render_fragment(context, "admin_job_live.html", view)


@router.post("/admin/jobs/{job_id}/cancel")
async def cancel_job(context: LauncherContext, job_id: Id, once: FormToken) -> Response:
    """Ask the daemon to cancel a job."""
    return await submit(
        context, partial(jobs.cancel, job_id=job_id), once, f"/admin/jobs/{job_id}"
    )


def _change_mark(job: JobDetails) -> str:
    """Return a value that changes with each change of the job."""
    counts = (len(job.events), len(job.losses.train), len(job.losses.test))
    return ".".join((job.state.value, *map(str, counts), f"{job.updated_at:%H%M%S}"))


async def _live(context: PageContext, job: JobDetails) -> dict[str, object]:
    """Return a job, its curve with a description, and its events but for steps, newest first."""
    can_repeat = job.is_over and job.dataset in await context.read(
        models.list_dataset_names, context.actor, Permission.LAUNCH
    )
    events = [
        (event, describe_event(event.message, event.data, context.language))
        for event in reversed(job.events)
        if not is_step(event.data)
    ]
    view = {"job": job, "seen": _change_mark(job), **curve_view(context, job)}
    return {**view, "events": events, "can_repeat": can_repeat}


def curve_view(context: PageContext, job: JobDetails) -> dict[str, object]:
    """Return a job's loss curve, and first and last value of each series as text."""
    captions = []
    for name, points in job.losses.series().items():
        if points:
            (_, first) = points[0]
            (step, last) = points[-1]
            ends = {
                "first": format_loss(context.language, first),
                "last": format_loss(context.language, last),
                "step": number(context, step),
            }
            captions.append(context.say(f"curve-{name}", **ends))
    return {"drawing": _plot(context, job), "caption": " ".join(captions)}


def _plot(
    context: PageContext, job: JobDetails, most: int = MAX_POINTS
) -> Curve | None:
    steps = 0 if job.is_over else job.progress.steps
    kept = {checkpoint.step for checkpoint in job.checkpoints}
    return plot_curve(
        **job.losses.series(),
        total=steps,
        language=context.language,
        checkpoints=kept,
        most=most,
    )


@router.get("/admin/jobs")
async def show_jobs(
    context: ViewerContext,
    page: Part,
    dataset: DatasetName = "",
    launch: DatasetName = "",
    asked: RequestNumber = 0,
) -> Response:
    """Return the jobs; `launch` names the dataset to quote."""
    daemon_request = await read_daemon_request(context, asked)
    job_views = await part(context, page, dataset, jobs.list_details)
    quote, wrong = await _quote(context, launch)
    view = {
        "daemon_request": daemon_request,
        "jobs": job_views,
        "sparks": {job.id: _plot(context, job, _SPARK_POINTS) for job in job_views},
        "next_href": next_href(page),
        "datasets": await _launchable(context),
        "chosen": launch,
        "quote": quote,
        "offer_parts": jobs.OFFER_PARTS,
        "offers": [jobs.describe_offer(each, context.language) for each in quote.offers]
        if quote
        else [],
        "wrong_words": wrong,
    }
    return render_page(context, "admin_jobs.html", view)


@router.post("/admin/jobs")
async def launch_job(
    context: LauncherContext,
    once: FormToken,
    dataset: Annotated[str, Form(max_length=200)],
) -> Response:
    """Ask the daemon to train the newest build of a dataset."""
    return await submit(
        context, partial(jobs.launch, dataset=dataset), once, "/admin/jobs"
    )


async def _launchable(context: PageContext) -> dict[str, str]:
    """Return dataset -> title of those with a build that the person may train."""
    if not context.may(Permission.LAUNCH):
        return {}
    return {
        view.name: view.title_in(context.language)
        for view in await context.read(list_datasets, context.actor)
        if view.is_built and context.may(Permission.LAUNCH, view.name)
    }


async def _quote(context: PageContext, dataset: str) -> tuple[QuoteView | None, str]:
    """Return the price of training, or why it is unknown."""
    if not dataset or not context.may(Permission.LAUNCH, dataset):
        return None, ""
    try:
        found_quote = await context.read(
            jobs.quote, context.actor, dataset, context.language
        )
    except Refused as error:
        return None, refusal_text(context, error)
    return found_quote, ""


_MAX_SHOWN = 100
AnswerFilter = Annotated[
    Literal["", "lost", "otherwise", "gained", "unsure", "wrong", "right"], Query()
]


@router.get("/admin/models/{name}/evaluation")
async def show_evaluation(
    context: ViewerContext,
    name: Name,
    show: AnswerFilter = "",
    against: DatasetName = "",
    asked: RequestNumber = 0,
) -> Response:
    """Return a model's results at its test questions, compared with another model of its dataset.

    Without `against` it is the one before it, if any.
    """
    daemon_request = await read_daemon_request(context, asked)
    find = partial(evaluation.read_evaluation, name=name, against=against)
    model_evaluation = await context.read(find, context.actor)
    config = context.services.config
    view: dict[str, object] = {
        "daemon_request": daemon_request,
        "found": model_evaluation,
        "answers_of": _answers(model_evaluation, show),
        "chosen": against,
        "commits": await context.services.read(
            models.name_commits, [model_evaluation.model]
        ),
        # Its files are large, and on the engine's machine: a command copies them there.
        "may_leave": is_our_engine(
            config, config.provider(model_evaluation.model.provider)
        ),
    }
    return render_page(context, "admin_evaluation.html", view)


def evaluation_href(model: ModelView) -> str:
    """Return the address of a model's evaluation."""
    return f"/admin/models/{quote(model.title, safe='')}/evaluation"


def _answers(found: EvaluationView, show: AnswerFilter) -> dict[str, object] | None:
    """Return the answers to list, and their number by kind; None without a report.

    `accepted` of the lost answers are accepted by an editor; in `mendable` ones of the others the
    example may be the reason: a refusal is not mended in it.
    """
    report = found.report
    if report is None:
        return None
    lost = report.list_answers(AnswerChange.LOST)
    rest = [answer for answer in lost if answer.digest not in found.accepted]
    requested = {AnswerChange(show)} if show else {*AnswerChange} - {AnswerChange.RIGHT}
    answers = report.list_answers(*requested)
    compared = report.comparison
    return {
        "show": show,
        "shown": answers[:_MAX_SHOWN],
        "left_out": max(len(answers) - _MAX_SHOWN, 0),
        "counts": {kind.value: len(report.list_answers(kind)) for kind in AnswerChange},
        "declined": sum(answer.kind == "refused" for answer in lost),
        "accepted": len(lost) - len(rest),
        "mendable": sum(answer.kind != "refused" and answer.is_kept for answer in rest),
        "common": compared.now.questions if compared else 0,
    }


_MAX_LISTED = 20
QuestionDigest = Annotated[str, Form(max_length=64, pattern="^[0-9a-f]*$")]
# The address of the form's page.
Back = Annotated[str, Form()]


@router.get("/admin/models")
async def show_models(
    context: ViewerContext,
    page: Part,
    dataset: DatasetName = "",
    asked: RequestNumber = 0,
) -> Response:
    """Return the serving models, all models, and the history of promotions."""
    daemon_request = await read_daemon_request(context, asked)
    model_views = await part(context, page, dataset, models.list_recent)
    dataset_views = [
        view
        for view in await context.read(list_datasets, context.actor)
        if dataset in {"", view.name}
    ]
    titles = {view.name: view.title_in(context.language) for view in dataset_views}
    serving = [view for view in dataset_views if view.serving]
    listed = [view.name for view in serving[:_MAX_LISTED]]
    promotions = await context.read(
        models.list_promotions, context.actor, dataset, _MAX_LISTED
    )
    earlier = await context.read(models.find_rollback_targets, context.actor, listed)
    named = [*model_views, *(one.serving for one in serving), *earlier.values()]
    view = {
        "daemon_request": daemon_request,
        "dataset": dataset,
        "titles": titles,
        "serving": serving,
        "reaches": await context.services.read(
            lambda ctx: list_reaches(ctx.db, ctx.config)
        ),
        "rated": await context.read(models.count_rated, context.actor, listed),
        "earlier": earlier,
        "evaluation_href": evaluation_href,
        "idle": [
            titles[view.name]
            for view in dataset_views
            if not (view.serving or view.is_removed)
        ],
        "most": _MAX_LISTED,
        "models": model_views,
        "subjects": await context.services.read(
            models.name_commits, [one for one in named if one]
        ),
        "next_href": next_href(page),
        "moves": promotions,
        "names": await context.services.read(
            find_display_names, [each.by for each in promotions]
        ),
        "model_titles": await context.services.read(models.name_promotions, promotions),
        "sunsets": context.services.config.sunsets,
    }
    return render_page(context, "admin_models.html", view)


@router.post("/admin/models/{model_id}/accept")
async def accept_lost(
    context: ViewerContext,
    model_id: Id,
    once: FormToken,
    question: QuestionDigest = "",
    right: Annotated[Literal["", "yes", "no"], Form()] = "",
    back: Back = "/admin/models",
) -> Response:
    """Ask the daemon to accept a held model's answer, or to note if an unsure one is right.

    For editors of its dataset.
    """
    act = partial(models.accept, model_id=model_id, question=question, right=right)
    return await submit(context, act, once, local_address(back))


@router.post("/admin/models/{model_id}/{act}")
async def change_serving(
    context: PromoterContext,
    model_id: Id,
    act: Literal["promote", "rollback", "pin", "unpin"],
    once: FormToken,
    back: Back = "/admin/models",
) -> Response:
    """Ask the daemon to promote, pin or unpin a model, or to roll back to it."""
    acts: dict[str, Callable[..., Request]] = {
        "promote": models.promote,
        "rollback": models.roll_back_to,
        "pin": partial(models.pin_model, is_pinned=True),
        "unpin": partial(models.pin_model, is_pinned=False),
    }
    act_on = partial(acts[act], model_id=model_id)
    return await submit(context, act_on, once, local_address(back))
