"""/healthz, /readyz, /metrics: for those who watch the engine; they need no key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.core.exposition import MEDIA_TYPE, Family, Sample, exposed
from merlin.engine.bases import RECALL
from merlin.engine.services import Engine, engine_of

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
    families = _families(engine_of(request), request.app.state.calls)
    return PlainTextResponse(exposed(families), media_type=MEDIA_TYPE)


def _families(engine: Engine, calls: Mapping[tuple[str, int], int]) -> Iterator[Family]:
    jobs = engine.shelves.jobs.counts()
    by_state = [Sample(n, {"status": status}) for status, n in jobs.items()]
    yield Family("merlin_engine_jobs", "gauge", "Fine-tune jobs by state.", by_state)
    by_call = [
        Sample(n, {"method": method, "code": str(code)})
        for (method, code), n in sorted(calls.items())
    ]
    about_calls = "Calls that this engine has answered."
    yield Family("merlin_engine_calls_total", "counter", about_calls, by_call)
    figures = dict(engine.desk.figures())
    recall = figures.get(RECALL, {})
    by_known = [
        Sample(recall.get(word, 0), {"known": known})
        for known, word in (("true", "known"), ("false", "unknown"))
    ]
    about_answers = "Questions to recall by whether the model knew an answer."
    yield Family("merlin_engine_answers_total", "counter", about_answers, by_known)
    loaded = [Sample(told.get("adapters", 0), {"base": base}) for base, told in figures.items()]
    yield Family("merlin_engine_models_loaded", "gauge", "Tuned models in memory.", loaded)
