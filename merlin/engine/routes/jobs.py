"""/v1/fine_tuning/jobs: jobs, their events, their checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.engine.body import json_object
from merlin.engine.caller import let_queue, owner_of
from merlin.engine.diary import event_object
from merlin.engine.failure import language_asked
from merlin.engine.jobs import Job, job_object
from merlin.engine.models import checkpoint_object
from merlin.engine.order import JobOrder, order_of
from merlin.engine.paging import list_object, page_of
from merlin.engine.refusal import no_file
from merlin.engine.repeats import Wish, wish_of
from merlin.engine.services import Engine, engine_of

router = APIRouter(prefix="/fine_tuning/jobs")

MOST = 1000
_PAGE, _CHECKPOINTS = 20, 10
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)


@router.post("")
async def create(request: Request) -> Response:
    """Keep a new job; the same Idempotency-Key and body give the first answer again."""
    asked = await json_object(request)
    key = request.headers.get("idempotency-key", "")
    wish = wish_of("jobs", key, asked, owner_of(request))
    answer = await run_in_threadpool(_created, request, asked, wish)
    return Response(answer, media_type="application/json")


def _created(request: Request, asked: Mapping[str, object], wish: Wish) -> bytes:
    engine = engine_of(request)
    stored = engine.repeats.answer(wish)
    if stored is not None:
        return stored
    order = order_of(asked, engine.bases)
    _check_files(engine, order, wish.owner)
    answer = engine.shelves.jobs.create(order, wish, let_queue(request))
    engine.work.wake()
    return answer


def _check_files(engine: Engine, order: JobOrder, owner: str) -> None:
    wanted = {"training_file": order.training_file, "validation_file": order.validation_file}
    for param, file_id in wanted.items():
        if file_id is not None and not engine.shelves.files.has(file_id, owner):
            raise no_file(param, file_id)


@router.get("")
def listed(request: Request) -> Response:
    """List jobs, newest first, that carry every `metadata[key]=value` asked for."""
    query = request.query_params
    page = page_of(query, _PAGE, MOST)
    wanted = {
        found[1]: value for name, value in query.items() if (found := _METADATA.fullmatch(name))
    }
    jobs = engine_of(request).shelves.jobs.list(wanted, page, owner_of(request))
    return JSONResponse(list_object(jobs, partial(job_object, language=language_asked(request))))


@router.get("/{job_id}")
def retrieve(request: Request, job_id: str) -> Response:
    """Return a job as it stands."""
    job = engine_of(request).shelves.jobs.get(job_id)
    return JSONResponse(job_object(job, language_asked(request)))


@router.post("/{job_id}/cancel")
def cancel(request: Request, job_id: str) -> Response:
    """Stop a job for good."""
    return _moved(request, job_id, engine_of(request).shelves.jobs.cancel)


@router.post("/{job_id}/pause")
def pause(request: Request, job_id: str) -> Response:
    """Let a job rest after the step under way."""
    return _moved(request, job_id, engine_of(request).shelves.jobs.pause)


@router.post("/{job_id}/resume")
def resume(request: Request, job_id: str) -> Response:
    """Put a resting job back in the queue."""
    return _moved(request, job_id, engine_of(request).shelves.jobs.resume)


def _moved(request: Request, job_id: str, move: Callable[[str], Job]) -> Response:
    job = move(job_id)
    engine_of(request).work.wake()
    return JSONResponse(job_object(job, language_asked(request)))


@router.get("/{job_id}/events")
def events(request: Request, job_id: str) -> Response:
    """List a job's events, newest first."""
    shelves = engine_of(request).shelves
    page = page_of(request.query_params, _PAGE, MOST)
    found = shelves.diary.page(shelves.jobs.get(job_id).job_id, page)
    return JSONResponse(list_object(found, event_object))


@router.get("/{job_id}/checkpoints")
def checkpoints(request: Request, job_id: str) -> Response:
    """List a job's checkpoints, newest first; the last ten are kept."""
    shelves = engine_of(request).shelves
    page = page_of(request.query_params, _CHECKPOINTS, MOST)
    found = shelves.models.checkpoints(shelves.jobs.get(job_id).job_id, page)
    return JSONResponse(list_object(found, checkpoint_object))
