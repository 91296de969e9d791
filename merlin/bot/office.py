"""Office: what admins read of the pipeline and of Merlin's health, as the bot needs it.

The shapes are those of the command line's `--json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from merlin.inbox.broadcast import Broadcasts, Deliveries
from merlin.inbox.errand import Errands
from merlin.model.evaluate import Overlap
from merlin.model.overview import Overview

Shown = dict[str, Any]


class Reports(Protocol):
    """The read side of the pipeline's rows."""

    def status(self) -> Shown:
        """Return `datasets` by name, each with its newest verdict, model and job, and `queues`."""

    def jobs(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return jobs, newest first."""

    def job(self, job_id: int, events: int = 1000) -> Shown:
        """Return a job with `changes`, `events` and `checkpoints`. Raises NotFound."""

    def models(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return models, newest first, each with its `evaluation` or None."""

    def overlap(self, job: int, other: int) -> Overlap:
        """Return what the test questions of two jobs' models have in common."""

    def history(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return promotions, newest first."""


@dataclass(frozen=True, slots=True)
class Outreach:
    """Rows of what one bot does for admins: what they wait for, and what they tell everybody."""

    errands: Errands
    broadcasts: Broadcasts
    deliveries: Deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Office(Overview):
    """What the admins' screens are told of."""

    reports: Reports
