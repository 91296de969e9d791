"""Trainers: what a job may train with, behind one small Protocol and one explicit dict.

A trainer knows nothing of jobs, files' rows or HTTP. It gets conversations, yields what happened
after every epoch, and reads its own model files back. A new one is one package and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from merlin.core.message import Message

Conversation = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Task:
    """What to train on: conversations, checked hyper-parameters, and a seed.

    The same task gives the same model, byte for byte, on the same machine.
    """

    train: Sequence[Conversation]
    test: Sequence[Conversation]
    hyperparameters: Mapping[str, object]
    seed: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the examples is done.

    `metrics` are named as the job's events show them; `save` writes the model as it is after this
    epoch to a path, at any later time.
    """

    number: int
    step: int
    metrics: Mapping[str, float]
    save: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a person should read in the job's events: a Fluent key and its arguments."""

    key: str
    arguments: Mapping[str, object] = field(default_factory=dict)


class Untrainable(Exception):
    """The examples cannot be trained on; `key` and `arguments` say why in a Fluent text."""

    def __init__(self, code: str, key: str, **arguments: object) -> None:
        super().__init__(f"{code}: {key} {arguments}")
        self.code = code
        self.key = key
        self.arguments: Mapping[str, object] = arguments


class BadHyperparameter(ValueError):
    """A hyper-parameter is unknown to the trainer or out of range; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answers: `text` is empty when it does not know; `confidence` is 0..1."""

    text: str
    confidence: float
    known: bool


class Answerer(Protocol):
    """A model in memory."""

    def answer(self, messages: Sequence[Message]) -> Answer:
        """Answer the last question of a conversation."""


class Trainer(Protocol):
    """One way to train and to answer."""

    def hyperparameters(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return all hyper-parameters with "auto" filled in. Raises BadHyperparameter."""

    def train(self, task: Task) -> Iterator[Epoch | Remark]:
        """Train, yielding after every epoch; the last epoch is the final model.

        The caller may stop between two yields. Raises Untrainable.
        """

    def load(self, path: Path) -> Answerer:
        """Read a model that `Epoch.save` wrote."""

    def untrained(self) -> Answerer:
        """Return the base as it answers before any training."""


def _recall() -> Trainer:
    from merlin.engine.trainers.recall import (  # noqa: PLC0415 - it imports this module
        RecallTrainer,
    )

    return RecallTrainer()


TRAINERS: Mapping[str, Callable[[], Trainer]] = {"recall": _recall}


@cache
def trainer_of(base: str) -> Trainer:
    """Return the one trainer of a base model. Raises KeyError for a base nobody knows."""
    return TRAINERS[base]()
