"""/healthz, /readyz, /metrics: for those who watch the engine; they need no key."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.core.exposition import MEDIA_TYPE, exposed
from merlin.engine.figures import families
from merlin.engine.page.visit import machine_of
from merlin.engine.services import engine_of

router = APIRouter()


@router.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Say whether jobs are worked and the database is read."""
    engine = engine_of(request)
    engine.shelves.jobs.counts()
    is_well = engine.work.is_alive
    return JSONResponse({"status": "ok" if is_well else "work stopped"}, 200 if is_well else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return figures in Prometheus' text format."""
    use = machine_of(request).use()
    state = request.app.state
    told = [
        *families(engine_of(request), state.calls, use),
        *state.connections.families("merlin", "engine"),
        *state.bodies.families("merlin", "engine"),
    ]
    return PlainTextResponse(exposed(told), media_type=MEDIA_TYPE)
