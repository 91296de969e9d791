"""Run our trainer once, as the engine does, and print the figures as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

from bench.engine_train import TrainingSettings, format_figures
from merlin.engine.trainers.base import (
    SUPERVISED,
    BaseFiles,
    Epoch,
    Step,
    Task,
    check_hyperparameters,
)
from merlin.engine.trainers.lora.trainer import LoraHyperparameters, LoraTrainer


def main(settings: TrainingSettings) -> None:
    """Train; the peak memory is that of the child process, which uses torch."""
    trainer, step_times, loss = LoraTrainer(), list[tuple[int, float]](), 0.0
    hyperparameters = {
        "n_epochs": settings.epochs,
        "batch_size": settings.batch,
        "rank": settings.rank,
        "learning_rate_multiplier": settings.rate / 1e-3,
        "gradient_checkpointing": False,
    }
    task = Task(
        method=SUPERVISED,
        train=Path(settings.train),
        test=None,
        hyperparameters=check_hyperparameters(SUPERVISED, LoraHyperparameters, hyperparameters),
        seed=settings.seed,
        folder=Path(settings.folder),
        base=BaseFiles(Path(settings.base), settings.dtype),
        device=settings.device,
    )
    for progress in trainer.train(task):
        if isinstance(progress, Step | Epoch):
            step_times.append((progress.step, time.monotonic()))
        if isinstance(progress, Epoch):
            loss = progress.metrics["train_loss"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(format_figures(settings, step_times, peak, loss))


if __name__ == "__main__":
    main(TrainingSettings(**json.loads(sys.argv[1])))
