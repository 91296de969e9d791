"""About: what people are told of the models that serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from merlin.model.evaluate import Evaluation, Overlap
from merlin.model.registry import Model, Serving


class Showcase(Protocol):
    """What the database tells of serving models; it is only read."""

    def all_serving(self) -> list[Serving]:
        """Return every serving model; datasets in the order in which they first served."""

    def evaluation(self, model_row: int) -> Evaluation | None:
        """Return the scores of a model, None where it was not evaluated."""

    def overlap(self, one: Model, other: Model) -> Overlap:
        """Return what the test questions of two models have in common."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One serving model with its scores."""

    serving: Serving
    evaluation: Evaluation | None


def exhibits(showcase: Showcase, dataset: str | None = None) -> list[Exhibit]:
    """Return every serving model with its scores; that of `dataset`, which answers here, first."""
    return [
        Exhibit(serving, showcase.evaluation(serving.model.model_row))
        for serving in sorted(showcase.all_serving(), key=lambda one: one.dataset != dataset)
    ]
