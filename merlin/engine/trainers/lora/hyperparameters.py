"""The hyper-parameters of `lora`: which there are, what they may be, what "auto" comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from merlin.engine.trainers.base import AUTO, DPO, SUPERVISED, Check, number, whole_number

ALL_LINEAR = "all-linear"
# The learning rate at a multiplier of 1, by method.
RATE = {SUPERVISED: 1e-3, DPO: 1e-4}
MOST_EPOCHS = 50
# From so many parameters on, the multiplier where none is asked for.
_SLOWER = ((3_000_000_000, 0.2), (1_000_000_000, 0.5))

_LAYER = re.compile(r"[A-Za-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class TrainingSize:
    """What "auto" depends on.

    `padding` is the share of padded tokens when every example has a row of its own; `parameters`
    those of the base; `is_tight` whether its activations leave no room in memory.
    """

    examples: int
    padding: float
    parameters: int
    is_tight: bool = False


def resolve(method: str, asked: Mapping[str, object], size: TrainingSize) -> dict[str, object]:
    """Return the hyper-parameters with every "auto" replaced.

    - n_epochs: 3, but as many that 300 examples are shown (measured: 50 short answers need 6
      epochs), at most 25; for large files fewer, so that at most 25,000 are. The hosted
      protocol's rule has 100 instead of 300.
    - batch_size: 4 up to 1,000 examples, then one in 250 of them, at most 32.
    - learning_rate_multiplier: 1 is 1e-3 (supervised; measured on 135M parameters) or 1e-4 (dpo);
      0.5 from a billion parameters on, 0.2 from three: larger models want smaller steps.
    - beta (dpo): 0.1. rank: 16. alpha: twice the rank. dropout: 0. targets: "all-linear".
    - packing: on where padding would be more than a third of all tokens.
    - gradient_checkpointing: on where the memory is tight. early_stop: 0, which is off.
    """
    rank = asked["rank"] if isinstance(asked["rank"], int) else 16
    automatic: dict[str, object] = {
        "n_epochs": _epochs(size.examples),
        "batch_size": max(4, min(32, size.examples // 250)),
        "learning_rate_multiplier": _multiplier(size.parameters),
        "beta": 0.1,
        "rank": rank,
        "alpha": 2 * rank,
        "dropout": 0.0,
        "targets": ALL_LINEAR,
        "packing": size.padding > 1 / 3,
        "gradient_checkpointing": size.is_tight,
        "early_stop": 0,
    }
    return {name: automatic[name] if asked[name] == AUTO else asked[name] for name in KNOBS[method]}


def _epochs(examples: int) -> int:
    wanted = max(3, -(-300 // max(examples, 1)))
    return max(1, min(wanted, 25, 25_000 // max(examples, 1)))


def _multiplier(parameters: int) -> float:
    return next((slower for least, slower in _SLOWER if parameters >= least), 1.0)


def _switch(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise ValueError('must be "auto", true or false')


def _targets(value: object) -> object:
    if value == ALL_LINEAR:
        return value
    names = value if isinstance(value, list) else []
    if names and all(isinstance(name, str) and _LAYER.fullmatch(name) for name in names):
        return sorted(set(names))
    raise ValueError('must be "auto", "all-linear" or a list of the names of layers ("q_proj")')


_COMMON: Mapping[str, Check] = {
    "n_epochs": whole_number(1, MOST_EPOCHS),
    "batch_size": whole_number(1, 256),
    "learning_rate_multiplier": number(100.0),
    "rank": whole_number(1, 256),
    "alpha": whole_number(1, 1024),
    "dropout": number(0.9, may_be_zero=True),
    "targets": _targets,
    "packing": _switch,
    "gradient_checkpointing": _switch,
    "early_stop": whole_number(0, MOST_EPOCHS),
}
KNOBS: Mapping[str, Mapping[str, Check]] = {
    SUPERVISED: _COMMON,
    DPO: {**_COMMON, "beta": number(2.0)},
}
