"""`lora`: open language models, tuned by low-rank adapters in a process of their own.

This side reads what is asked for, starts the process and passes on what it tells; torch is
imported in the process alone (`lora.child`), so the engine stays small and outlives it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from importlib.util import find_spec

from merlin.engine.trainers import Task, Told, Untrainable
from merlin.engine.trainers.lora import hyper

_PARTS = ("torch", "transformers", "peft", "accelerate")


class LoraTrainer:
    """The Trainer Protocol for open language models."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return all hyper-parameters of a method, "auto" where not given; see `hyper.KNOBS`."""
        return hyper.checked(method, given)

    def train(self, task: Task) -> Generator[Told, None, None]:
        """Train in a child process, begun again from its last checkpoint where it dies.

        Closing the iterator lets the child end its step and keep its state: seconds, at most a
        minute. A child that still loads is ended at once.
        """
        missing = [part for part in _PARTS if find_spec(part) is None]
        if missing:
            raise Untrainable(
                "trainer_not_installed", "engine-lora-missing", None, parts=", ".join(missing)
            )
        from merlin.engine.trainers.lora.watch import watched  # noqa: PLC0415 - for jobs alone

        yield from watched(task)
