"""Losses: a job's train and test loss over its steps, as its diary and checkpoints tell them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train_loss", "training_loss"),
    "test": ("valid_loss", "full_valid_loss"),
}


def losses_of(job: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (step, loss) by step, for "train" and "test"; empty where none are known.

    `job` has `events` with `data` and `checkpoints` with `step` and `metrics`; a checkpoint says
    it better than the diary. A loss that is no number is left out.
    """
    return {name: sorted(_series(job, names).items()) for name, names in NAMES.items()}


def _series(job: Mapping[str, Any], names: tuple[str, ...]) -> dict[float, float]:
    series: dict[float, float] = {}
    for step, metrics in _measured(job):
        for name in names:
            value = metrics.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                series[step] = float(value)
    return series


def _measured(job: Mapping[str, Any]) -> Iterator[tuple[float, Mapping[str, Any]]]:
    for each in job["events"]:
        metrics = each["data"] if isinstance(each["data"], dict) else {}
        step = metrics.get("step", metrics.get("epoch"))
        if isinstance(step, int | float):
            yield step, metrics
    for each in job["checkpoints"]:
        yield each["step"], each["metrics"] or {}
