"""`recall`: a small classifier from questions to taught answers, trained in seconds on a CPU.

It chooses among the taught answers or says that it does not know; it never composes a new one.
Heavy imports (numpy, the dictionaries) happen at first use.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

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
from merlin.engine.training_file import conversations


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answers: `text` is empty when it does not know; `confidence` is 0..1.

    `nearest` are taught questions that may have been meant where it does not know, best first.
    `is_follow_up`: the question only goes on with the one before, which was not taught so.
    """

    text: str
    confidence: float
    known: bool
    nearest: Sequence[str] = ()
    is_follow_up: bool = False


class RecallTrainer:
    """The Trainer Protocol for `recall`: seconds in this process, begun anew after a kill."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return n_epochs, batch_size and learning_rate_multiplier, "auto" where not given."""
        if method != SUPERVISED:
            raise KeyError(method)
        return check_hyperparameters(method, Hyperparameters, given)

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train on every taught turn; see `recall.train`."""
        from merlin.engine.trainers.recall.train import train  # noqa: PLC0415 - loads numpy

        test = list(conversations(task.test, least=1)) if task.test else []
        yield ResolvedHyperparameters(task.hyperparameters)
        yield from train(list(conversations(task.train)), test, task.hyperparameters, task.seed)


_SEED = 1


def teach_and_ask(lesson: tuple[Sequence[Conversation], Sequence[str]]) -> list[str]:
    """Return what a model taught these conversations answers to each question, "" for a refusal.

    Of 100 conversations it takes a second of one processor, of 10,000 two. Raises Untrainable for
    more than `recall` takes.
    """
    from merlin.engine.trainers.recall.model import load  # noqa: PLC0415 - loads numpy
    from merlin.engine.trainers.recall.train import train  # noqa: PLC0415 - loads numpy

    talks, questions = lesson
    requested = RecallTrainer().hyperparameters(SUPERVISED, {})
    try:
        *_, last = (each for each in train(talks, [], requested, _SEED) if isinstance(each, Epoch))
    except Untrainable as error:
        if error.arguments["n"]:
            raise
        return [""] * len(questions)  # nothing is taught
    with TemporaryDirectory(prefix="merlin-") as folder:
        path = Path(folder) / "model"
        last.save(path)
        model = load(path)
    return [model.answer([Message("user", question)]).text for question in questions]
