"""`recall`: a small classifier from questions to taught answers, trained in seconds on a CPU.

It chooses among the taught answers or says that it does not know; it never composes a new one.
Heavy imports (numpy, the dictionaries) happen at first use.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from merlin.engine.trainers.base import (
    SUPERVISED,
    Hyperparameters,
    Progress,
    ResolvedHyperparameters,
    Task,
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
