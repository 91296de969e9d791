"""Datasets: what each teaches now, what serves it, and going back to an earlier model."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.role import Permission
from merlin.api.described import NAMED, problems
from merlin.api.language import language_of_request
from merlin.api.office.asked import RequestShown, Wish, ask
from merlin.api.office.right import (
    Launching,
    Promoting,
    Watching,
    pipeline_of,
    seen,
    watched,
)
from merlin.api.office.shown import (
    DatasetDetails,
    DatasetShown,
    Told,
    dataset_values,
    said,
)
from merlin.api.shape import Body, Both, Line, Name, Shape
from merlin.api.teaching.right import services_of
from merlin.api.teaching.shown import finding_shown
from merlin.build.estimate import epochs
from merlin.core.errors import NotFound, Refused
from merlin.core.request import RequestKind
from merlin.dataset.editing import DatasetCard
from merlin.job.launching import Quote, quote

router = APIRouter(prefix="/api/datasets", tags=["datasets"])
ASKED = {
    HTTPStatus.ACCEPTED.value: {"model": RequestShown, "description": "The daemon was asked"},
    **problems(400, 401, 403, 404, 409, 413, 422),
}


class DatasetList(Shape):
    """The datasets that you may watch, by name."""

    datasets: list[DatasetShown]


class QuoteShown(Shape):
    """What training the newest build would cost; amounts in millionths of `currency`."""

    dataset: str
    build: str
    provider: str
    base_model: str
    examples: int
    epochs: int
    cost_micro: int | None = Field(description="null: nobody knows the price")
    spent_micro: int = Field(description="what the provider's jobs of this month may have cost")
    cap_micro: int | None = Field(description="what they may cost together; null: no cap")
    currency: str
    refusal: str = Field(description='why it may not be launched, "" where it may')


class Back(Body):
    """Which model shall serve again."""

    to: Annotated[Line, Field(min_length=1, max_length=300)] | None = Field(
        default=None, description="a model's name at its provider; null: the one before"
    )


@router.get("", summary="Datasets", responses=problems(401, 403, 422))
async def list_datasets(request: Request, caller: Watching) -> DatasetList:
    """Return what each led to, what serves it and its newest job."""
    services, pipeline = services_of(request), pipeline_of(request)
    language, mine = language_of_request(request), watched(caller)

    def found() -> DatasetList:
        told = pipeline.reports.status()["datasets"]
        cards = {each.name: each for each in services.rows.library.datasets()}
        names = [each for each in sorted({*told, *cards}) if mine is None or each in mine]
        shown = [
            DatasetShown(**_values(each, told.get(each), cards.get(each), language))
            for each in names
        ]
        return DatasetList(datasets=shown)

    return await services.store.read(found)


@router.get("/{dataset}", summary="A dataset", responses=problems(401, 403, 404, 422))
async def show_dataset(request: Request, caller: Watching, dataset: Name) -> DatasetDetails:
    """Return one, with what the checker found at its newest commit."""
    seen(caller, dataset)
    services, pipeline = services_of(request), pipeline_of(request)
    language = language_of_request(request)

    def found() -> DatasetDetails:
        told = pipeline.reports.status()["datasets"].get(dataset)
        cards = services.rows.library.datasets()
        card = next((each for each in cards if each.name == dataset), None)
        if told is None and card is None:
            raise NotFound("no dataset", "change-no-dataset", dataset=dataset)
        findings = services.rows.library.findings(dataset)
        return DatasetDetails(
            **_values(dataset, told, card, language),
            findings=[finding_shown(each, language) for each in findings],
        )

    return await services.store.read(found)


@router.get(
    "/{dataset}/quote",
    summary="What training the newest build would cost",
    responses=problems(401, 403, 404, 409, 422),
)
async def quote_launch(request: Request, caller: Launching, dataset: Name) -> QuoteShown:
    """Return it, and why it may not be launched."""
    seen(caller, dataset, Permission.LAUNCH)
    services, pipeline = services_of(request), pipeline_of(request)
    language = language_of_request(request)

    def found() -> QuoteShown:
        verdict = pipeline.verdicts.newest(dataset)
        if verdict.build_id is None:
            raise Refused(f"{dataset} is {verdict.word}", "build-none", dataset=dataset)
        told = quote(pipeline.launching, verdict)
        return _quote(dataset, told, pipeline.caps.per_month_micro, language)

    return await services.store.read(found)


@router.post(
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
    seen(caller, dataset, Permission.PROMOTE)
    pipeline = pipeline_of(request)
    told = await services_of(request).store.read(pipeline.reports.status)
    if dataset not in told["datasets"]:
        raise NotFound("no dataset", "change-no-dataset", dataset=dataset)
    to = {"to": body.to} if body is not None and body.to else {}
    wish = Wish(RequestKind.ROLLBACK, {"dataset": dataset, **to}, f"dataset:{dataset}")
    return await ask(request, caller, wish)


def _values(
    name: str, told: Told | None, card: DatasetCard | None, language: str
) -> dict[str, Any]:
    return {
        **dataset_values(name, told, language),
        "title": Both(**card.title) if card else Both(),
        "examples": card.examples if card else 0,
    }


def _quote(dataset: str, told: Quote, cap_micro: int | None, language: str) -> QuoteShown:
    recipe, refusal = told.order.recipe, told.refusal
    return QuoteShown(
        dataset=dataset,
        build=told.build.version,
        provider=told.order.provider,
        base_model=recipe.base_model,
        examples=told.build.train,
        epochs=epochs(told.build.train, recipe.hyperparameters.get("n_epochs", "auto")),
        cost_micro=told.cost_micro,
        spent_micro=told.spent_micro,
        cap_micro=cap_micro,
        currency=told.order.currency,
        refusal=said(refusal.reason, refusal.arguments, language) if refusal else "",
    )
