"""/healthz, /readyz, /metrics: for those who watch the engine; they need no key."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

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
    engine = engine_of(request)
    lines = ["# TYPE merlin_engine_jobs gauge"]
    for status, n in engine.shelves.jobs.counts().items():
        lines.append(f'merlin_engine_jobs{{status="{status}"}} {n}')
    lines.append("# TYPE merlin_engine_calls_total counter")
    for (method, code), n in sorted(request.app.state.calls.items()):
        lines.append(f'merlin_engine_calls_total{{method="{method}",code="{code}"}} {n}')
    lines.append("# TYPE merlin_engine_answers_total counter")
    for known, n in engine.serving.answered.items():
        lines.append(f'merlin_engine_answers_total{{known="{str(known).lower()}"}} {n}')
    lines.append("# TYPE merlin_engine_models_loaded gauge")
    lines.append(f"merlin_engine_models_loaded {engine.serving.loaded}")
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
