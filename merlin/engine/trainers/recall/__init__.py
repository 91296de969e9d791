"""`recall`: a small classifier from questions to trained answers, trained in seconds on a CPU.

It selects a trained answer or answers "unknown"; it never generates text. Heavy imports (numpy, the
dictionaries) are lazy.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from merlin.core.messages import Message
from merlin.engine.trainers.base import (
    SUPERVISED,
    Conversation,
    Epoch,
    Hyperparameters,
    Progress,
    ResolvedHyperparameters,
    Task,
    Untrainable,
    check_hyperparameters,
)
from merlin.engine.training_file import read_conversations


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a model: `text` is empty if unknown; `confidence` is 0..1.

    `nearest` are similar trained questions if the answer is unknown, best first. `is_follow_up`:
    the question has no content of its own, and this follow-up was not trained.
    """

    text: str
    confidence: float
    known: bool
    nearest: Sequence[str] = ()
    is_follow_up: bool = False


class RecallTrainer:
    """The Trainer for `recall`: seconds in this process, restarted after a kill."""

    hyperparameters: ClassVar = {SUPERVISED: Hyperparameters}

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train on every answered turn; see `recall.train`."""
        from merlin.engine.trainers.recall.train import train  # noqa: PLC0415 - loads numpy

        test = list(read_conversations(task.test, least=1)) if task.test else []
        yield ResolvedHyperparameters(task.hyperparameters)
        yield from train(
            list(read_conversations(task.train)), test, task.hyperparameters, task.seed
        )


_SEED = 1


def train_and_answer(task: tuple[Sequence[Conversation], Sequence[str]]) -> list[str]:
    """Train a model on conversations and return its answer to each question, "" if unknown.

    Takes one second of CPU time for 100 conversations, two for 10,000. Raises Untrainable if there
    are too many turns.
    """
    from merlin.engine.trainers.recall.model import load_model  # noqa: PLC0415 - loads numpy
    from merlin.engine.trainers.recall.train import train  # noqa: PLC0415 - loads numpy

    conversations, questions = task
    settings = check_hyperparameters(SUPERVISED, Hyperparameters, {})
    try:
        *_, last = (
            event for event in train(conversations, [], settings, _SEED) if isinstance(event, Epoch)
        )
    except Untrainable as error:
        if error.arguments["n"]:
            raise
        return [""] * len(questions)  # there is nothing to train on
    with TemporaryDirectory(prefix="merlin-") as folder:
        path = Path(folder) / "model"
        last.save(path)
        model = load_model(path)
    return [model.answer([Message("user", question)]).text for question in questions]
