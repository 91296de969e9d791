"""/healthz, /readyz and /metrics of the engine, for those who watch it; they need no key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.metrics import Sample, counter, gauge, metrics_page
from merlin.engine.bases import RECALL
from merlin.engine.context import Engine, engine_of
from merlin.engine.jobs import RUNNING
from merlin.engine.machine import Use
from merlin.engine.status import job_facts

Calls = Mapping[tuple[str, int], int]
Figures = Mapping[str, Mapping[str, float]]


def metrics_of(engine: Engine, calls: Calls, use: Use) -> Iterator[Metric]:
    """Yield everything there is to watch; reads the database."""
    yield from _of_jobs(engine)
    by_call = (
        (n, {"method": method, "code": str(code)}) for (method, code), n in sorted(calls.items())
    )
    yield counter("merlin_engine_calls_total", "Calls that this engine has answered.", *by_call)
    yield from _of_answers(dict(engine.backends.figures()))
    yield from _of_machine(use)
    waiting = engine.webhook_sender.deliveries.count_waiting()
    about = "Webhook deliveries that nobody has taken yet."
    yield gauge("merlin_engine_webhooks_waiting", about, (waiting, {}))


def _of_jobs(engine: Engine) -> Iterator[Metric]:
    jobs = engine.repositories.jobs
    by_state = ((n, {"status": status}) for status, n in jobs.counts().items())
    yield gauge("merlin_engine_jobs", "Fine-tune jobs by state.", *by_state)
    by_base = (
        (n, {"base": base, "status": status})
        for (base, status), n in sorted(jobs.counts_by_base().items())
    )
    yield gauge("merlin_engine_base_jobs", "Fine-tune jobs by base and state.", *by_base)
    pace: Counter[str] = Counter()
    for job in jobs.waiting(RUNNING):
        pace[job.order.base] += round(job_facts(engine.repositories, job).pace)
    paces = ((n, {"base": base}) for base, n in sorted(pace.items()))
    about = "Tokens a second that running jobs learn from."
    yield gauge("merlin_engine_training_tokens_per_second", about, *paces)


def _of_answers(figures: Figures) -> Iterator[Metric]:
    recall = figures.get(RECALL, {})
    by_known = [
        (recall.get("known", 0), {"known": "true"}),
        (recall.get("unknown", 0), {"known": "false"}),
    ]
    about = "Questions to recall by whether the model knew an answer."
    yield counter("merlin_engine_answers_total", about, *by_known)
    questions = _each(figures, "state", {"running": "running", "waiting": "waiting"})
    about = "Questions being answered and in the queue, by base."
    yield gauge("merlin_engine_questions", about, *questions)
    tokens = {"prompt": "prompt_tokens", "completion": "completion_tokens"}
    about = "Tokens read in questions and made in answers, by base."
    yield counter("merlin_engine_tokens_total", about, *_each(figures, "kind", tokens))
    loaded = ((own.get("adapters", 0), {"base": base}) for base, own in figures.items())
    yield gauge("merlin_engine_models_loaded", "Tuned models in memory.", *loaded)
    restarts = (
        (own["restarts"], {"base": base}) for base, own in figures.items() if "restarts" in own
    )
    about = "Starts anew of a base's process after it died."
    yield counter("merlin_engine_restarts_total", about, *restarts)


def _of_machine(use: Use) -> Iterator[Metric]:
    if use.own is not None:
        about = "Memory of the engine and its children."
        yield gauge("merlin_engine_memory_bytes", about, (use.own, {}))
    yield gauge("merlin_engine_models_bytes", "Disk that models take.", (use.models, {}))
    about = "Free room on the engine's disk."
    yield gauge("merlin_engine_disk_free_bytes", about, (use.disk_free, {}))
    gpus = [({"gpu": str(number), "name": gpu.name}, gpu) for number, gpu in enumerate(use.gpus)]
    used = ((gpu.used, labels) for labels, gpu in gpus)
    total = ((gpu.total, labels) for labels, gpu in gpus)
    busy = ((gpu.share / 100, labels) for labels, gpu in gpus)
    yield gauge("merlin_engine_gpu_memory_used_bytes", "GPU memory in use.", *used)
    yield gauge("merlin_engine_gpu_memory_bytes", "GPU memory.", *total)
    yield gauge("merlin_engine_gpu_busy_ratio", "Share of time a GPU works.", *busy)


def _each(figures: Figures, label: str, names: Mapping[str, str]) -> Iterator[Sample]:
    """Yield samples of every base, told apart by `label`; what a base does not tell is 0."""
    for base, own in figures.items():
        for value, name in names.items():
            yield own.get(name, 0), {"base": base, label: value}


router = APIRouter()


@router.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Say whether jobs are worked and the database is read."""
    engine = engine_of(request)
    engine.repositories.jobs.counts()
    is_well = engine.work.is_alive
    return JSONResponse({"status": "ok" if is_well else "work stopped"}, 200 if is_well else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return figures in Prometheus' text format."""
    state = request.app.state
    figures = [
        *metrics_of(engine_of(request), state.calls, state.machine.use()),
        *state.connections.metrics("merlin", "engine"),
        *state.bodies.metrics("merlin", "engine"),
    ]
    return Response(metrics_page(figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)
