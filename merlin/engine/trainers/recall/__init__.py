"""`recall`: a small classifier from questions to taught answers, trained in seconds on a CPU.

It chooses among the taught answers or says that it does not know; it never composes a new one.
Heavy imports (numpy, the dictionaries) happen at first use.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from merlin.engine.trainers.base import (
    SUPERVISED,
    BadHyperparameter,
    Progress,
    ResolvedHyperparameters,
    Task,
)
from merlin.engine.training_file import conversations

MOST_EPOCHS = 200
_WHOLE = {"n_epochs": (1, MOST_EPOCHS), "batch_size": (1, 256)}
_MOST_RATE = 100.0


class RecallTrainer:
    """The Trainer Protocol for `recall`: seconds in this process, begun anew after a kill."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return n_epochs, batch_size and learning_rate_multiplier, "auto" where not given."""
        if method != SUPERVISED:
            raise KeyError(method)
        names = (*_WHOLE, "learning_rate_multiplier")
        for name in given:
            if name not in names:
                raise BadHyperparameter(name, f"unknown hyper-parameter; known: {', '.join(names)}")
        return {name: _checked(name, given.get(name)) for name in names}

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


def _checked(name: str, value: object) -> object:
    if value is None or value == "auto":
        return "auto"
    if name in _WHOLE:
        least, most = _WHOLE[name]
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise BadHyperparameter(name, f'must be "auto" or a whole number from {least} to {most}')
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_RATE:
        return float(value)
    raise BadHyperparameter(name, f'must be "auto" or a number above 0, at most {_MOST_RATE:g}')
