"""Datasets, builds and verdicts.

What a dataset teaches now, what serves it, and going back to an earlier model; versions of the
training files and how two of them differ; what each commit led to, with what the checker said.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.permissions import Launching, Promoting, Watching, context_of
from merlin.api.problems import NAMED, language_of_request, problems
from merlin.api.rest.requests import ASKED, accepted
from merlin.api.rest.views import (
    DatasetDetails,
    DatasetShown,
    VerdictShown,
    dataset_values,
    finding_shown,
    verdict_shown,
)
from merlin.api.schema import Body, DatasetName, Line, Name, Page, Shape, page_of, part
from merlin.app import builds, jobs, models, verdicts
from merlin.app.builds import BuildDetails, BuildDiff, BuildView
from merlin.app.jobs import QuoteView
from merlin.app.status import dataset_of_name, datasets_by_name

build_router = APIRouter(prefix="/api/builds", tags=["builds"])


class BuildList(Shape):
    """Builds, newest first."""

    builds: Sequence[BuildView]


@build_router.get("", summary="Builds", responses=problems(401, 403, 404, 422))
async def list_builds(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> BuildList:
    """Return one part of them, the newest first."""
    return BuildList(builds=await part(request, response, caller, (page, dataset), builds.recent))


@build_router.get("/{version}", summary="A build", responses=problems(401, 403, 404, 422))
async def show_build(request: Request, caller: Watching, version: Name) -> BuildDetails:
    """Return a build by its version (neurotypology-7) or the beginning of its digest."""
    return await context_of(request).read(builds.get, caller.actor, version)


@build_router.get(
    "/{old}/diff/{new}",
    summary="What one build has that another has not",
    responses=problems(401, 403, 404, 422),
)
async def compare_builds(request: Request, caller: Watching, old: Name, new: Name) -> BuildDiff:
    """Return ids of examples by what became of them."""
    return await context_of(request).read(builds.compare, caller.actor, old, new)


dataset_router = APIRouter(prefix="/api/datasets", tags=["datasets"])


class DatasetList(Shape):
    """The datasets that you may watch, by name."""

    datasets: list[DatasetShown]


class Back(Body):
    """Which model shall serve again."""

    to: Annotated[Line, Field(min_length=1, max_length=300)] | None = Field(
        default=None, description="a model's name at its provider; null: the one before"
    )


@dataset_router.get("", summary="Datasets", responses=problems(401, 403, 422))
async def list_datasets(request: Request, caller: Watching) -> DatasetList:
    """Return what each led to, what serves it and its newest job."""
    found = await context_of(request).read(datasets_by_name, caller.actor)
    language = language_of_request(request)
    return DatasetList(datasets=[DatasetShown(**dataset_values(each, language)) for each in found])


@dataset_router.get("/{dataset}", summary="A dataset", responses=problems(401, 403, 404, 422))
async def show_dataset(request: Request, caller: Watching, dataset: Name) -> DatasetDetails:
    """Return one, with what the checker found at its newest commit."""
    found = await context_of(request).read(dataset_of_name, caller.actor, dataset)
    language = language_of_request(request)
    findings = [finding_shown(each, language) for each in found.findings]
    return DatasetDetails(**dataset_values(found, language), findings=findings)


@dataset_router.get(
    "/{dataset}/quote",
    summary="What training the newest build would cost",
    responses=problems(401, 403, 404, 409, 422),
)
async def quote_launch(request: Request, caller: Launching, dataset: Name) -> QuoteView:
    """Return it, and why it may not be launched."""
    language = language_of_request(request)
    return await context_of(request).read(jobs.quote, caller.actor, dataset, language)


@dataset_router.post(
    "/{dataset}/rollback",
    summary="Let an earlier model serve again",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses=ASKED,
)
async def roll_back(
    request: Request, caller: Promoting, dataset: Name, body: Back | None = None
) -> Response:
    """Ask the daemon; only a model that has served can."""
    to = (body.to if body is not None else None) or ""
    return await accepted(request, caller, partial(models.roll_back, dataset=dataset, to=to))


verdict_router = APIRouter(prefix="/api", tags=["verdicts"])


class VerdictList(Shape):
    """Verdicts, newest first."""

    verdicts: list[VerdictShown]


@verdict_router.get(
    "/verdicts", summary="What commits led to", responses=problems(401, 403, 404, 422)
)
async def list_verdicts(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    commit: Annotated[
        str, Query(pattern="^([0-9a-f]{4,64})?$", description="an id, or how it begins")
    ] = "",
) -> VerdictList:
    """Return one part of them, the newest first."""
    act = partial(verdicts.recent, commit=commit)
    found = await part(request, response, caller, (page, dataset), act)
    language = language_of_request(request)
    return VerdictList(verdicts=[verdict_shown(each, language) for each in found])
