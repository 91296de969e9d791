"""Builds: versions of the training files, what each teaches, and how two of them differ."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.caller import Caller
from merlin.api.described import problems
from merlin.api.office.listing import part
from merlin.api.office.pipeline import Shown
from merlin.api.office.right import Watching, found, pipeline_of
from merlin.api.office.shown import (
    BuildDetails,
    BuildDiff,
    BuildShown,
    build_details,
    build_shown,
)
from merlin.api.paging import Page, page_of
from merlin.api.shape import DatasetName, Name, Shape
from merlin.build.diff import diff

router = APIRouter(prefix="/api/builds", tags=["builds"])


class BuildList(Shape):
    """Builds, newest first."""

    builds: list[BuildShown]


@router.get("", summary="Builds", responses=problems(401, 403, 404, 422))
async def list_builds(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> BuildList:
    """Return one part of them, the newest first."""
    lists = pipeline_of(request).lists
    told = await part(request, response, caller, (page, dataset), lists.builds)
    return BuildList(builds=[build_shown(each) for each in told])


@router.get("/{version}", summary="A build", responses=problems(401, 403, 404, 422))
async def show_build(request: Request, caller: Watching, version: Name) -> BuildDetails:
    """Return a build by its version (neurotypology-7) or the beginning of its digest."""
    return build_details(await _found(request, caller, version))


@router.get(
    "/{old}/diff/{new}",
    summary="What one build has that another has not",
    responses=problems(401, 403, 404, 422),
)
async def compare_builds(request: Request, caller: Watching, old: Name, new: Name) -> BuildDiff:
    """Return ids of examples by what became of them."""
    one, other = await _found(request, caller, old), await _found(request, caller, new)
    told = diff(one["manifest"], other["manifest"])
    return BuildDiff(
        old=one["build"],
        new=other["build"],
        added=list(told.added),
        removed=list(told.removed),
        changed=list(told.changed),
        moved=list(told.moved),
    )


async def _found(request: Request, caller: Caller, version: str) -> Shown:
    """Return a build that the caller may watch. Raises Problem 404."""
    reports = pipeline_of(request).reports
    return await found(request, caller, lambda: reports.build(version))
