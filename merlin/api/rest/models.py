"""Models: which serve, which did; promote one, keep one, let newer ones serve again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.permissions import Promoting, Watching, context_of
from merlin.api.problems import NAMED, problems
from merlin.api.rest.requests import ASKED, accepted
from merlin.api.schema import DatasetName, Id, Page, Shape, page_of, part
from merlin.app import models
from merlin.app.models import ModelView, PromotionView

router = APIRouter(prefix="/api", tags=["models"])


class ModelList(Shape):
    """Models, newest first."""

    models: Sequence[ModelView]


class PromotionList(Shape):
    """What served when, newest first."""

    promotions: Sequence[PromotionView]


@router.get("/models", summary="Tuned models", responses=problems(401, 403, 404, 422))
async def list_models(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> ModelList:
    """Return one part of them, the newest first."""
    return ModelList(models=await part(request, response, caller, (page, dataset), models.recent))


@router.get("/promotions", summary="What served when", responses=problems(401, 403, 404, 422))
async def list_promotions(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> PromotionList:
    """Return one part of them, the newest first."""
    found = await part(request, response, caller, (page, dataset), models.history)
    return PromotionList(promotions=found)


@router.get("/models/{model_id}", summary="A tuned model", responses=problems(401, 403, 404, 422))
async def show_model(request: Request, caller: Watching, model_id: Id) -> ModelView:
    """Return it with its evaluation."""
    return await context_of(request).read(models.get, caller.actor, model_id)


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
    return await accepted(request, caller, partial(models.promote, model_id=model_id))


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
    act = partial(models.pin_model, model_id=model_id, is_pinned=True)
    return await accepted(request, caller, act)


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
    act = partial(models.pin_model, model_id=model_id, is_pinned=False)
    return await accepted(request, caller, act)
