"""Models: which serve, which did; promote one, keep one, let newer ones serve again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.api.auth import Promoting, Watching
from merlin.api.problems import problems
from merlin.api.rest.requests import ASKED, accepted
from merlin.api.schema import DatasetName, Id, Part, operation_router, part
from merlin.app import models
from merlin.app.models import ModelView, PromotionView

router = operation_router(prefix="/api", tags=["models"])


ModelList = TypedDict("ModelList", {"models": Sequence[ModelView]})


PromotionList = TypedDict("PromotionList", {"promotions": Sequence[PromotionView]})


@router.get("/models", summary="Tuned models", responses=problems(404))
async def list_models(caller: Watching, page: Part, dataset: DatasetName = "") -> ModelList:
    """Return one part of them, the newest first."""
    return {"models": await part(caller, page, dataset, models.recent)}


@router.get("/promotions", summary="What served when", responses=problems(404))
async def list_promotions(caller: Watching, page: Part, dataset: DatasetName = "") -> PromotionList:
    """Return one part of them, the newest first."""
    return {"promotions": await part(caller, page, dataset, models.history)}


@router.get("/models/{model_id}", summary="A tuned model", responses=problems(404))
async def show_model(caller: Watching, model_id: Id) -> ModelView:
    """Return it with its evaluation."""
    return await caller.read(models.get, model_id)


@router.post("/models/{model_id}/promote", summary="Let a model serve", **ASKED)
async def promote_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; only a model that was proven can."""
    return await accepted(request, caller, partial(models.promote, model_id=model_id))


@router.post(
    "/models/{model_id}/pin", summary="Keep the model that serves, whatever comes", **ASKED
)
async def pin_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; 409 for a model that does not serve."""
    act = partial(models.pin_model, model_id=model_id, is_pinned=True)
    return await accepted(request, caller, act)


@router.post("/models/{model_id}/unpin", summary="Let newer models serve again", **ASKED)
async def unpin_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; 409 for a model that does not serve."""
    act = partial(models.pin_model, model_id=model_id, is_pinned=False)
    return await accepted(request, caller, act)
