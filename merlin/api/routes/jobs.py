"""Jobs: what is being trained, how far it is, launch and cancel."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.role import Permission
from merlin.api.described import problems
from merlin.api.office.asked import Wish, ask
from merlin.api.office.listing import part
from merlin.api.office.right import Launching, Watching, found, pipeline_of, seen
from merlin.api.office.shown import JobDetails, JobShown, job_details, job_shown
from merlin.api.paging import Page, page_of
from merlin.api.routes.datasets import ASKED
from merlin.api.shape import Body, DatasetName, Id, Line, Shape
from merlin.api.teaching.right import services_of
from merlin.core.errors import NotFound
from merlin.core.request import RequestKind

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


class JobList(Shape):
    """Jobs, newest first."""

    jobs: list[JobShown]


class Launch(Body):
    """Which dataset is to be trained: its newest build."""

    dataset: Annotated[Line, Field(min_length=1, max_length=200)]


@router.get("", summary="Jobs", responses=problems(401, 403, 404, 422))
async def list_jobs(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> JobList:
    """Return one part of them, the newest first."""
    lists = pipeline_of(request).lists
    told = await part(request, response, caller, (page, dataset), lists.jobs)
    return JobList(jobs=[job_shown(each) for each in told])


@router.get("/{job_id}", summary="A job", responses=problems(401, 403, 404, 422))
async def show_job(request: Request, caller: Watching, job_id: Id) -> JobDetails:
    """Return it with its diary, checkpoints and losses."""
    reports = pipeline_of(request).reports
    return job_details(await found(request, caller, lambda: reports.job(job_id)))


@router.post(
    "",
    summary="Train the newest build of a dataset",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=ASKED,
)
async def launch_job(request: Request, caller: Launching, body: Launch) -> Response:
    """Ask the daemon to launch; budget and sunsets are looked at there."""
    seen(caller, body.dataset, Permission.LAUNCH)
    pipeline = pipeline_of(request)
    told = await services_of(request).store.read(pipeline.reports.status)
    if body.dataset not in told["datasets"]:
        raise NotFound("no dataset", "change-no-dataset", dataset=body.dataset)
    wish = Wish(RequestKind.LAUNCH, {"dataset": body.dataset}, f"dataset:{body.dataset}")
    return await ask(request, caller, wish)


@router.post(
    "/{job_id}/cancel",
    summary="Stop a job",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=ASKED,
)
async def cancel_job(request: Request, caller: Launching, job_id: Id) -> Response:
    """Ask the daemon to stop it."""
    reports = pipeline_of(request).reports
    await found(request, caller, lambda: reports.job(job_id, 1), Permission.LAUNCH)
    return await ask(request, caller, Wish(RequestKind.CANCEL, {"job": job_id}, f"job:{job_id}"))
