"""The pages of jobs: the board, one job, and their routes.

Board: the front page: what is trained, what waits, what is over, what answers, on what.

One job: its curve, its diary, its settings, its models, its log, and what may be done to it.

/ and /jobs: the engine as people see it; everything here works without a script too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.charts import ChartLabels, Curve, plot_curve, plot_png
from merlin.core.i18n import text
from merlin.core.log import redact
from merlin.core.web.assets import PREFIX, asset_response, local_address, seen_other
from merlin.core.web.templates import Badge
from merlin.engine.database import Page
from merlin.engine.job_events import words_of
from merlin.engine.jobs import AT_WORK, FINAL, PAUSED, RUNNING, SUCCEEDED, Job
from merlin.engine.pages.machine import Use
from merlin.engine.pages.page import (
    HEADERS,
    Anybody,
    Known,
    PageRoute,
    Visit,
    assets,
    entrance_of,
    part,
    shown,
)
from merlin.engine.repositories import Repositories
from merlin.engine.status import BaseFacts, JobFacts, base_facts, job_facts, title_of
from merlin.engine.trainers.base import SUPERVISED, Untrainable

MOST_OVER = 20
_FULL = 100
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class JobCard:
    """A job under way; `share` is per cent, None where nobody knows; `told` says the curve."""

    name: str
    href: str
    title: str
    about: str
    chip: Badge
    share: int | None
    curve: Curve | None
    told: str


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list."""

    href: str
    title: str
    about: str
    error: str
    at: str
    chip: Badge


@dataclass(frozen=True, slots=True)
class BaseLine:
    """A base: what it is; `hint` says what to do where its files are missing or unfit."""

    name: str
    about: str
    chip: Badge
    hint: str


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A tuned model."""

    name: str
    href: str
    about: str
    at: str


@dataclass(frozen=True, slots=True)
class JobsView:
    """The jobs; `href` asks for them again, `older_href` is "" where there are no older ones."""

    href: str
    running: tuple[JobCard, ...]
    waiting: tuple[JobLine, ...]
    over: tuple[JobLine, ...]
    older_href: str


def jobs_seen(visit: Visit) -> str:
    """Return what changes whenever any job does."""
    return str(visit.engine.repositories.job_events.newest())


def jobs_view(visit: Visit, after: str = "") -> JobsView:
    """Return the jobs; those that are over behind the one named `after`. Raises ApiError 400."""
    repositories, seen = visit.engine.repositories, jobs_seen(visit)
    open_jobs = repositories.jobs.unfinished()
    found, has_more = _over(visit, after)
    return JobsView(
        href="" if after else f"/live?seen={seen}",
        running=tuple(
            _card(visit, job_facts(repositories, job)) for job in open_jobs if job.status == RUNNING
        ),
        waiting=tuple(_line(visit, job) for job in open_jobs if job.status != RUNNING),
        over=tuple(_line(visit, job) for job in found),
        older_href=f"/?after={found[-1].job_id}" if has_more else "",
    )


def _over(visit: Visit, after: str) -> tuple[list[Job], bool]:
    """Return the newest jobs that are over, and whether there are more of them."""
    found: list[Job] = []
    has_more = True
    while len(found) <= MOST_OVER and has_more:
        page = Page(after, MOST_OVER)
        jobs, has_more = visit.engine.repositories.jobs.list({}, page)
        found += [job for job in jobs if job.status in FINAL]
        after = jobs[-1].job_id if jobs else after
    return found[:MOST_OVER], has_more or len(found) > MOST_OVER


def _card(visit: Visit, facts: JobFacts) -> JobCard:
    return JobCard(
        name=facts.job.job_id,
        href=f"/jobs/{facts.job.job_id}",
        title=facts.title,
        about=about(visit, facts),
        chip=visit.chip(facts.job.status),
        share=share_of(facts),
        curve=curve_shown(visit, facts),
        told=curve_told(visit, facts),
    )


def _line(visit: Visit, job: Job) -> JobLine:
    return JobLine(
        href=f"/jobs/{job.job_id}",
        title=title_of(job),
        about=_what(visit, job),
        error=words_of(job.error, visit.language),
        at=visit.when(job.finished_at or job.created_at),
        chip=visit.chip(job.status),
    )


def _what(visit: Visit, job: Job) -> str:
    """Return a job's base, and its method where it is not the usual one."""
    method = job.order.method
    said = [job.order.base, "" if method == SUPERVISED else visit.say(f"method-{method}")]
    return " · ".join(filter(None, said))


def share_of(facts: JobFacts) -> int | None:
    """Return how far a job is in per cent, None where nobody knows or nothing goes on."""
    job = facts.job
    if facts.is_over or not job.steps:
        return None
    return min(round(_FULL * job.step / job.steps), _FULL)


def about(visit: Visit, facts: JobFacts) -> str:
    """Return what a job is and how far, in one line."""
    job, number = facts.job, visit.number
    said = [_what(visit, job)]
    if facts.epoch and not facts.is_over:
        key = "epoch-of" if facts.epochs else "epoch"
        said.append(visit.say(key, epoch=number(facts.epoch), epochs=number(facts.epochs)))
    if job.steps and not facts.is_over:
        said.append(visit.say("step-of", step=number(job.step), steps=number(job.steps)))
    if facts.pace and not facts.is_over:
        said.append(visit.say("pace", tokens=number(facts.pace)))
    if facts.left_s:
        said.append(visit.say("left", span=visit.span(facts.left_s)))
    return " · ".join(said)


def curve_shown(visit: Visit, facts: JobFacts) -> Curve | None:
    """Return a job's losses as a drawing, None without any."""
    words = ChartLabels(visit.say("loss-train"), visit.say("loss-test"), visit.language)
    total = 0 if facts.is_over else facts.job.steps
    return plot_curve(facts.train, facts.test, total, words)


def curve_told(visit: Visit, facts: JobFacts) -> str:
    """Return the curve in words: from where to where each line went."""
    said = []
    for name, series in (("train", facts.train), ("test", facts.test)):
        if series:
            ends = {"first": visit.number(series[0][1], 2), "last": visit.number(series[-1][1], 2)}
            said.append(visit.say(f"curve-{name}", step=visit.number(series[-1][0]), **ends))
    return " ".join(said)


def base_lines(visit: Visit) -> tuple[BaseLine, ...]:
    """Return every base: whether it is here, its licence, its window, who answers."""
    return tuple(_base_line(visit, base) for base in base_facts(visit.engine))


def _base_line(visit: Visit, base: BaseFacts) -> BaseLine:
    said = [
        visit.say("backend", backend=base.backend),
        visit.say("window", tokens=visit.number(base.context)) if base.context else "",
        base.licence or visit.say("no-licence"),
    ]
    try:
        visit.engine.bases[base.name].files()
    except Untrainable as error:
        key = "not-pulled" if error.code == "base_not_pulled" else "unfit"
        chip = Badge("warn", "download", visit.say(key))
        hint = text(visit.language, error.key, **error.arguments)
    else:
        chip, hint = Badge("ok", "check", visit.say("pulled")), ""
    return BaseLine(base.name, " · ".join(each for each in said if each), chip, hint)


def model_lines(visit: Visit) -> tuple[ModelLine, ...]:
    """Return the newest tuned models."""
    found = visit.engine.repositories.models.final()[:MOST_OVER]
    return tuple(
        ModelLine(row["name"], f"/jobs/{row['job_id']}", row["base"], visit.when(row["created_at"]))
        for row in found
    )


def questions_told(visit: Visit) -> tuple[tuple[str, Pairs], ...]:
    """Return what each base that was asked is doing: running, waiting, adapters, tokens made."""
    return tuple(
        (base.name, _figures(visit, base.figures))
        for base in base_facts(visit.engine)
        if base.figures
    )


_SHOWN = ("running", "waiting", "adapters", "prompt_tokens", "completion_tokens", "restarts")


def _figures(visit: Visit, figures: Mapping[str, float]) -> Pairs:
    return tuple(
        (visit.say(f"figure-{name.replace('_', '-')}"), visit.number(figures[name]))
        for name in _SHOWN
        if name in figures
    )


def machine_told(visit: Visit, use: Use) -> Pairs:
    """Return what the engine takes of its machine."""
    said: list[tuple[str, str]] = []
    if use.cpu is not None:
        cores = visit.say("cores", count=use.cores)
        busy = visit.say("cpu-of", share=visit.number(use.cpu), cores=cores)
        said.append((visit.say("cpu"), busy))
    if use.total and use.used is not None:
        said.append((visit.say("memory"), _of(visit, use.used, use.total)))
    if use.own:
        said.append((visit.say("memory-own"), visit.size(use.own)))
    for gpu in use.gpus:
        share, room = visit.number(gpu.share), _of(visit, gpu.used, gpu.total)
        said.append((gpu.name, visit.say("gpu-of", share=share, memory=room)))
    quota = visit.engine.settings.training.quota_bytes
    taken = _of(visit, use.models, quota) if quota else visit.size(use.models)
    said.append((visit.say("models-size"), taken))
    said.append((visit.say("disk-free"), _of(visit, use.disk_free, use.disk_total)))
    return tuple(said)


def _of(visit: Visit, part: int, whole: int) -> str:
    return visit.say("of", part=visit.size(part), whole=visit.size(whole))


MOST_LINES = 200
LOG_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the diary."""

    at: str
    words: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class LiveView:
    """What changes while a job goes on; `href` asks for it again, "" once the job is over.

    `may` are the moves that are possible now, among pause, resume and cancel.
    """

    href: str
    state: str
    job_id: str
    title: str
    chip: Badge
    about: str
    share: int | None
    error: str
    curve: Curve | None
    told: str
    diary: tuple[EventLine, ...]
    log: str
    may: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job's page."""

    live: LiveView
    facts: Pairs
    settings: Pairs
    models: Pairs


def live_view(visit: Visit, job_id: str) -> LiveView:
    """Return how a job stands. Raises ApiError 404."""
    repositories = visit.engine.repositories
    # Taken before the rest: what comes between is seen once more rather than never.
    seen, job = jobs_seen(visit), repositories.jobs.get(job_id)
    facts = job_facts(repositories, job)
    chip = visit.chip(job.status)
    return LiveView(
        href="" if facts.is_over else f"/jobs/{job.job_id}/live?seen={seen}.{job.status}",
        state=job.status,
        job_id=job.job_id,
        title=facts.title,
        chip=chip,
        about=about(visit, facts),
        share=share_of(facts),
        error=words_of(job.error, visit.language),
        curve=curve_shown(visit, facts),
        told=curve_told(visit, facts),
        diary=_diary(visit, job),
        log=log_tail(repositories, job.job_id),
        may=_may(job),
        said=visit.say("now", state=chip.words),
    )


def job_view(visit: Visit, job_id: str) -> JobView:
    """Return a job's page. Raises ApiError 404."""
    job = visit.engine.repositories.jobs.get(job_id)
    given = sorted(job.order.hyperparameters.items())
    return JobView(
        live=live_view(visit, job_id),
        facts=_facts(visit, job),
        settings=tuple((name, _told(visit, value)) for name, value in given),
        models=_models(visit, job),
    )


def picture_of(visit: Visit, job_id: str, *, dark: bool) -> bytes:
    """Return a job's losses as a PNG. Raises ApiError 404."""
    facts: JobFacts = job_facts(
        visit.engine.repositories, visit.engine.repositories.jobs.get(job_id)
    )
    words = ChartLabels(
        title=f"{facts.title} · {facts.job.order.base}",
        train=visit.say("loss-train"),
        test=visit.say("loss-test"),
        steps=visit.say("steps"),
        none=visit.say("no-losses"),
        language=visit.language,
    )
    return plot_png(facts.train, facts.test, words, dark=dark)


def log_tail(repositories: Repositories, job_id: str) -> str:
    """Return the end of what a job's trainer logged, "" where it has no log; secrets left out."""
    for path in (repositories.work_of(job_id) / "log", repositories.log_of(job_id)):
        found = _tail(path)
        if found:
            return redact(found)
    return ""


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_BYTES, 0))
            lines = file.read(LOG_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:  # not there, or just moved to where ended jobs' logs lie
        return ""
    return "\n".join(lines[-MOST_LINES:])


def _may(job: Job) -> tuple[str, ...]:
    if job.status in AT_WORK:
        return "pause", "cancel"
    return ("resume", "cancel") if job.status == PAUSED else ()


def _diary(visit: Visit, job: Job) -> tuple[EventLine, ...]:
    rows, _ = visit.engine.repositories.job_events.page(job.job_id, Page(limit=MOST_LINES))
    return tuple(
        EventLine(
            visit.when(row["created_at"]),
            str(row["message"]),
            row["level"] == "error",
        )
        for row in rows
    )


def _facts(visit: Visit, job: Job) -> Pairs:
    order = job.order
    facts = [
        (visit.say("base"), order.base),
        (visit.say("method"), visit.say(f"method-{order.method}")),
        (visit.say("created"), visit.when(job.created_at)),
    ]
    if job.finished_at:
        facts.append((visit.say("finished"), visit.when(job.finished_at)))
    if job.trained_tokens is not None:
        facts.append((visit.say("trained-tokens"), visit.number(job.trained_tokens)))
    facts.append((visit.say("training-file"), order.training_file))
    if order.validation_file:
        facts.append((visit.say("validation-file"), order.validation_file))
    return (*facts, (visit.say("seed"), str(order.seed)), (visit.say("job-id"), job.job_id))


def _told(visit: Visit, value: object) -> str:
    if isinstance(value, bool):
        return visit.say("yes-word" if value else "no-word")
    if isinstance(value, int | float):
        return f"{value:g}".replace(".", ",") if visit.language == "ru" else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _models(visit: Visit, job: Job) -> Pairs:
    """Return the names under which the job's model and its checkpoints can be asked."""
    rows, _ = visit.engine.repositories.models.checkpoints(job.job_id, Page(limit=MOST_LINES))
    final = [(job.model_name, visit.say("final"))] if job.status == SUCCEEDED else []
    steps = [(row["name"], visit.say("after-step", step=visit.number(row["step"]))) for row in rows]
    return (*final, *steps)


router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_JOBS = 100
Seen = Annotated[str, Query(max_length=80)]
Short = Annotated[str, Query(max_length=80)]


@router.get("/")
def front(visit: Known, after: Short = "") -> Response:
    """Return the front page."""
    view = {
        "jobs": jobs_view(visit, after),
        "machine": machine_told(visit, visit.machine.use()),
        "questions": questions_told(visit),
        "bases": base_lines(visit),
        "models": model_lines(visit),
    }
    return shown(visit, "board.html", v=view)


@router.get("/live")
def live(visit: Known, seen: Seen = "") -> Response:
    """Return the jobs where any has changed since `seen`; nothing where none has."""
    if jobs_seen(visit) == seen:
        return Response(status_code=204)
    return part(visit, "board_live.html", v=jobs_view(visit))


@router.get("/machine")
def machine(visit: Known) -> Response:
    """Return what is taken of the machine, and what is being asked."""
    told = machine_told(visit, visit.machine.use())
    view = {"machine": told, "questions": questions_told(visit)}
    return part(visit, "machine_live.html", v=view)


@router.get("/view")
def view_all(visit: Known) -> Response:
    """Return jobs, bases, models and machine for programs."""
    repositories = visit.engine.repositories
    jobs, _ = repositories.jobs.list({}, Page(limit=MOST_JOBS))
    told = {
        "jobs": [job_facts(repositories, job).as_json(visit.language) for job in jobs],
        "counts": repositories.jobs.counts(),
        "bases": [base.as_json() for base in base_facts(visit.engine)],
        "models": [row["name"] for row in repositories.models.final()],
        "machine": visit.machine.use().as_json(),
    }
    return JSONResponse(told, headers=HEADERS)


@router.get("/jobs/{job_id}")
def show_job(visit: Known, job_id: str) -> Response:
    """Return a job's page."""
    return shown(visit, "job.html", v=job_view(visit, job_id))


@router.get("/jobs/{job_id}/live")
def show_live(visit: Known, job_id: str, seen: Seen = "") -> Response:
    """Return what changed of a job since `seen`; nothing where nothing did."""
    number, _, state = seen.partition(".")
    if jobs_seen(visit) == number:
        return Response(status_code=204)
    view = live_view(visit, job_id)
    return part(visit, "job_live.html", v=view, is_news=view.state != state)


@router.get("/jobs/{job_id}/view")
def view_job(visit: Known, job_id: str) -> Response:
    """Return a job and its losses for programs."""
    facts = job_facts(visit.engine.repositories, visit.engine.repositories.jobs.get(job_id))
    told = {**facts.as_json(visit.language), "train": facts.train, "test": facts.test}
    return JSONResponse(told, headers=HEADERS)


@router.get("/jobs/{job_id}/loss.png")
def loss_png(visit: Known, job_id: str) -> Response:
    """Return a job's losses as a picture, in the light of the pages."""
    theme = visit.request.query_params.get("theme", visit.theme)
    picture = picture_of(visit, job_id, dark=theme == "dark")
    return Response(picture, media_type="image/png", headers=HEADERS)


@router.post("/jobs/{job_id}/{move}")
def move_job(visit: Known, job_id: str, move: str) -> Response:
    """Pause, resume or cancel a job, then show it."""
    jobs = visit.engine.repositories.jobs
    moves = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}
    if move in moves:
        moves[move](job_id)
        visit.engine.work.wake()
    return seen_other(f"/jobs/{jobs.get(job_id).job_id}")


@router.get("/sign-in")
async def sign_in(visit: Anybody, next: Short = "/") -> Response:  # noqa: A002 - the address
    """Ask for the engine's key; who is let in already goes on."""
    if entrance_of(visit.request).lets_in(visit.request):
        return seen_other(local_address(next))
    return shown(visit, "sign_in.html", next=local_address(next), wrong="")


@router.post("/sign-in")
async def by_key(
    visit: Anybody,
    key: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=1000)] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Let a browser in by the engine's key, or say why not."""
    request, back, now = visit.request, local_address(next), time.monotonic()
    entrance = entrance_of(request)
    address = request.client.host if request.client else ""
    wait_s = entrance.tries.wait_s(address, now)
    if wait_s > 0:
        words = visit.say("wait", span=visit.span(max(wait_s, 1)))
        answer = shown(visit, "sign_in.html", 429, next=back, wrong=words)
        answer.headers["Retry-After"] = str(int(wait_s) + 1)
        return answer
    if not entrance.is_right(key.strip()):
        entrance.tries.add_failure(address, now)
        return shown(visit, "sign_in.html", 401, next=back, wrong=visit.say("wrong-key"))
    entrance.tries.forget(address)
    response = seen_other(back)
    entrance.open(request, response)
    return response


@router.post("/sign-out")
async def sign_out(visit: Anybody) -> Response:
    """End this browser's session."""
    response = seen_other("/")
    entrance_of(visit.request).shut(visit.request, response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.get(PREFIX + "{name}")
def asset(request: Request, name: str) -> Response:
    """Return a style, a script or a drawing."""
    return asset_response(assets(), request, name)
