"""Jobs, and requests to the daemon."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, JobLauncher, JobViewer, RequiredAccess
from merlin.api.schema import (
    Body,
    DatasetName,
    Id,
    Line,
    Part,
    ResponseModel,
    operation_router,
    part,
)
from merlin.app import jobs, requests
from merlin.app.jobs import JobDetails, JobView
from merlin.core.i18n import render_stored_text
from merlin.core.views import make_finite
from merlin.db.requests import Request as StoredRequest, RequestKind, RequestState


class RequestShown(ResponseModel):
    """A request to the daemon."""

    id: int
    kind: RequestKind
    state: RequestState
    asked_at: datetime
    arguments: dict[str, Any]
    result: dict[str, Any] | None = Field(
        description="Result of a completed request; else null."
    )
    reason: str = Field(
        description='Reason for the failure, in the caller\'s language; "" if it did not fail.'
    )


# A route that stores a daemon request.
REQUEST_ROUTE: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "response_description": "The request to the daemon was stored",
}


def request_view(request: StoredRequest, language: str) -> RequestShown:
    """Return a request in a language."""
    is_done = request.state is RequestState.DONE
    return RequestShown(
        id=request.request_id,
        kind=RequestKind(request.kind),
        state=request.state,
        asked_at=request.created_at,
        arguments=dict(request.arguments),
        result=make_finite(dict(request.result)) if is_done else None,
        reason=failure(request, language),
    )


def failure(request: StoredRequest, language: str) -> str:
    """Return why the daemon refused, "" if it did not."""
    if request.state is not RequestState.FAILED:
        return ""
    return render_stored_text(language, request.error.key, request.error.arguments)


# An operation that stores a daemon request.
RequestAct = Callable[..., StoredRequest]


async def submit_request(
    caller: Caller, act: RequestAct, response: Response
) -> RequestShown:
    """Return the stored request; the response tells its location."""
    stored = await caller.write(act, caller.actor)
    response.headers["Location"] = f"/api/requests/{stored.request_id}"
    return request_view(stored, caller.language)


request_router = operation_router(prefix="/api/requests", tags=["jobs"])
Asker = Annotated[Caller, Depends(RequiredAccess(Scope.JOBS_READ))]


@request_router.get("/{request_id}", summary="Get a request")
async def show_request(caller: Asker, request_id: Id) -> RequestShown:
    """Return one of the caller's requests, or a request for a dataset that the caller may watch."""
    stored = await caller.read(requests.get, caller.actor, request_id)
    return request_view(stored, caller.language)


router = operation_router(prefix="/api/jobs", tags=["jobs"])


JobList = TypedDict("JobList", {"jobs": Sequence[JobView]})


class Launch(Body):
    """The dataset whose newest build is to be trained."""

    dataset: Annotated[Line, Field(min_length=1, max_length=200)]


@router.get("", summary="List jobs")
async def list_jobs(
    caller: JobViewer, page: Part, dataset: DatasetName = ""
) -> JobList:
    """Return the fine-tune jobs, newest first."""
    return {"jobs": await part(caller, page, dataset, jobs.list_recent)}


@router.get("/{job_id}", summary="Get a job")
async def show_job(caller: JobViewer, job_id: Id) -> JobDetails:
    """Return a job with its event log, checkpoints and losses."""
    return await caller.read(jobs.get, caller.actor, job_id)


@router.post("", summary="Launch a job", **REQUEST_ROUTE)
async def launch_job(
    caller: JobLauncher, body: Launch, response: Response
) -> RequestShown:
    """Request a fine-tune job for the newest build.

    The daemon checks the budget and the base model's shutdown date.
    """
    return await submit_request(
        caller, partial(jobs.launch, dataset=body.dataset), response
    )


@router.post("/{job_id}/cancel", summary="Cancel a job", **REQUEST_ROUTE)
async def cancel_job(
    caller: JobLauncher, job_id: Id, response: Response
) -> RequestShown:
    """Request the cancellation of a job."""
    return await submit_request(caller, partial(jobs.cancel, job_id=job_id), response)
