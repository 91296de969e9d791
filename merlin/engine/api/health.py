"""/healthz, /readyz and /metrics of the engine.

Figures: what the engine exposes to Prometheus, by topic.

/healthz, /readyz, /metrics: for those who watch the engine; they need no key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.core.exposition import MEDIA_TYPE, Family, Sample, exposed
from merlin.engine.bases import RECALL
from merlin.engine.context import Engine, engine_of
from merlin.engine.jobs import RUNNING
from merlin.engine.pages.machine import Gpu, Use
from merlin.engine.pages.page import machine_of
from merlin.engine.status import job_facts

Calls = Mapping[tuple[str, int], int]
Figures = Mapping[str, Mapping[str, float]]


def families(engine: Engine, calls: Calls, use: Use) -> Iterator[Family]:
    """Yield everything there is to watch; reads the database."""
    yield from _of_jobs(engine)
    yield _of_calls(calls)
    yield from _of_answers(dict(engine.desk.figures()))
    yield from _of_machine(use)
    yield from _of_webhooks(engine)


def _of_jobs(engine: Engine) -> Iterator[Family]:
    jobs = engine.shelves.jobs
    by_state = [Sample(n, {"status": status}) for status, n in jobs.counts().items()]
    yield Family("merlin_engine_jobs", "gauge", "Fine-tune jobs by state.", by_state)
    by_base = [
        Sample(n, {"base": base, "status": status})
        for (base, status), n in sorted(jobs.counts_by_base().items())
    ]
    yield Family("merlin_engine_base_jobs", "gauge", "Fine-tune jobs by base and state.", by_base)
    pace: Counter[str] = Counter()
    for job in jobs.waiting(RUNNING):
        pace[job.order.base] += round(job_facts(engine.shelves, job).pace)
    told = [Sample(n, {"base": base}) for base, n in sorted(pace.items())]
    about = "Tokens a second that running jobs learn from."
    yield Family("merlin_engine_training_tokens_per_second", "gauge", about, told)


def _of_calls(calls: Calls) -> Family:
    by_call = [
        Sample(n, {"method": method, "code": str(code)})
        for (method, code), n in sorted(calls.items())
    ]
    about = "Calls that this engine has answered."
    return Family("merlin_engine_calls_total", "counter", about, by_call)


def _of_answers(figures: Figures) -> Iterator[Family]:
    by_known = _of(figures.get(RECALL, {}), "known", {"true": "known", "false": "unknown"})
    about = "Questions to recall by whether the model knew an answer."
    yield Family("merlin_engine_answers_total", "counter", about, by_known)
    questions = _each(figures, "state", {"running": "running", "waiting": "waiting"})
    about = "Questions being answered and in the queue, by base."
    yield Family("merlin_engine_questions", "gauge", about, questions)
    tokens = {"prompt": "prompt_tokens", "completion": "completion_tokens"}
    about = "Tokens read in questions and made in answers, by base."
    yield Family("merlin_engine_tokens_total", "counter", about, _each(figures, "kind", tokens))
    loaded = [Sample(told.get("adapters", 0), {"base": base}) for base, told in figures.items()]
    yield Family("merlin_engine_models_loaded", "gauge", "Tuned models in memory.", loaded)
    restarts = [
        Sample(told["restarts"], {"base": base})
        for base, told in figures.items()
        if "restarts" in told
    ]
    about = "Starts anew of a base's process after it died."
    yield Family("merlin_engine_restarts_total", "counter", about, restarts)


def _of_machine(use: Use) -> Iterator[Family]:
    if use.own is not None:
        about = "Memory of the engine and its children."
        yield Family("merlin_engine_memory_bytes", "gauge", about, [Sample(use.own)])
    yield Family(
        "merlin_engine_models_bytes", "gauge", "Disk that models take.", [Sample(use.models)]
    )
    about = "Free room on the engine's disk."
    yield Family("merlin_engine_disk_free_bytes", "gauge", about, [Sample(use.disk_free)])
    yield from _of_gpus(use.gpus)


def _of_gpus(gpus: Sequence[Gpu]) -> Iterator[Family]:
    named = [({"gpu": str(number), "name": gpu.name}, gpu) for number, gpu in enumerate(gpus)]
    used = [Sample(gpu.used, names) for names, gpu in named]
    total = [Sample(gpu.total, names) for names, gpu in named]
    busy = [Sample(gpu.share / 100, names) for names, gpu in named]
    yield Family("merlin_engine_gpu_memory_used_bytes", "gauge", "GPU memory in use.", used)
    yield Family("merlin_engine_gpu_memory_bytes", "gauge", "GPU memory.", total)
    yield Family("merlin_engine_gpu_busy_ratio", "gauge", "Share of time a GPU works.", busy)


def _of_webhooks(engine: Engine) -> Iterator[Family]:
    waiting = [Sample(engine.courier.outbox.figures()["waiting"])]
    about = "Webhook deliveries that nobody has taken yet."
    yield Family("merlin_engine_webhooks_waiting", "gauge", about, waiting)


def _each(figures: Figures, label: str, names: Mapping[str, str]) -> list[Sample]:
    """Return samples of every base, told apart by `label`; what a base does not tell is 0."""
    return [
        Sample(told.get(name, 0), {"base": base, label: value})
        for base, told in figures.items()
        for value, name in names.items()
    ]


def _of(told: Mapping[str, float], label: str, names: Mapping[str, str]) -> list[Sample]:
    return [Sample(told.get(name, 0), {label: value}) for value, name in names.items()]


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
