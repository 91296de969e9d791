"""Progress: how far a job is, as its diary tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from merlin.api.office.shown import JobDetails
from merlin.job.lifecycle import JobState

_FULL = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` in per cent, None where nobody knows; `epoch` of `epochs`, 0 where not told.

    `steps` is how many there will be, 0 where not told.
    """

    share: int | None
    epoch: float
    epochs: float
    steps: float


def progress_of(job: JobDetails) -> Progress:
    """Return how far a job is."""
    told = list(_metrics(job))
    epochs = _number(_hyperparameters(job).get("n_epochs"))
    epoch = max((_number(each.get("epoch")) for each in told), default=0.0)
    step = max((_number(each.get("step")) for each in told), default=0.0)
    steps = max((_number(each.get("total_steps")) for each in told), default=0.0)
    if not steps and epoch and epochs and step:
        steps = step / epoch * epochs
    share = None
    if job.state is JobState.SUCCEEDED:
        share = _FULL
    elif steps and step:
        share = min(round(_FULL * step / steps), _FULL)
    return Progress(share, epoch, epochs, steps)


def _metrics(job: JobDetails) -> Iterator[Mapping[str, Any]]:
    for event in job.events:
        if isinstance(event.data, Mapping):
            yield event.data


def _hyperparameters(job: JobDetails) -> Mapping[str, Any]:
    told = job.recipe.get("hyperparameters")
    return told if isinstance(told, Mapping) else {}


def _number(value: object) -> float:
    """Return a number above 0, else 0: a diary may say anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return max(float(value), 0.0)
