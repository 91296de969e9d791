"""The state of jobs, bases and requests as figures, without a key: health, readiness, metrics."""

from collections.abc import Iterator
from contextlib import suppress

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.config import INSTALLATION_HEADER, id_of_folder
from merlin.core.metrics import counter, gauge, metrics_page
from merlin.engine.context import Engine, get_engine


def collect_metrics(engine: Engine) -> Iterator[Metric]:
    """Yield all metrics; reads the database."""
    by_state = (
        (n, {"base": base, "status": status})
        for (base, status), n in sorted(
            engine.repositories.jobs.count_by_base_and_state().items()
        )
    )
    yield gauge(
        "merlin_engine_jobs", "Fine-tune jobs by base model and state.", *by_state
    )
    figures = dict(engine.backends.figures())
    states = [
        (own.get(state, 0), {"base": base, "state": state})
        for base, own in figures.items()
        for state in ("running", "waiting")
    ]
    about = "Questions in progress and in the queue, by base model."
    yield gauge("merlin_engine_questions", about, *states)
    loaded = ((own.get("adapters", 0), {"base": base}) for base, own in figures.items())
    about = "Fine-tuned models in memory, by base model."
    yield gauge("merlin_engine_models_loaded", about, *loaded)
    restarts = (
        (own["restarts"], {"base": base})
        for base, own in figures.items()
        if "restarts" in own
    )
    about = "Restarts of a base model's process after a crash."
    yield counter("merlin_engine_restarts_total", about, *restarts)


router = APIRouter()


@router.get("/healthz")
def healthz(request: Request) -> Response:
    """Return 200 while the process responds, and which installation it belongs to."""
    response = JSONResponse({"status": "ok"})
    with suppress(OSError):
        state_dir = request.app.state.settings.folder.parent
        response.headers[INSTALLATION_HEADER] = id_of_folder(state_dir)
    return response


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Return 200 if the worker threads are alive and the database is readable, else 503."""
    engine = get_engine(request)
    engine.repositories.jobs.count_by_base_and_state()
    is_well = engine.work.is_alive
    return JSONResponse(
        {"status": "ok" if is_well else "work stopped"}, 200 if is_well else 503
    )


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return all metrics in Prometheus' text format."""
    figures = collect_metrics(get_engine(request))
    return Response(metrics_page(figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)
