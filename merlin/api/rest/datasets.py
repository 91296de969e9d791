"""Datasets, builds and verdicts.

What a dataset teaches now, what serves it, and going back to an earlier model; versions of the
training files and how two of them differ; what each commit led to, with what the checker said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.api.auth import Launching, Promoting, Watching
from merlin.api.problems import NOT_MODIFIED, problems
from merlin.api.response_cache import not_modified, tag_of, tagged
from merlin.api.rest.changes import FindingShown
from merlin.api.rest.jobs import ASKED, accepted
from merlin.api.schema import (
    Body,
    DatasetName,
    InLanguage,
    Line,
    Name,
    Part,
    Shape,
    operation_router,
    part,
)
from merlin.app import builds, jobs, models, verdicts
from merlin.app.board import Board, read_board
from merlin.app.builds import BuildDetails, BuildDiff, BuildView
from merlin.app.jobs import JobView, QuoteView
from merlin.app.models import ServingView
from merlin.app.status import dataset_of_name, datasets_by_name
from merlin.app.views import Both
from merlin.dataset.verdicts import VerdictStatus


class VerdictShown(Shape):
    """What a commit led to for a dataset."""

    id: int
    commit: str
    dataset: str
    position: int | None = Field(description="on the branch; null: the commit is there no more")
    verdict: VerdictStatus
    subject: str
    author: str
    committed_at: datetime
    updated_at: datetime
    build: str | None
    job: int | None
    served_until: datetime | None = Field(
        description="when its model last stopped serving; null: it serves now, or never did"
    )
    reason: InLanguage = Field(
        validation_alias="why", description="why, in the language of the caller"
    )
    findings: list[FindingShown] = Field(description="the first fifty")


class NewestVerdict(Shape):
    """The newest of a dataset's verdicts."""

    commit: str
    verdict: VerdictStatus
    subject: str
    updated_at: datetime
    build: str | None
    reason: InLanguage = Field(validation_alias="why")


class DatasetShown(Shape):
    """A dataset; what is null did not happen yet."""

    name: str
    title: Both
    examples: int
    verdict: NewestVerdict | None
    serving: ServingView | None
    job: JobView | None


class DatasetDetails(DatasetShown):
    """A dataset with what the checker found at its newest commit."""

    findings: list[FindingShown]


build_router = operation_router(prefix="/api/builds", tags=["builds"])


BuildList = TypedDict("BuildList", {"builds": Sequence[BuildView]})


@build_router.get("", summary="Builds", responses=problems(404))
async def list_builds(caller: Watching, page: Part, dataset: DatasetName = "") -> BuildList:
    """Return one part of them, the newest first."""
    return {"builds": await part(caller, page, dataset, builds.recent)}


@build_router.get("/{version}", summary="A build", responses=problems(404))
async def show_build(caller: Watching, version: Name) -> BuildDetails:
    """Return a build by its version (neurotypology-7) or the beginning of its digest."""
    return await caller.read(builds.get, version)


@build_router.get(
    "/{old}/diff/{new}", summary="What one build has that another has not", responses=problems(404)
)
async def compare_builds(caller: Watching, old: Name, new: Name) -> BuildDiff:
    """Return ids of examples by what became of them."""
    return await caller.read(builds.compare, old, new)


dataset_router = operation_router(prefix="/api/datasets", tags=["datasets"])


DatasetList = TypedDict("DatasetList", {"datasets": list[DatasetShown]})


class Back(Body):
    """Which model shall serve again."""

    to: Annotated[Line, Field(min_length=1, max_length=300)] | None = Field(
        default=None, description="a model's name at its provider; null: the one before"
    )


@dataset_router.get("", summary="Datasets")
async def list_datasets(caller: Watching) -> DatasetList:
    """Return what each led to, what serves it and its newest job."""
    found = await caller.read(datasets_by_name)
    return {"datasets": [DatasetShown.of(each, caller.language) for each in found]}


@dataset_router.get("/{dataset}", summary="A dataset", responses=problems(404))
async def show_dataset(caller: Watching, dataset: Name) -> DatasetDetails:
    """Return one, with what the checker found at its newest commit."""
    return DatasetDetails.of(await caller.read(dataset_of_name, dataset), caller.language)


@dataset_router.get(
    "/{dataset}/quote",
    summary="What training the newest build would cost",
    responses=problems(404, 409),
)
async def quote_launch(caller: Launching, dataset: Name) -> QuoteView:
    """Return it, and why it may not be launched."""
    return await caller.read(jobs.quote, dataset, caller.language)


@dataset_router.post("/{dataset}/rollback", summary="Let an earlier model serve again", **ASKED)
async def roll_back(
    request: Request, caller: Promoting, dataset: Name, body: Back | None = None
) -> Response:
    """Ask the daemon; only a model that has served can."""
    to = (body.to if body is not None else None) or ""
    return await accepted(request, caller, partial(models.roll_back, dataset=dataset, to=to))


verdict_router = operation_router(prefix="/api", tags=["verdicts"])


@verdict_router.get(
    "/board",
    summary="Where commits stand",
    response_model=Board,
    responses=NOT_MODIFIED | problems(404),
)
async def show_board(
    request: Request, response: Response, caller: Watching, dataset: DatasetName = ""
) -> Board | Response:
    """Return each dataset's edits, moving and failed commits and live one, newest first.

    Why a commit waits or failed is told by its verdict. The ETag leaves out the moment `at`.
    """
    board = await caller.read(read_board, dataset)
    tag = tag_of(repr((board.rows, board.is_live, board.silent_since)).encode("utf-8", "replace"))
    if unchanged := not_modified(request, tag, caller.language):
        return unchanged
    tagged(response, tag)
    return board


VerdictList = TypedDict("VerdictList", {"verdicts": list[VerdictShown]})


@verdict_router.get("/verdicts", summary="What commits led to", responses=problems(404))
async def list_verdicts(
    caller: Watching,
    page: Part,
    dataset: DatasetName = "",
    commit: Annotated[
        str, Query(pattern="^([0-9a-f]{4,64})?$", description="an id, or how it begins")
    ] = "",
) -> VerdictList:
    """Return one part of them, the newest first."""
    found = await part(caller, page, dataset, partial(verdicts.recent, commit=commit))
    return {"verdicts": [VerdictShown.of(each, caller.language) for each in found]}
