"""Pipeline: what the api reads of builds, jobs, models and Merlin's health.

Every answer of the rows is a plain dict of the shape that the command line's `--json` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from merlin.build.verdict import Verdict
from merlin.core.heartbeat import Heartbeats
from merlin.job.budget import Caps
from merlin.job.launching import Desk
from merlin.model.sunset import Reliance

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

    def build(self, version: str) -> Shown:
        """Return a build with its `manifest`. Raises NotFound."""

    def job(self, job_id: int, events: int = 1000) -> Shown:
        """Return a job with `changes`, `events` and `checkpoints`. Raises NotFound."""


class Gauges(Protocol):
    """Counts over the whole database."""

    def queues(self) -> dict[str, int]:
        """Return what waits in each queue."""

    def oldest(self) -> dict[str, datetime]:
        """Return since when the oldest of each queue waits; no more than wait."""

    def failures(self, since: datetime) -> dict[str, int]:
        """Return what failed since then."""


class Spending(Protocol):
    """What jobs cost."""

    def spent(self, provider: str, since: datetime) -> int:
        """Return what the provider's jobs since then may have cost, in millionths."""


class Verdicts(Protocol):
    """What commits led to."""

    def newest(self, dataset: str, commit: str | None = None) -> Verdict:
        """Return the newest verdict with a build. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the routes of the pipeline read; `sunsets` as the config knows them, by base model.

    `currencies`: what each provider charges in, by its name.
    """

    lists: Lists
    reports: Reports
    gauges: Gauges
    spending: Spending
    verdicts: Verdicts
    launching: Desk
    heartbeats: Heartbeats
    caps: Caps = field(default_factory=Caps)
    currencies: Mapping[str, str] = field(default_factory=dict)
    sunsets: Mapping[str, date] = field(default_factory=dict)
    relies_on: Sequence[Reliance] = ()
    state_dir: Path | None = None
