"""/v1/models: the bases that can be tuned, then the tuned models, newest first."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.engine.bases import RECALL, RECALL_CREATED
from merlin.engine.caller import owner_of
from merlin.engine.models import model_object
from merlin.engine.refusal import Refusal
from merlin.engine.rows import Row
from merlin.engine.services import Engine, engine_of

router = APIRouter(prefix="/models")


@router.get("")
def listed(request: Request) -> Response:
    """List every model but the checkpoints, which stand in their job's own list."""
    engine = engine_of(request)
    shown = [model_object(base.name, RECALL_CREATED, base) for base in engine.bases.values()]
    shown += [_tuned(engine, row) for row in engine.shelves.models.final(owner_of(request))]
    return JSONResponse({"object": "list", "data": shown})


@router.get("/{name:path}")
def retrieve(request: Request, name: str) -> Response:
    """Return a model, base, tuned or checkpoint."""
    engine = engine_of(request)
    if name in engine.bases:
        return JSONResponse(model_object(name, RECALL_CREATED, engine.bases[name]))
    return JSONResponse(_tuned(engine, engine.shelves.models.get(name)))


@router.delete("/{name:path}")
def delete(request: Request, name: str) -> Response:
    """Delete a tuned model or a checkpoint; its weights are gone for good."""
    if name in engine_of(request).bases:
        raise Refusal(403, f"`{name}` is a base model: only tuned models can be deleted.")
    engine_of(request).shelves.models.delete(name)
    return JSONResponse({"id": name, "object": "model", "deleted": True})


def _tuned(engine: Engine, row: Row) -> dict[str, object]:
    base = engine.bases.get(row["base"], engine.bases[RECALL])
    return model_object(row["name"], row["created_at"], base)
