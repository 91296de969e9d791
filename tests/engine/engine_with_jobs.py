"""An engine with jobs in every state, trained by a trainer that a test controls."""

import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from merlin.config.engine import EngineModelConfig, EngineSettings
from merlin.engine.bases import Base, build_bases
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.base import (
    DPO,
    SUPERVISED,
    Epoch,
    Hyperparameters,
    ResolvedHyperparameters,
    Step,
    Untrainable,
)
from tests.engine.running_engine import build_examples, build_training_file, serve_engine

BASE, MISSING = "smollm2-135m-instruct", "qwen3-0.6b"
STEPS, EPOCHS, SHOWN = 120, 4, 79
FAILS, QUICK, SLOW = 1, 2, 3
SETTINGS = {
    "n_epochs": EPOCHS,
    "batch_size": 4,
    "learning_rate_multiplier": 0.5,
    "lora_rank": 16,
    "lora_targets": ["q_proj", "v_proj"],
}
# Longer than EVENTS_EVERY_S of the engine, so that each repeated step is written at once.
REPEAT_S = 0.25
LOG = "step 79 of 120, 1240 tokens/s\n"


def compute_metrics(step):
    """Return the metrics of a step: falling losses with some noise."""
    metrics = {
        "train_loss": 2.9 * math.exp(-step / 40) + 0.2 + 0.12 * math.sin(step * 1.7),
        "tokens_per_s": 1240.0,
    }
    if step % 15 == 0:
        metrics["valid_loss"] = 2.7 * math.exp(-step / 45) + 0.5
    return metrics


@dataclass
class ScriptedTrainer:
    """A Trainer controlled by the seed; a SLOW job waits until `steps` is released."""

    steps: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(SHOWN))

    @property
    def hyperparameters(self):
        return {SUPERVISED: Hyperparameters, DPO: Hyperparameters}

    def train(self, task):
        if task.seed == FAILS:
            raise MemoryError
        (task.folder / "log").write_text(LOG)
        yield ResolvedHyperparameters(SETTINGS)
        for step in range(1, STEPS + 1):
            while task.seed == SLOW and not self.steps.acquire(timeout=REPEAT_S):
                yield Step(step - 1, compute_metrics(step - 1))
            metrics = compute_metrics(step)
            number, rest = divmod(step, STEPS // EPOCHS)
            yield Step(step, metrics)
            if not rest:
                yield Epoch(number, step, metrics, _save, 400 * step)

    def finish(self):
        """Let all jobs run to their end."""
        self.steps.release(100 * STEPS)


def _save(path):
    path.mkdir()
    (path / "adapter_model.safetensors").write_bytes(b"\0" * 4096)


@dataclass(frozen=True)
class EngineWithJobs:
    """A running engine: a client of it, its trainer, and its job ids by state."""

    client: object
    trainer: ScriptedTrainer
    jobs: dict

    @property
    def address(self):
        return f"http://127.0.0.1:{self.client.port}"


@contextmanager
def serve_with_jobs(folder, *, is_empty=False, **options):
    """Serve an engine with a job in each state, or without jobs if `is_empty`."""
    trainer = ScriptedTrainer()
    settings = EngineSettings(folder, "127.0.0.1", 0, "")
    bases = {
        **build_bases(settings),
        BASE: Base(BASE, trainer, lambda: RecallBackend("ru"), 2048, is_heavy=True),
        MISSING: Base(MISSING, trainer, RecallBackend, 32_768, _raise_missing, is_heavy=True),
    }
    models = {
        BASE: EngineModelConfig(),
        MISSING: EngineModelConfig(),
    }
    with serve_engine(folder, bases, models=models, **options) as client:
        served = EngineWithJobs(client, trainer, {} if is_empty else _create_jobs(client))
        try:
            yield served
        finally:
            trainer.finish()


def _raise_missing():
    raise Untrainable("base_not_pulled", "library-not-pulled", "model", name=MISSING)


def _create_jobs(engine):
    file_id = engine.upload(build_training_file(build_examples(12))).id

    def launch(suffix, seed, **options):
        return engine.jobs.create(
            model=BASE, training_file=file_id, suffix=suffix, seed=seed, **options
        ).id

    job_ids = {"failed": launch("python-3", FAILS), "succeeded": launch("algorithms-12", QUICK)}
    for state, job_id in job_ids.items():
        assert engine.until(job_id, "failed", "succeeded", "cancelled").status == state
    job_ids["running"] = launch("neuro", SLOW, metadata={"merlin_build": "neurotypology-8"})
    engine.until(job_ids["running"], "running")
    for state, suffix in (("queued", "algorithms-13"), ("cancelled", "x")):
        job_ids[state] = launch(suffix, QUICK)
        engine.until(job_ids[state], "queued")
    engine.jobs.cancel(job_ids["cancelled"])
    return job_ids
