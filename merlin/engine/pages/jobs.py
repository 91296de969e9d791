"""The pages of jobs: the front page, one job, signing in; everything works without a script too."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.charts import Curve, plot_curve, plot_png
from merlin.core.i18n import text
from merlin.core.log import redact
from merlin.core.web.assets import PREFIX, asset_response, local_address, seen_other
from merlin.core.web.templates import Badge
from merlin.engine.database import Page
from merlin.engine.job_events import failure_message
from merlin.engine.jobs import AT_WORK, FINAL, PAUSED, RUNNING, SUCCEEDED, Job
from merlin.engine.pages.page import (
    HEADERS,
    OpenPage,
    PageRequest,
    PageRoute,
    SignedInPage,
    assets,
    render_fragment,
    render_page,
)
from merlin.engine.status import JobFacts, base_facts, job_facts, title_of
from merlin.engine.trainers.base import SUPERVISED, Untrainable

MOST_OVER = 20
MOST_JOBS = 100
MOST_LINES = 200
LOG_BYTES = 16 * 1024
_FIGURES = ("running", "waiting", "adapters", "prompt_tokens", "completion_tokens", "restarts")
Pairs = Sequence[tuple[str, str]]


class JobView:
    """A job as pages show it; what costs a query is asked for once, and only where it is shown."""

    def __init__(self, page: PageRequest, job: Job) -> None:
        self._page = page
        self.job = job
        self.title = title_of(job)
        self.href = f"/jobs/{job.job_id}"
        self.error = failure_message(job.error, page.language)
        self.at = page.when(job.finished_at or job.created_at)

    @cached_property
    def facts(self) -> JobFacts:
        """Return how far the job is, with its losses."""
        return job_facts(self._page.engine.repositories, self.job)

    @cached_property
    def badge(self) -> Badge:
        """Return its state."""
        return self._page.badge(self.job.status)

    @property
    def what(self) -> str:
        """Return the job's base, and its method where it is not the usual one."""
        job = self.job
        method = "" if job.method == SUPERVISED else self._page.say(f"method-{job.method}")
        return " · ".join(filter(None, [job.base, method]))

    @property
    def share(self) -> int | None:
        """Return how far the job is in per cent, None where nobody knows or nothing goes on."""
        if self.facts.is_over or not self.job.steps:
            return None
        return min(round(100 * self.job.step / self.job.steps), 100)

    @property
    def about(self) -> str:
        """Return what the job is and how far, in one line."""
        page, job, facts, number = self._page, self.job, self.facts, self._page.number
        parts = [self.what]
        if facts.epoch and not facts.is_over:
            key = "epoch-of" if facts.epochs else "epoch"
            parts.append(page.say(key, epoch=number(facts.epoch), epochs=number(facts.epochs)))
        if job.steps and not facts.is_over:
            parts.append(page.say("step-of", step=number(job.step), steps=number(job.steps)))
        if facts.pace and not facts.is_over:
            parts.append(page.say("pace", tokens=number(facts.pace)))
        if facts.left_s:
            parts.append(page.say("left", span=page.span(facts.left_s)))
        return " · ".join(parts)

    @property
    def chart(self) -> Curve | None:
        """Return the job's losses as a drawing, None without any."""
        page, total = self._page, 0 if self.facts.is_over else self.job.steps
        return plot_curve(self.facts.train, self.facts.test, total, page.language)

    @property
    def chart_words(self) -> str:
        """Return the curve in words: from where to where each line went."""
        number, parts = self._page.number, []
        for name, series in (("train", self.facts.train), ("test", self.facts.test)):
            if series:
                ends = {"first": number(series[0][1], 2), "last": number(series[-1][1], 2)}
                parts.append(self._page.say(f"curve-{name}", step=number(series[-1][0]), **ends))
        return " ".join(parts)

    @property
    def moves(self) -> Sequence[str]:
        """Return what may be done to the job now, among pause, resume and cancel."""
        if self.job.status in AT_WORK:
            return "pause", "cancel"
        return ("resume", "cancel") if self.job.status == PAUSED else ()

    @property
    def log(self) -> str:
        """Return the end of what the job's trainer logged, secrets left out; "" without a log."""
        repositories, job_id = self._page.engine.repositories, self.job.job_id
        paths = (repositories.work_of(job_id) / "log", repositories.log_of(job_id))
        return redact(next(filter(None, map(_tail, paths)), ""))

    @property
    def events(self) -> Sequence[Mapping[str, object]]:
        """Return the rows of the newest events."""
        events = self._page.engine.repositories.job_events
        return events.page(self.job.job_id, Page(limit=MOST_LINES))[0]

    @property
    def pairs(self) -> Pairs:
        """Return what was ordered, and what came of it."""
        page, job = self._page, self.job
        trained = None if job.trained_tokens is None else page.number(job.trained_tokens)
        pairs = {
            "base": job.base,
            "method": page.say(f"method-{job.method}"),
            "created": page.when(job.created_at),
            "finished": page.when(job.finished_at) if job.finished_at else None,
            "trained-tokens": trained,
            "training-file": job.training_file,
            "validation-file": job.validation_file or None,
            "seed": str(job.seed),
            "job-id": job.job_id,
        }
        return [(page.say(key), value) for key, value in pairs.items() if value is not None]

    @property
    def settings(self) -> Pairs:
        """Return the hyper-parameters."""
        given = sorted(self.job.hyperparameters.items())
        return [(name, _format_setting(self._page, value)) for name, value in given]

    @property
    def models(self) -> Pairs:
        """Return the names under which the job's model and its checkpoints can be asked."""
        page, models = self._page, self._page.engine.repositories.models
        rows, _ = models.checkpoints(self.job.job_id, Page(limit=MOST_LINES))
        is_done = self.job.status == SUCCEEDED
        final = [(self.job.model_name, page.say("final"))] if is_done else []
        steps = [
            (row["name"], page.say("after-step", step=page.number(row["step"]))) for row in rows
        ]
        return final + steps

    def png(self, *, dark: bool) -> bytes:
        """Return the job's losses as a PNG."""
        title = f"{self.title} · {self.job.base}"
        return plot_png(self.facts.train, self.facts.test, self._page.language, title, dark=dark)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_BYTES, 0))
            lines = file.read(LOG_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:  # not there, or just moved to where ended jobs' logs lie
        return ""
    return "\n".join(lines[-MOST_LINES:])


def _format_setting(page: PageRequest, value: object) -> str:
    if isinstance(value, bool):
        return page.say("yes-word" if value else "no-word")
    if isinstance(value, int | float):
        return f"{value:g}".replace(".", ",") if page.language == "ru" else f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _job_list(page: PageRequest, after: str = "") -> Mapping[str, object]:
    """Return the jobs, those that are over behind the one named `after`. Raises ApiError 400.

    `href` asks for them again; `older_href` is "" where there are no older ones.
    """
    version = _version(page)
    unfinished = [JobView(page, job) for job in page.engine.repositories.jobs.unfinished()]
    over, has_more = _over(page, after)
    return {
        "href": "" if after else f"/live?seen={version}",
        "running": [view for view in unfinished if view.job.status == RUNNING],
        "waiting": [view for view in unfinished if view.job.status != RUNNING],
        "over": [JobView(page, job) for job in over],
        "older_href": f"/?after={over[-1].job_id}" if has_more else "",
    }


def _over(page: PageRequest, after: str) -> tuple[list[Job], bool]:
    """Return the newest jobs that are over, and whether there are more of them."""
    over: list[Job] = []
    has_more = True
    while len(over) <= MOST_OVER and has_more:
        jobs, has_more = page.engine.repositories.jobs.list({}, Page(after, MOST_OVER))
        over += [job for job in jobs if job.status in FINAL]
        after = jobs[-1].job_id if jobs else after
    return over[:MOST_OVER], has_more or len(over) > MOST_OVER


def _version(page: PageRequest) -> str:
    """Return what changes whenever any job does."""
    return str(page.engine.repositories.job_events.newest())


def _base_line(page: PageRequest, base: Mapping[str, Any]) -> Mapping[str, object]:
    """Return a base: whether it is here, its licence, its window, who answers; what to do."""
    about = [
        page.say("backend", backend=base["backend"]),
        page.say("window", tokens=page.number(base["context"])) if base["context"] else "",
        base["licence"] or page.say("no-licence"),
    ]
    try:
        page.engine.bases[base["name"]].files()
    except Untrainable as error:
        key = "not-pulled" if error.code == "base_not_pulled" else "unfit"
        badge = Badge("warn", "download", page.say(key))
        hint = text(page.language, error.key, **error.arguments)
    else:
        badge, hint = Badge("ok", "check", page.say("pulled")), ""
    words = " · ".join(filter(None, about))
    return {"name": base["name"], "about": words, "badge": badge, "hint": hint}


def _machine(page: PageRequest) -> Mapping[str, object]:
    """Return what the engine takes of its machine, and what each base that was asked is doing."""
    questions = []
    for base in base_facts(page.engine):
        names = [name for name in _FIGURES if name in base["figures"]]
        pairs = [
            (page.say(f"figure-{name.replace('_', '-')}"), page.number(base["figures"][name]))
            for name in names
        ]
        if base["figures"]:
            questions.append((base["name"], pairs))
    return {"machine": _machine_pairs(page), "questions": questions}


def _machine_pairs(page: PageRequest) -> Pairs:
    use = page.request.app.state.machine.use()
    cores = page.say("cores", count=use.cores)
    pairs = [
        (page.say("cpu"), page.say("cpu-of", share=page.number(use.cpu_percent), cores=cores)),
        (page.say("memory"), page.share_of(use.memory_used_bytes, use.memory_total_bytes)),
        (page.say("memory-own"), page.size(use.memory_own_bytes)),
    ]
    for gpu in use.gpus:
        share, memory = (
            page.number(gpu.percent),
            page.share_of(gpu.memory_used_bytes, gpu.memory_total_bytes),
        )
        pairs.append((gpu.name, page.say("gpu-of", share=share, memory=memory)))
    quota = page.engine.settings.training.quota_bytes
    models = page.share_of(use.models_bytes, quota) if quota else page.size(use.models_bytes)
    free = page.share_of(use.disk_free_bytes, use.disk_total_bytes)
    return [*pairs, (page.say("models-size"), models), (page.say("disk-free"), free)]


router = APIRouter(route_class=PageRoute, include_in_schema=False)

Short = Annotated[str, Query(max_length=80)]


@router.get("/")
def front(page: SignedInPage, after: Short = "") -> Response:
    """Return the front page."""
    view = {
        **_machine(page),
        "jobs": _job_list(page, after),
        "bases": [_base_line(page, base) for base in base_facts(page.engine)],
        "models": page.engine.repositories.models.final()[:MOST_OVER],
    }
    return render_page(page, "board.html", v=view)


@router.get("/live")
def live(page: SignedInPage, seen: Short = "") -> Response:
    """Return the jobs where any has changed since `seen`; nothing where none has."""
    if _version(page) == seen:
        return Response(status_code=204)
    return render_fragment(page, "board_live.html", v=_job_list(page))


@router.get("/machine")
def machine(page: SignedInPage) -> Response:
    """Return what is taken of the machine, and what is being asked."""
    return render_fragment(page, "machine_live.html", v=_machine(page))


@router.get("/view")
def view_all(page: SignedInPage) -> Response:
    """Return jobs, bases, models and machine for programs."""
    repositories = page.engine.repositories
    jobs, _ = repositories.jobs.list({}, Page(limit=MOST_JOBS))
    view = {
        "jobs": [job_facts(repositories, job).as_json(page.language) for job in jobs],
        "counts": repositories.jobs.counts(),
        "bases": base_facts(page.engine),
        "models": [row["name"] for row in repositories.models.final()],
        "machine": asdict(page.request.app.state.machine.use()),
    }
    return JSONResponse(view, headers=HEADERS)


def _job_view(page: PageRequest, job_id: str) -> tuple[JobView, str]:
    """Return a job, and where to ask for it again, "" once it is over. Raises ApiError 404."""
    # Taken before the rest: what comes between is seen once more rather than never.
    version = _version(page)
    view = JobView(page, page.engine.repositories.jobs.get(job_id))
    seen = f"{version}.{view.job.status}"
    return view, "" if view.facts.is_over else f"{view.href}/live?seen={seen}"


@router.get("/jobs/{job_id}")
def show_job(page: SignedInPage, job_id: str) -> Response:
    """Return a job's page."""
    view, live_href = _job_view(page, job_id)
    return render_page(page, "job.html", v=view, live_href=live_href)


@router.get("/jobs/{job_id}/live")
def show_live(page: SignedInPage, job_id: str, seen: Short = "") -> Response:
    """Return what changed of a job since `seen`; nothing where nothing did."""
    version, _, state = seen.partition(".")
    if _version(page) == version:
        return Response(status_code=204)
    view, live_href = _job_view(page, job_id)
    is_news = view.job.status != state
    return render_fragment(page, "job_live.html", v=view, live_href=live_href, is_news=is_news)


@router.get("/jobs/{job_id}/view")
def view_job(page: SignedInPage, job_id: str) -> Response:
    """Return a job and its losses for programs."""
    facts = JobView(page, page.engine.repositories.jobs.get(job_id)).facts
    view = {**facts.as_json(page.language), "train": facts.train, "test": facts.test}
    return JSONResponse(view, headers=HEADERS)


@router.get("/jobs/{job_id}/loss.png")
def loss_png(page: SignedInPage, job_id: str) -> Response:
    """Return a job's losses as a picture, in the theme of the pages."""
    view = JobView(page, page.engine.repositories.jobs.get(job_id))
    theme = page.request.query_params.get("theme", page.theme)
    return Response(view.png(dark=theme == "dark"), media_type="image/png", headers=HEADERS)


@router.post("/jobs/{job_id}/{move}")
def move_job(page: SignedInPage, job_id: str, move: str) -> Response:
    """Pause, resume or cancel a job, then show it."""
    jobs = page.engine.repositories.jobs
    moves = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}
    if move in moves:
        moves[move](job_id)
        page.engine.work.wake()
    return seen_other(f"/jobs/{jobs.get(job_id).job_id}")


@router.get("/sign-in")
async def sign_in(page: OpenPage, next: Short = "/") -> Response:  # noqa: A002 - the address
    """Ask for the engine's key; who is let in already goes on."""
    if page.sign_ins.is_signed_in(page.request):
        return seen_other(local_address(next))
    return render_page(page, "sign_in.html", next=local_address(next), wrong="")


@router.post("/sign-in")
async def by_key(
    page: OpenPage,
    key: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=1000)] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Let a browser in by the engine's key, or say why not."""
    back, now, sign_ins = local_address(next), time.monotonic(), page.sign_ins
    address = page.request.client.host if page.request.client else ""
    wait_s = sign_ins.tries.wait_s(address, now)
    if wait_s > 0:
        words = page.say("wait", span=page.span(max(wait_s, 1)))
        answer = render_page(page, "sign_in.html", 429, next=back, wrong=words)
        answer.headers["Retry-After"] = str(int(wait_s) + 1)
        return answer
    if not sign_ins.is_key(key.strip()):
        sign_ins.tries.add_failure(address, now)
        return render_page(page, "sign_in.html", 401, next=back, wrong=page.say("wrong-key"))
    sign_ins.tries.forget(address)
    response = seen_other(back)
    sign_ins.sign_in(page.request, response)
    return response


@router.post("/sign-out")
async def sign_out(page: OpenPage) -> Response:
    """End this browser's session."""
    response = seen_other("/")
    page.sign_ins.sign_out(page.request, response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.get(PREFIX + "{name}")
def asset(request: Request, name: str) -> Response:
    """Return a style, a script or a drawing."""
    return asset_response(assets(), request, name)
