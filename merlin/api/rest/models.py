"""Models: which serve, which did; promote one, keep one, let newer ones serve again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.auth import Caller
from merlin.api.permissions import Promoting, Watching, found, pipeline_of
from merlin.api.problems import NAMED, problems
from merlin.api.rest.datasets import ASKED, Wish, ask
from merlin.api.rest.views import ModelShown, PromotionShown, model_shown
from merlin.api.schema import DatasetName, Id, Page, Shape, page_of, part
from merlin.api.services import Shown
from merlin.core.errors import Refused
from merlin.core.permissions import Permission
from merlin.db.requests import RequestKind

router = APIRouter(prefix="/api", tags=["models"])


class ModelList(Shape):
    """Models, newest first."""

    models: list[ModelShown]


class PromotionList(Shape):
    """What served when, newest first."""

    promotions: list[PromotionShown]


@router.get("/models", summary="Tuned models", responses=problems(401, 403, 404, 422))
async def list_models(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> ModelList:
    """Return one part of them, the newest first."""
    lists = pipeline_of(request).lists
    told = await part(request, response, caller, (page, dataset), lists.models)
    return ModelList(models=[model_shown(each) for each in told])


@router.get("/promotions", summary="What served when", responses=problems(401, 403, 404, 422))
async def list_promotions(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> PromotionList:
    """Return one part of them, the newest first."""
    lists = pipeline_of(request).lists
    told = await part(request, response, caller, (page, dataset), lists.promotions)
    return PromotionList(promotions=[PromotionShown(**each) for each in told])


@router.get("/models/{model_id}", summary="A tuned model", responses=problems(401, 403, 404, 422))
async def show_model(request: Request, caller: Watching, model_id: Id) -> ModelShown:
    """Return it with its evaluation."""
    return model_shown(await _found(request, caller, model_id, Permission.WATCH))


@router.post(
    "/models/{model_id}/promote",
    summary="Let a model serve",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses=ASKED,
)
async def promote_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; only a model that was proven can."""
    told = await _found(request, caller, model_id, Permission.PROMOTE)
    target = f"dataset:{told['dataset']}"
    return await ask(request, caller, Wish(RequestKind.PROMOTE, {"model": told["model"]}, target))


@router.post(
    "/models/{model_id}/pin",
    summary="Keep the model that serves, whatever comes",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses=ASKED,
)
async def pin_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; 409 for a model that does not serve."""
    return await _pin(request, caller, model_id, RequestKind.PIN)


@router.post(
    "/models/{model_id}/unpin",
    summary="Let newer models serve again",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses=ASKED,
)
async def unpin_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; 409 for a model that does not serve."""
    return await _pin(request, caller, model_id, RequestKind.UNPIN)


async def _pin(request: Request, caller: Caller, model_id: int, kind: RequestKind) -> Response:
    told = await _found(request, caller, model_id, Permission.PROMOTE)
    if not told["serves"]:
        raise Refused("it does not serve", "model-not-serving", model=told["model"])
    dataset = told["dataset"]
    return await ask(request, caller, Wish(kind, {"dataset": dataset}, f"dataset:{dataset}"))


async def _found(request: Request, caller: Caller, model_id: int, wish: Permission) -> Shown:
    """Return a model that the caller may see. Raises Problem 404."""
    lists = pipeline_of(request).lists
    return await found(request, caller, lambda: lists.model(model_id), wish)
