"""Exact first: `recall` beside a language model, trained in the same job on the same examples.

Its file lies in the folder of each adapter that the job saves, with the choice who answers what
`recall` does not; `serving.exact_first` reads both.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from merlin.engine.trainers.base import (
    Epoch,
    Hyperparameters,
    MethodSettings,
    Progress,
    Task,
    Trainer,
)
from merlin.engine.trainers.recall import RecallTrainer

RECALL_FILE = "recall.npz"
CHOICE_FILE = "exact_first.json"
OFFER = "offer"
MODEL = "model"


class ExactFirstTrainer:
    """A trainer of adapters, and of `recall` beside them where `exact_first` asks for it."""

    def __init__(self, trainer: Trainer) -> None:
        """Take the trainer of adapters; each of its methods has `exact_first`."""
        self._trainer = trainer

    @property
    def hyperparameters(self) -> Mapping[str, type[MethodSettings]]:
        """Return those of the trainer of adapters."""
        return self._trainer.hyperparameters

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train both, `recall` first, anew after a restart; see Trainer."""
        chosen = task.hyperparameters["exact_first"]
        if not chosen:
            yield from self._trainer.train(task)
            return
        recall = task.folder / RECALL_FILE
        choice = {"else": OFFER} if chosen is True else chosen
        yield from _train_recall(task, recall)
        with closing(self._trainer.train(task)) as progress:
            for part in progress:
                if isinstance(part, Epoch):
                    yield replace(
                        part, save=partial(_save_both, part.save, recall, choice)
                    )
                else:
                    yield part


def _train_recall(task: Task, path: Path) -> Generator[None, None, None]:
    """Write the `recall` of a task's examples; its progress is not the job's."""
    own = replace(task, test=None, hyperparameters=Hyperparameters().model_dump())
    newest: deque[Epoch] = deque(maxlen=1)
    for part in RecallTrainer().train(own):
        newest += [part] if isinstance(part, Epoch) else []
        yield None
    newest[0].save(path)


def _save_both(
    save: Callable[[Path], None], recall: Path, choice: object, folder: Path
) -> None:
    save(folder)
    shutil.copyfile(recall, folder / RECALL_FILE)
    (folder / CHOICE_FILE).write_text(json.dumps(choice), "utf-8")


def read_choice(folder: Path) -> str:
    """Return who answers what the `recall` of an adapter does not: OFFER or MODEL.

    Folders that were saved before the choice existed have no file of it.
    """
    path = folder / CHOICE_FILE
    return str(json.loads(path.read_text("utf-8"))["else"]) if path.is_file() else OFFER
