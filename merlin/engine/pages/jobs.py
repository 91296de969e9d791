"""The front page, the pages of jobs, and signing in; all of them work without scripts."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.charts import plot_png
from merlin.core.log import redact
from merlin.core.training_events import event_lines
from merlin.core.web.assets import PREFIX, asset_response, local_address, seen_other
from merlin.engine.jobs import RUNNING
from merlin.engine.pages.page import (
    HEADERS,
    OpenPage,
    PageRequest,
    PageRoute,
    SignedInPage,
    load_assets,
    render_fragment,
    render_page,
)
from merlin.engine.status import JobProgress, describe_bases
from merlin.engine.trainers.base import Untrainable
from merlin.openai_protocol.requests import Page

MAX_FINISHED = 20
MAX_JOBS = 100
MAX_LINES = 200
LOG_BYTES = 16 * 1024


def _read_tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_BYTES, 0))
            lines = file.read(LOG_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:  # it does not exist, or was moved when the job ended
        return ""
    return "\n".join(lines[-MAX_LINES:])


def _build_job_list(page: PageRequest, after: str = "") -> Mapping[str, object]:
    """Return unfinished jobs, and a page of ended ones after the job `after`. Raises ApiError 400.

    `href` is the URL for updates; `older_href` is that of the next page, "" if there is none.
    """
    version, repositories = _read_version(page), page.engine.repositories
    unfinished = repositories.jobs.list_unfinished()
    ended_jobs, has_more = repositories.jobs.list_ended(Page(after, MAX_FINISHED))
    return {
        "href": "" if after else f"/live?seen={version}",
        "running": [JobProgress(repositories, job) for job in unfinished if job.status == RUNNING],
        "waiting": [job for job in unfinished if job.status != RUNNING],
        "over": ended_jobs,
        "older_href": f"/?after={ended_jobs[-1].job_id}" if has_more else "",
    }


def _read_version(page: PageRequest) -> str:
    """Return a version that changes with every job event."""
    return str(page.engine.repositories.job_events.read_version())


def _list_bases(page: PageRequest) -> Iterator[tuple[Mapping[str, object], Untrainable | None]]:
    """Yield every base, and the error that prevents training it, if any."""
    for base in describe_bases(page.engine):
        problem = None
        try:
            page.engine.bases[str(base["name"])].files()
        except Untrainable as error:
            problem = error
        yield base, problem


def _read_machine(page: PageRequest) -> Mapping[str, object]:
    """Return the engine's resource usage, and the figures of each base in use."""
    return {
        "use": page.request.app.state.machine.read_usage(),
        "quota_bytes": page.engine.settings.training.quota_bytes,
        "asked": [base for base in describe_bases(page.engine) if base["figures"]],
    }


router = APIRouter(route_class=PageRoute, include_in_schema=False)

Short = Annotated[str, Query(max_length=80)]


@router.get("/")
def show_front_page(page: SignedInPage, after: Short = "") -> Response:
    """Return the front page."""
    view = {
        **_read_machine(page),
        "jobs": _build_job_list(page, after),
        "bases": _list_bases(page),
        "models": page.engine.repositories.models.list_final()[:MAX_FINISHED],
    }
    return render_page(page, "board.html", v=view)


@router.get("/live")
def update_job_list(page: SignedInPage, seen: Short = "") -> Response:
    """Return the job list, or 204 if no job has changed since the version `seen`."""
    if _read_version(page) == seen:
        return Response(status_code=204)
    return render_fragment(page, "board_live.html", v=_build_job_list(page))


@router.get("/machine")
def update_machine(page: SignedInPage) -> Response:
    """Return the part of the page with resource usage and requests."""
    return render_fragment(page, "machine_live.html", v=_read_machine(page))


@router.get("/view")
def view_all(page: SignedInPage) -> Response:
    """Return jobs, bases, models and resource usage as JSON."""
    repositories = page.engine.repositories
    jobs, _ = repositories.jobs.list({}, Page(limit=MAX_JOBS))
    view = {
        "jobs": [JobProgress(repositories, job).as_json(page.language) for job in jobs],
        "counts": repositories.jobs.count_by_state(),
        "bases": describe_bases(page.engine),
        "models": [row["name"] for row in repositories.models.list_final()],
        "machine": asdict(page.request.app.state.machine.read_usage()),
    }
    return JSONResponse(view, headers=HEADERS)


def _build_job_view(page: PageRequest, job_id: str) -> Mapping[str, Any]:
    """Return a job, its events and the end of its log. Raises ApiError 404.

    `live_href` is the URL for updates, "" once the job has ended.
    """
    # Read first: an event added during the reads is shown twice instead of never.
    version, repositories = _read_version(page), page.engine.repositories
    job = repositories.jobs.get(job_id)
    events = repositories.job_events.list(job_id, Page(limit=MAX_LINES))[0]
    job_events = [
        (event["created_at"], event["level"], event["message"], json.loads(event["content"]))
        for event in events
    ]
    logs = (repositories.get_work_folder(job_id) / "log", repositories.get_log_path(job_id))
    return {
        "v": JobProgress(repositories, job),
        "live_href": "" if job.is_over else f"/jobs/{job_id}/live?seen={version}.{job.status}",
        "events": event_lines(job_events, page.language),
        "log_lines": redact(next(filter(None, map(_read_tail, logs)), "")),
    }


@router.get("/jobs/{job_id}")
def show_job(page: SignedInPage, job_id: str) -> Response:
    """Return a job's page."""
    view = _build_job_view(page, job_id)
    checkpoints, _ = page.engine.repositories.models.list_checkpoints(job_id, Page(limit=MAX_LINES))
    return render_page(page, "job.html", **view, checkpoints=checkpoints)


@router.get("/jobs/{job_id}/live")
def update_job(page: SignedInPage, job_id: str, seen: Short = "") -> Response:
    """Return the job, or 204 if it has not changed since the version `seen`."""
    version, _, state = seen.partition(".")
    if _read_version(page) == version:
        return Response(status_code=204)
    view = _build_job_view(page, job_id)
    return render_fragment(page, "job_live.html", **view, is_news=view["v"].job.status != state)


@router.get("/jobs/{job_id}/view")
def view_job(page: SignedInPage, job_id: str) -> Response:
    """Return a job and its losses as JSON."""
    repositories = page.engine.repositories
    progress = JobProgress(repositories, repositories.jobs.get(job_id))
    losses = {"train": progress.train_losses, "test": progress.test_losses}
    view = {**progress.as_json(page.language), **losses}
    return JSONResponse(view, headers=HEADERS)


@router.get("/jobs/{job_id}/loss.png")
def plot_loss(page: SignedInPage, job_id: str) -> Response:
    """Return a job's loss curves as an image in the theme of the pages."""
    repositories = page.engine.repositories
    progress = JobProgress(repositories, repositories.jobs.get(job_id))
    title = f"{progress.job.title} · {progress.job.base}"
    is_dark = page.request.query_params.get("theme", page.theme) == "dark"
    picture = plot_png(
        progress.train_losses, progress.test_losses, page.language, title, dark=is_dark
    )
    return Response(picture, media_type="image/png", headers=HEADERS)


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
async def show_sign_in(page: OpenPage, next: Short = "/") -> Response:  # noqa: A002 - the address
    """Show the sign-in form; redirect if the browser is signed in already."""
    if page.sign_ins.is_signed_in(page.request):
        return seen_other(local_address(next))
    return render_page(page, "sign_in.html", next=local_address(next), wrong="")


@router.post("/sign-in")
async def sign_in(
    page: OpenPage,
    key: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=1000)] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Sign in with the engine's key, or show the error."""
    back, now, sign_ins = local_address(next), time.monotonic(), page.sign_ins
    address = page.request.client.host if page.request.client else ""
    wait_s = sign_ins.tries.wait_s(address, now)
    if wait_s > 0:
        message = page.say("wait", span=page.format_duration(max(wait_s, 1)))
        answer = render_page(page, "sign_in.html", 429, next=back, wrong=message)
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
def send_asset(request: Request, name: str) -> Response:
    """Return a stylesheet, script or image."""
    return asset_response(load_assets(), request, name)
