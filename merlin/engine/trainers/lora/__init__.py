"""`lora`: open language models, tuned by low-rank adapters in a process of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from merlin.engine.trainers import Task, Told


class LoraTrainer:
    """The Trainer Protocol for open language models."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return all hyper-parameters of a method."""
        raise NotImplementedError

    def train(self, task: Task) -> Iterator[Told]:
        """Train in a child process."""
        raise NotImplementedError
