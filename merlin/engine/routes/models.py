"""/v1/models: the bases that can be tuned, then the tuned models, newest first."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.engine.models import model_object
from merlin.engine.refusal import Refusal
from merlin.engine.services import engine_of
from merlin.engine.trainers import TRAINERS

router = APIRouter(prefix="/models")

# When `recall` was first shipped: 2026-11-20, in seconds since 1970.
BASE_CREATED = 1_795_132_800


@router.get("")
def listed(request: Request) -> Response:
    """List every model but the checkpoints, which stand in their job's own list."""
    tuned = engine_of(request).shelves.models.final()
    shown = [model_object(base, BASE_CREATED) for base in TRAINERS]
    shown += [model_object(row["name"], row["created_at"]) for row in tuned]
    return JSONResponse({"object": "list", "data": shown})


@router.get("/{name:path}")
def retrieve(request: Request, name: str) -> Response:
    """Return a model, base, tuned or checkpoint."""
    if name in TRAINERS:
        return JSONResponse(model_object(name, BASE_CREATED))
    row = engine_of(request).shelves.models.get(name)
    return JSONResponse(model_object(row["name"], row["created_at"]))


@router.delete("/{name:path}")
def delete(request: Request, name: str) -> Response:
    """Delete a tuned model or a checkpoint; its weights are gone for good."""
    if name in TRAINERS:
        raise Refusal(403, f"`{name}` is a base model: only tuned models can be deleted.")
    engine_of(request).shelves.models.delete(name)
    return JSONResponse({"id": name, "object": "model", "deleted": True})
