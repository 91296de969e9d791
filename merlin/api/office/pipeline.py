"""Pipeline: what the api reads of builds, jobs, models and Merlin's health.

Every answer of the rows is a plain dict of the shape that the command line's `--json` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from merlin.core.heartbeat import Heartbeats
from merlin.model.evaluate import Overlap
from merlin.model.overview import Overview

Shown = dict[str, Any]
Names = Sequence[str] | None


class Lists(Protocol):
    """Long lists by parts: of some datasets (None: of all), after a row (0: from the newest)."""

    def builds(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return builds, newest first."""

    def jobs(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return jobs, newest first."""

    def models(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return models, newest first."""

    def promotions(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return promotions, newest first."""

    def verdicts(
        self, datasets: Names, limit: int, before: int = 0, commit: str = ""
    ) -> list[Shown]:
        """Return verdicts with their `findings`, newest first."""

    def model(self, model_id: int) -> Shown:
        """Return one model. Raises NotFound."""


class Reports(Protocol):
    """One thing at a time."""

    def status(self) -> Shown:
        """Return `datasets` by name, each with its newest verdict, model and job, and `queues`."""

    def overlap(self, job: int, other: int) -> Overlap:
        """Return what the test questions of two jobs' models have in common."""

    def build(self, version: str) -> Shown:
        """Return a build with its `manifest`. Raises NotFound."""

    def job(self, job_id: int, events: int = 1000) -> Shown:
        """Return a job with `changes`, `events` and `checkpoints`. Raises NotFound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Overview):
    """What the routes of the pipeline read."""

    lists: Lists
    reports: Reports
    heartbeats: Heartbeats
