"""`recall`: a small classifier from questions to taught answers, trained in seconds on a CPU.

It chooses among the taught answers or says that it does not know; it never composes a new one.
Heavy imports (numpy, the dictionaries) happen at first use.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from merlin.engine.trainers.base import (
    SUPERVISED,
    Progress,
    ResolvedHyperparameters,
    Task,
    check_hyperparameters,
    number,
    whole_number,
)
from merlin.engine.training_file import conversations

MOST_EPOCHS = 200
_KNOWN = {
    "n_epochs": whole_number(1, MOST_EPOCHS),
    "batch_size": whole_number(1, 256),
    "learning_rate_multiplier": number(100.0),
}


class RecallTrainer:
    """The Trainer Protocol for `recall`: seconds in this process, begun anew after a kill."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return n_epochs, batch_size and learning_rate_multiplier, "auto" where not given."""
        if method != SUPERVISED:
            raise KeyError(method)
        return check_hyperparameters(method, _KNOWN, given)

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train on every taught turn; see `recall.train`."""
        from merlin.engine.trainers.recall.train import Talks, train  # noqa: PLC0415 - loads numpy

        talks = Talks(
            list(conversations(task.train)),
            list(conversations(task.test, least=1)) if task.test else [],
            task.hyperparameters,
            task.seed,
        )
        yield ResolvedHyperparameters(task.hyperparameters)
        yield from train(talks)
