"""Datasets, builds and verdicts.

What a dataset teaches now, what serves it, and going back to an earlier model; versions of the
training files and how two of them differ; what each commit led to, with what the checker said.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.permissions import Launching, Promoting, Watching, context_of, services_of
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
from merlin.api.schema import Body, Both, DatasetName, Line, Name, Page, Shape, page_of, part
from merlin.app import builds, jobs, models, verdicts
from merlin.app.actor import Actor, missing_dataset
from merlin.app.builds import BuildDetails, BuildDiff, BuildView
from merlin.app.context import Context
from merlin.app.jobs import QuoteView
from merlin.app.status import DatasetStatus, status
from merlin.core.permissions import Permission
from merlin.dataset.file_index import FileIndex
from merlin.dataset.files import DatasetCard

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
    services, language = services_of(request), language_of_request(request)

    def found(ctx: Context, actor: Actor) -> DatasetList:
        told, mine = status(ctx, actor).datasets, actor.visible_datasets()
        cards = {each.name: each for each in FileIndex(services.db).datasets()}
        names = [each for each in sorted({*told, *cards}) if mine is None or each in mine]
        shown = [
            DatasetShown(**_values(each, told.get(each), cards.get(each), language))
            for each in names
        ]
        return DatasetList(datasets=shown)

    return await services.read(found, caller.actor)


@dataset_router.get("/{dataset}", summary="A dataset", responses=problems(401, 403, 404, 422))
async def show_dataset(request: Request, caller: Watching, dataset: Name) -> DatasetDetails:
    """Return one, with what the checker found at its newest commit."""
    services, language = services_of(request), language_of_request(request)

    def found(ctx: Context, actor: Actor) -> DatasetDetails:
        actor.require(Permission.WATCH, dataset)
        told = status(ctx, actor).datasets.get(dataset)
        cards = FileIndex(services.db).datasets()
        card = next((each for each in cards if each.name == dataset), None)
        if told is None and card is None:
            raise missing_dataset(dataset)
        findings = FileIndex(services.db).findings(dataset)
        return DatasetDetails(
            **_values(dataset, told, card, language),
            findings=[finding_shown(each, language) for each in findings],
        )

    return await services.read(found, caller.actor)


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


def _values(
    name: str, told: DatasetStatus | None, card: DatasetCard | None, language: str
) -> dict[str, Any]:
    return {
        **dataset_values(name, told, language),
        "title": Both(**card.title) if card else Both(),
        "examples": card.examples if card else 0,
    }


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
