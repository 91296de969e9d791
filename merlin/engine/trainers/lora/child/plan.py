"""What a training is made of, once the files are read and every "auto" is settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merlin.engine.trainers.lora.child.text import Example
from merlin.engine.trainers.lora.hyper import RATE

_WARM_SHARE = 0.03


@dataclass(frozen=True)
class Plan:
    """One training; `most` tokens are worked on at once."""

    method: str
    folder: Path
    seed: int
    settings: Mapping[str, Any]
    train: Sequence[Example]
    test: Sequence[Example]
    most: int

    @property
    def size(self) -> int:
        """How many examples a step sees, over all processes."""
        return int(self.settings["batch_size"])

    @property
    def epochs(self) -> int:
        """How many epochs there are at most."""
        return int(self.settings["n_epochs"])

    @property
    def steps_an_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.train) // self.size)

    @property
    def steps(self) -> int:
        """How many steps there are at most."""
        return self.steps_an_epoch * self.epochs

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: up in a short warm-up, then straight down to 0."""
        steps = self.steps
        warm = max(1, int(steps * _WARM_SHARE))
        highest = RATE[self.method] * float(self.settings["learning_rate_multiplier"])
        return highest * min((step + 1) / warm, (steps - step) / max(1, steps - warm), 1.0)
