"""Losses: a job's train and test loss over its steps, as its diary and checkpoints tell them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train_loss", "training_loss"),
    "test": ("valid_loss", "full_valid_loss"),
}
Measured = tuple[float, Mapping[str, Any]]


def losses_of(job: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (step, loss) by step, for "train" and "test"; empty where none are known.

    `job` has `events` with `data` and `checkpoints` with `step` and `metrics`; a checkpoint says
    it better than the diary. A loss that is no number is left out, and so is an epoch's mean of
    the train loss where steps told their own: it is above the last of them.
    """
    told = list(_told(job))
    steps = [each for each in told if "epoch" not in each[1]]
    own = _series(steps, NAMES["train"])
    every = [*told, *_kept(job)]
    train = own if len(own) > 1 else _series(every, NAMES["train"])
    return {"train": sorted(train.items()), "test": sorted(_series(every, NAMES["test"]).items())}


def _series(measured: Iterable[Measured], names: tuple[str, ...]) -> dict[float, float]:
    series: dict[float, float] = {}
    for step, metrics in measured:
        for name in names:
            value = metrics.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                series[step] = float(value)
    return series


def _told(job: Mapping[str, Any]) -> Iterator[Measured]:
    for each in job["events"]:
        metrics = each["data"] if isinstance(each["data"], dict) else {}
        step = metrics.get("step", metrics.get("epoch"))
        if isinstance(step, int | float):
            yield step, metrics


def _kept(job: Mapping[str, Any]) -> Iterator[Measured]:
    for each in job["checkpoints"]:
        yield each["step"], each["metrics"] or {}
