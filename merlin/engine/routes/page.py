"""/ and /jobs: the engine as people see it; everything here works without a script too."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.web.answering import own_address, seen_other
from merlin.core.web.assets import PREFIX, sent
from merlin.engine.page import board, one_job
from merlin.engine.page.answering import HEADERS, PageRoute, assets, part, shown
from merlin.engine.page.entrance import entrance_of
from merlin.engine.page.facts import base_facts, job_facts
from merlin.engine.page.visit import Anybody, Known
from merlin.engine.paging import Page

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_JOBS = 100
Seen = Annotated[str, Query(max_length=80)]
Short = Annotated[str, Query(max_length=80)]


@router.get("/")
def front(visit: Known, after: Short = "") -> Response:
    """Return the front page."""
    view = {
        "jobs": board.jobs_view(visit, after),
        "machine": board.machine_told(visit, visit.machine.use()),
        "questions": board.questions_told(visit),
        "bases": board.base_lines(visit),
        "models": board.model_lines(visit),
    }
    return shown(visit, "board.html", v=view)


@router.get("/live")
def live(visit: Known, seen: Seen = "") -> Response:
    """Return the jobs where any has changed since `seen`; nothing where none has."""
    if board.jobs_seen(visit) == seen:
        return Response(status_code=204)
    return part(visit, "board_live.html", v=board.jobs_view(visit))


@router.get("/machine")
def machine(visit: Known) -> Response:
    """Return what is taken of the machine, and what is being asked."""
    told = board.machine_told(visit, visit.machine.use())
    view = {"machine": told, "questions": board.questions_told(visit)}
    return part(visit, "machine_live.html", v=view)


@router.get("/view")
def view_all(visit: Known) -> Response:
    """Return jobs, bases, models and machine for programs."""
    shelves = visit.engine.shelves
    jobs, _ = shelves.jobs.list({}, Page(limit=MOST_JOBS))
    told = {
        "jobs": [job_facts(shelves, job).as_json(visit.language) for job in jobs],
        "counts": shelves.jobs.counts(),
        "bases": [base.as_json() for base in base_facts(visit.engine)],
        "models": [row["name"] for row in shelves.models.final()],
        "machine": visit.machine.use().as_json(),
    }
    return JSONResponse(told, headers=HEADERS)


@router.get("/jobs/{job_id}")
def show_job(visit: Known, job_id: str) -> Response:
    """Return a job's page."""
    return shown(visit, "job.html", v=one_job.job_view(visit, job_id))


@router.get("/jobs/{job_id}/live")
def show_live(visit: Known, job_id: str, seen: Seen = "") -> Response:
    """Return what changed of a job since `seen`; nothing where nothing did."""
    number, _, state = seen.partition(".")
    if board.jobs_seen(visit) == number:
        return Response(status_code=204)
    view = one_job.live_view(visit, job_id)
    return part(visit, "job_live.html", v=view, is_news=view.state != state)


@router.get("/jobs/{job_id}/view")
def view_job(visit: Known, job_id: str) -> Response:
    """Return a job and its losses for programs."""
    facts = job_facts(visit.engine.shelves, visit.engine.shelves.jobs.get(job_id))
    told = {**facts.as_json(visit.language), "train": facts.train, "test": facts.test}
    return JSONResponse(told, headers=HEADERS)


@router.get("/jobs/{job_id}/loss.png")
def loss_png(visit: Known, job_id: str) -> Response:
    """Return a job's losses as a picture, in the light of the pages."""
    theme = visit.request.query_params.get("theme", visit.theme)
    picture = one_job.picture_of(visit, job_id, dark=theme == "dark")
    return Response(picture, media_type="image/png", headers=HEADERS)


@router.post("/jobs/{job_id}/{move}")
def move_job(visit: Known, job_id: str, move: str) -> Response:
    """Pause, resume or cancel a job, then show it."""
    jobs = visit.engine.shelves.jobs
    moves = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}
    if move in moves:
        moves[move](job_id)
        visit.engine.work.wake()
    return seen_other(f"/jobs/{jobs.get(job_id).job_id}")


@router.get("/sign-in")
async def sign_in(visit: Anybody, next: Short = "/") -> Response:  # noqa: A002 - the address
    """Ask for the engine's key; who is let in already goes on."""
    if entrance_of(visit.request).lets_in(visit.request):
        return seen_other(own_address(next))
    return shown(visit, "sign_in.html", next=own_address(next), wrong="")


@router.post("/sign-in")
async def by_key(
    visit: Anybody,
    key: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=1000)] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Let a browser in by the engine's key, or say why not."""
    request, back, now = visit.request, own_address(next), time.monotonic()
    entrance = entrance_of(request)
    address = request.client.host if request.client else ""
    wait_s = entrance.tries.wait_s(address, now)
    if wait_s > 0:
        words = visit.say("wait", span=visit.span(max(wait_s, 1)))
        answer = shown(visit, "sign_in.html", 429, next=back, wrong=words)
        answer.headers["Retry-After"] = str(int(wait_s) + 1)
        return answer
    if not entrance.is_right(key.strip()):
        entrance.tries.wrong(address, now)
        return shown(visit, "sign_in.html", 401, next=back, wrong=visit.say("wrong-key"))
    entrance.tries.right(address)
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
    return sent(assets(), request, name)
