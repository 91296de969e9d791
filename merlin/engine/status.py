"""The state of jobs, bases and requests as figures: /healthz, /readyz, /metrics and /view.

The first three are for monitoring and need no key; /view is for `merlin engine jobs|status`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.config.engine import RECALL
from merlin.core.charts import read_losses, read_positive
from merlin.core.clock import utc_now
from merlin.core.metrics import Sample, counter, gauge, metrics_page
from merlin.engine.context import Engine, get_engine
from merlin.engine.job_events import error_object, protocol_language
from merlin.engine.jobs import RUNNING, Job
from merlin.engine.machine import MachineUsage
from merlin.engine.storage import Repositories
from merlin.openai_protocol.requests import Page

# The optional throughput among a trainer's metrics.
PACE_METRIC = "tokens_per_s"
MAX_JOBS = 100


class JobProgress:
    """The progress of one job, from its row and its events.

    `left_s`, `tokens_per_s`, `epoch` and `epochs` are 0 if unknown. Losses are (step, loss) pairs.
    """

    def __init__(self, repositories: Repositories, job: Job) -> None:
        measured = repositories.job_events.read_metrics(job.job_id)
        losses = read_losses(measured)
        is_running = job.status == RUNNING
        left_s = (job.estimated_finish or 0) - utc_now().timestamp() if is_running else 0
        paces = [pace for event in measured if (pace := read_positive(event.get(PACE_METRIC)))]
        self.job = job
        self.epoch = max((read_positive(event.get("epoch")) for event in measured), default=0.0)
        self.epochs = read_positive(job.hyperparameters.get("n_epochs"))
        self.left_s = max(left_s, 0.0)
        self.tokens_per_s = paces[-1] if paces else 0.0
        self.train_losses, self.test_losses = losses["train"], losses["test"]

    def as_json(self, language: str) -> dict[str, object]:
        """Return the job as a JSON object, with the error message in `language`."""
        job = self.job
        return {
            "id": job.job_id,
            "title": job.title,
            "base": job.base,
            "method": job.method,
            "state": job.status,
            "step": job.step,
            "steps": job.steps,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "tokens_per_second": self.tokens_per_s or None,
            "seconds_left": round(self.left_s) or None,
            "train_loss": self.train_losses[-1][1] if self.train_losses else None,
            "valid_loss": self.test_losses[-1][1] if self.test_losses else None,
            "error": error_object(job.error, language),
            "created_at": int(job.created_at),
            "finished_at": int(job.finished_at) if job.finished_at else None,
        }


def describe_bases(engine: Engine) -> list[dict[str, Any]]:
    """Return every base as a JSON object.

    `licence` is "" if the config names none; `backend` is the serving backend; `figures` are empty
    before the first request.
    """
    figures = dict(engine.backends.figures())
    settings = engine.settings.models
    return [
        {
            "name": name,
            "licence": settings[name].licence if name in settings else "MIT",
            "context": base.context,
            "backend": engine.settings.serving if name in settings else name,
            "figures": figures.get(name, {}),
        }
        for name, base in engine.bases.items()
    ]


Calls = Mapping[tuple[str, int], int]
Figures = Mapping[str, Mapping[str, float]]


def collect_metrics(engine: Engine, calls: Calls, usage: MachineUsage) -> Iterator[Metric]:
    """Yield all metrics; reads the database."""
    yield from _collect_job_metrics(engine)
    by_call = (
        (n, {"method": method, "code": str(code)}) for (method, code), n in sorted(calls.items())
    )
    yield counter("merlin_engine_calls_total", "Requests answered by this engine.", *by_call)
    yield from _collect_answer_metrics(dict(engine.backends.figures()))
    yield from _collect_machine_metrics(usage)


def _collect_job_metrics(engine: Engine) -> Iterator[Metric]:
    jobs = engine.repositories.jobs
    by_state = ((n, {"status": status}) for status, n in jobs.count_by_state().items())
    yield gauge("merlin_engine_jobs", "Fine-tune jobs by state.", *by_state)
    by_base = (
        (n, {"base": base, "status": status})
        for (base, status), n in sorted(jobs.count_by_base_and_state().items())
    )
    yield gauge("merlin_engine_base_jobs", "Fine-tune jobs by base model and state.", *by_base)
    pace: Counter[str] = Counter()
    for job in jobs.list_in(RUNNING):
        pace[job.base] += round(JobProgress(engine.repositories, job).tokens_per_s)
    paces = ((n, {"base": base}) for base, n in sorted(pace.items()))
    about = "Training speed of running jobs, in tokens per second."
    yield gauge("merlin_engine_training_tokens_per_second", about, *paces)


def _collect_answer_metrics(figures: Figures) -> Iterator[Metric]:
    recall = figures.get(RECALL, {})
    by_known = [
        (recall.get("known", 0), {"known": "true"}),
        (recall.get("unknown", 0), {"known": "false"}),
    ]
    about = "Questions to recall models, by whether the model knew the answer."
    yield counter("merlin_engine_answers_total", about, *by_known)
    questions = _build_samples(figures, "state", {"running": "running", "waiting": "waiting"})
    about = "Questions in progress and in the queue, by base model."
    yield gauge("merlin_engine_questions", about, *questions)
    tokens = {"prompt": "prompt_tokens", "completion": "completion_tokens"}
    about = "Tokens of questions and answers, by base model."
    yield counter("merlin_engine_tokens_total", about, *_build_samples(figures, "kind", tokens))
    loaded = ((own.get("adapters", 0), {"base": base}) for base, own in figures.items())
    yield gauge(
        "merlin_engine_models_loaded", "Fine-tuned models in memory, by base model.", *loaded
    )
    restarts = (
        (own["restarts"], {"base": base}) for base, own in figures.items() if "restarts" in own
    )
    about = "Restarts of a base model's process after a crash."
    yield counter("merlin_engine_restarts_total", about, *restarts)


def _collect_machine_metrics(usage: MachineUsage) -> Iterator[Metric]:
    about = "Memory used by the engine and its child processes, in bytes."
    yield gauge("merlin_engine_memory_bytes", about, (usage.memory_own_bytes, {}))
    yield gauge(
        "merlin_engine_models_bytes", "Disk space used by models.", (usage.models_bytes, {})
    )
    about = "Free bytes on the engine's disk."
    yield gauge("merlin_engine_disk_free_bytes", about, (usage.disk_free_bytes, {}))
    gpus = [({"gpu": str(number), "name": gpu.name}, gpu) for number, gpu in enumerate(usage.gpus)]
    used = ((gpu.memory_used_bytes, labels) for labels, gpu in gpus)
    total = ((gpu.memory_total_bytes, labels) for labels, gpu in gpus)
    busy = ((gpu.percent / 100, labels) for labels, gpu in gpus)
    yield gauge("merlin_engine_gpu_memory_used_bytes", "GPU memory in use.", *used)
    yield gauge("merlin_engine_gpu_memory_bytes", "GPU memory.", *total)
    yield gauge(
        "merlin_engine_gpu_busy_ratio", "Share of time in which the GPU is busy, 0 to 1.", *busy
    )


def _build_samples(figures: Figures, label: str, names: Mapping[str, str]) -> Iterator[Sample]:
    """Yield samples of every base with the label `label`; a missing figure is 0."""
    for base, own in figures.items():
        for value, name in names.items():
            yield own.get(name, 0), {"base": base, label: value}


router = APIRouter()


@router.get("/healthz")
def healthz() -> Response:
    """Return 200 while the process responds."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Return 200 if the worker threads are alive and the database is readable, else 503."""
    engine = get_engine(request)
    engine.repositories.jobs.count_by_state()
    is_well = engine.work.is_alive
    return JSONResponse({"status": "ok" if is_well else "work stopped"}, 200 if is_well else 503)


@router.get("/view")
def view(request: Request) -> Response:
    """Return the last jobs, the bases, models and resource usage."""
    engine, language = get_engine(request), protocol_language(request)
    repositories = engine.repositories
    jobs, _ = repositories.jobs.list({}, Page(limit=MAX_JOBS))
    return JSONResponse(
        {
            "jobs": [JobProgress(repositories, job).as_json(language) for job in jobs],
            "counts": repositories.jobs.count_by_state(),
            "bases": describe_bases(engine),
            "models": [row["name"] for row in repositories.models.list_final()],
            "machine": asdict(request.app.state.machine.read_usage()),
        }
    )


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return all metrics in Prometheus' text format."""
    state = request.app.state
    figures = [
        *collect_metrics(get_engine(request), state.calls, state.machine.read_usage()),
        *state.bodies.metrics("merlin", "engine"),
    ]
    return Response(metrics_page(figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)
