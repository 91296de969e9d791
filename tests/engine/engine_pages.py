"""An engine with jobs in every state, trained by a trainer that goes on when a test lets it."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from merlin.config.engine import EngineModelConfig, EngineSettings
from merlin.engine.bases import Base, bases_of
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.base import (
    DPO,
    SUPERVISED,
    Epoch,
    ResolvedHyperparameters,
    Step,
    Untrainable,
)
from tests.engine.running_engine import engine_in_thread, jsonl, many

BASE, MISSING = "smollm2-135m-instruct", "qwen3-0.6b"
STEPS, EPOCHS, SHOWN = 120, 4, 79
FAILS, QUICK, SLOW = 1, 2, 3
SETTINGS = {
    "n_epochs": EPOCHS,
    "batch_size": 4,
    "learning_rate_multiplier": 0.5,
    "lora_rank": 16,
    "lora_targets": ["q_proj", "v_proj"],
    "packing": True,
}
# Longer than the engine waits before it tells: what was told last is seen soon.
TELLS_AGAIN_S = 0.25
LOG = "step 79 of 120, 1240 tokens/s\n"


def metrics_at(step):
    """Return what is measured at a step: losses that fall, with some noise of their own."""
    told = {
        "train_loss": 2.9 * math.exp(-step / 40) + 0.2 + 0.12 * math.sin(step * 1.7),
        "tokens_per_s": 1240.0,
    }
    if step % 15 == 0:
        told["valid_loss"] = 2.7 * math.exp(-step / 45) + 0.5
    return told


@dataclass
class Rehearsed:
    """A Trainer that does as the seed says; a SLOW job waits for `steps` to be released."""

    steps: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(SHOWN))

    def hyperparameters(self, method, given):  # noqa: ARG002 - Trainer's shape
        return {**SETTINGS, **given}

    def train(self, task):
        if task.seed == FAILS:
            raise MemoryError
        (task.folder / "log").write_text(LOG)
        yield ResolvedHyperparameters(task.hyperparameters, STEPS)
        for step in range(1, STEPS + 1):
            while task.seed == SLOW and not self.steps.acquire(timeout=TELLS_AGAIN_S):
                yield Step(step - 1, metrics_at(step - 1))
            metrics = metrics_at(step)
            number, rest = divmod(step, STEPS // EPOCHS)
            yield Step(step, metrics)
            if not rest:
                yield Epoch(number, step, metrics, _save, 400 * step)

    def finish(self):
        """Let every job run to its end."""
        self.steps.release(100 * STEPS)


def _save(path):
    path.mkdir()
    (path / "adapter_model.safetensors").write_bytes(b"\0" * 4096)


@dataclass(frozen=True)
class Pages:
    """A running engine: a desk at it, its trainer, and its jobs by state."""

    desk: object
    trainer: Rehearsed
    jobs: dict

    @property
    def address(self):
        return f"http://127.0.0.1:{self.desk.port}"


@contextmanager
def pages_in_thread(folder, *, is_empty=False, **other):
    """Serve an engine with a job of each state; without any where it is to be empty."""
    trainer = Rehearsed()
    settings = EngineSettings(folder, "127.0.0.1", 0, "")
    bases = {
        **bases_of(settings),
        BASE: Base(
            BASE, trainer, (SUPERVISED, DPO), lambda: RecallBackend("ru"), 2048, is_heavy=True
        ),
        MISSING: Base(MISSING, trainer, (SUPERVISED,), RecallBackend, 32_768, _missing, True),
    }
    models = {
        BASE: EngineModelConfig(licence="Apache-2.0"),
        MISSING: EngineModelConfig(licence="Apache-2.0", backend="vllm"),
    }
    with engine_in_thread(folder, bases, models=models, **other) as desk:
        pages = Pages(desk, trainer, {} if is_empty else _filled(desk))
        try:
            yield pages
        finally:
            trainer.finish()


def _missing():
    raise Untrainable("base_not_pulled", "library-not-pulled", "model", name=MISSING)


def _filled(desk):
    file_id = desk.upload(jsonl(many(12))).id

    def launch(suffix, seed, **more):
        return desk.jobs.create(
            model=BASE, training_file=file_id, suffix=suffix, seed=seed, **more
        ).id

    made = {"failed": launch("python-3", FAILS), "succeeded": launch("algorithms-12", QUICK)}
    for state, job_id in made.items():
        assert desk.until(job_id, "failed", "succeeded", "cancelled").status == state
    made["running"] = launch("neuro", SLOW, metadata={"merlin_build": "neurotypology-8"})
    desk.until(made["running"], "running")
    for state, suffix in (("queued", "algorithms-13"), ("paused", "physics-1"), ("cancelled", "x")):
        made[state] = launch(suffix, QUICK)
        desk.until(made[state], "queued")
    desk.jobs.pause(made["paused"])
    desk.jobs.cancel(made["cancelled"])
    return made
