"""`recall`: a small classifier from questions to taught answers, trained in seconds on a CPU.

It chooses among the taught answers or says that it does not know; it never composes a new one.
Heavy imports (numpy, the dictionaries) happen at first use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from merlin.core.message import Message
from merlin.engine.trainers import Answer, Answerer, BadHyperparameter, Epoch, Remark, Task

MOST_EPOCHS = 200
_WHOLE = {"n_epochs": (1, MOST_EPOCHS), "batch_size": (1, 256)}
_MOST_RATE = 100.0


class RecallTrainer:
    """The Trainer Protocol for `recall`."""

    def hyperparameters(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return n_epochs, batch_size and learning_rate_multiplier, "auto" where not given."""
        names = (*_WHOLE, "learning_rate_multiplier")
        for name in given:
            if name not in names:
                raise BadHyperparameter(name, f"unknown hyper-parameter; known: {', '.join(names)}")
        return {name: _checked(name, given.get(name)) for name in names}

    def train(self, task: Task) -> Iterator[Epoch | Remark]:
        """Train on every taught turn; see `recall.train`."""
        from merlin.engine.trainers.recall.train import train  # noqa: PLC0415 - loads numpy

        return train(task)

    def load(self, path: Path) -> Answerer:
        """Read one .npz."""
        from merlin.engine.trainers.recall.model import load  # noqa: PLC0415 - loads numpy

        return load(path)

    def untrained(self) -> Answerer:
        """Return what was taught nothing, so it knows nothing."""
        return _Untaught()


class _Untaught:
    def answer(self, messages: Sequence[Message]) -> Answer:  # noqa: ARG002 - Answerer's shape
        return Answer("", 0.0, known=False)


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
