"""One run of our trainer, as the engine calls it; prints its figures as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from bench.engine_train import Lesson, told
from merlin.engine.trainers.base import SUPERVISED, BaseFiles, Epoch, Step, Task, TrainingDevices
from merlin.engine.trainers.lora.trainer import LoraTrainer


def main(lesson: Lesson) -> None:
    """Train through the Trainer Protocol; the peak is the child's, where torch is."""
    trainer, marks, loss = LoraTrainer(), list[tuple[int, float]](), 0.0
    given = {
        "n_epochs": lesson.epochs,
        "batch_size": lesson.batch,
        "rank": lesson.rank,
        "learning_rate_multiplier": lesson.rate / 1e-3,
        "packing": False,
        "gradient_checkpointing": False,
    }
    task = Task(
        method=SUPERVISED,
        train=Path(lesson.train),
        test=None,
        hyperparameters=trainer.hyperparameters(SUPERVISED, given),
        seed=lesson.seed,
        folder=Path(lesson.place),
        base=BaseFiles(Path(lesson.base), "float32"),
        place=TrainingDevices((lesson.device,)),
    )
    for each in trainer.train(task):
        if isinstance(each, Step | Epoch):
            marks.append((each.step, time.monotonic()))
        if isinstance(each, Epoch):
            loss = each.metrics["train_loss"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(told(lesson, marks, peak, loss))


if __name__ == "__main__":
    main(Lesson(**json.loads(sys.argv[1])))
