"""Bases: the models that jobs may start from, by name. `recall` is first and always there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from merlin.engine.settings import ModelSettings
from merlin.engine.trainers import DPO, SUPERVISED, Trainer
from merlin.engine.trainers.lora import LoraTrainer
from merlin.engine.trainers.recall import RecallTrainer

RECALL = "recall"
# When `recall` was first shipped: 2026-11-20, in seconds since 1970.
CREATED = 1_795_132_800
CONTEXT_WINDOW = 8192


@dataclass(frozen=True, slots=True)
class Base:
    """One base model; `settings` and `folder` are None for `recall`, which is part of Merlin.

    `folder` is where its files lie, made by `merlin engine models pull`.
    """

    name: str
    trainer: Trainer
    methods: Sequence[str]
    context: int
    sunset: date | None = None
    settings: ModelSettings | None = None
    folder: Path | None = None


class Bases(Mapping[str, Base]):
    """Every base of one engine."""

    def __init__(self, models: Sequence[ModelSettings] = (), folder: Path | None = None) -> None:
        """Take the models of the config; `folder` holds the files of those that were pulled."""
        recall = Base(RECALL, RecallTrainer(), (SUPERVISED,), CONTEXT_WINDOW)
        self._bases = {RECALL: recall}
        lora = LoraTrainer()
        for model in models:
            methods = (SUPERVISED, DPO)
            place = folder / model.name if folder else None
            self._bases[model.name] = Base(
                model.name,
                lora,
                methods,
                model.context or CONTEXT_WINDOW,
                model.sunset,
                model,
                place,
            )

    def __getitem__(self, name: str) -> Base:
        return self._bases[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bases)

    def __len__(self) -> int:
        return len(self._bases)
