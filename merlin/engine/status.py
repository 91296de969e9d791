"""Facts: where jobs, bases and questions stand, without words; the page and programs tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merlin.core.charts import Point, read_losses
from merlin.core.clock import utc_now
from merlin.engine.context import Engine
from merlin.engine.job_events import error_object
from merlin.engine.jobs import FINAL, RUNNING, Job
from merlin.engine.storage import Repositories

# What a trainer may tell of its pace with its losses.
PACE = "tokens_per_s"
_BUILD = "merlin_build"
_SHORT = 8


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One job as it stands; `left_s` and `pace` (tokens a second) are 0 where nobody knows.

    `epoch` is of `epochs`, `step` of `steps`, each 0 where it was not told.
    """

    job: Job
    title: str
    epoch: float
    epochs: float
    left_s: float
    pace: float
    train: Sequence[Point]
    test: Sequence[Point]

    @property
    def is_over(self) -> bool:
        """Return whether nothing will change any more."""
        return self.job.status in FINAL

    def as_json(self, language: str) -> dict[str, object]:
        """Return the job as programs read it, why it failed in a language."""
        job = self.job
        return {
            "id": job.job_id,
            "title": self.title,
            "base": job.order.base,
            "method": job.order.method,
            "state": job.status,
            "step": job.step,
            "steps": job.steps,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "tokens_per_second": self.pace or None,
            "seconds_left": round(self.left_s) or None,
            "train_loss": self.train[-1][1] if self.train else None,
            "valid_loss": self.test[-1][1] if self.test else None,
            "error": error_object(job.error, language),
            "created_at": int(job.created_at),
            "finished_at": int(job.finished_at) if job.finished_at else None,
        }


def job_facts(repositories: Repositories, job: Job) -> JobFacts:
    """Return what a job's row and its events tell."""
    measured = repositories.job_events.metrics(job.job_id)
    losses = read_losses({"events": [{"data": each} for each in measured], "checkpoints": []})
    is_running = job.status == RUNNING
    left_s = (job.estimated_finish or 0) - utc_now().timestamp() if is_running else 0
    paces = [pace for each in measured if (pace := _number(each.get(PACE)))]
    return JobFacts(
        job=job,
        title=title_of(job),
        epoch=max((_number(each.get("epoch")) for each in measured), default=0.0),
        epochs=_number(job.order.hyperparameters.get("n_epochs")),
        left_s=max(left_s, 0.0),
        pace=paces[-1] if paces else 0.0,
        train=losses["train"],
        test=losses["test"],
    )


def title_of(job: Job) -> str:
    """Return what people call a job: the build it is for, else its suffix, else its id."""
    order = job.order
    return order.metadata.get(_BUILD) or order.suffix or f"ftjob-…{job.job_id[-_SHORT:]}"


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """One base: `figures` are its backend's, empty while nobody has asked it.

    `licence` is "" where the config does not say; `backend` is who answers.
    """

    name: str
    licence: str
    context: int
    backend: str
    figures: Mapping[str, float]

    def as_json(self) -> dict[str, object]:
        """Return the base as programs read it."""
        fields = {"name": self.name, "licence": self.licence, "context": self.context}
        return {**fields, "backend": self.backend, "figures": dict(self.figures)}


def base_facts(engine: Engine) -> list[BaseFacts]:
    """Return every base, as the engine lists them."""
    figures = dict(engine.backends.figures())
    settings = {model.name: model for model in engine.settings.models}
    return [
        BaseFacts(
            name=name,
            licence=settings[name].licence if name in settings else "MIT",
            context=base.context,
            backend=settings[name].backend if name in settings else name,
            figures=figures.get(name, {}),
        )
        for name, base in engine.bases.items()
    ]


def _number(value: object) -> float:
    """Return a number above 0, else 0: a trainer may say "auto"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return max(float(value), 0.0)
