"""Office: what admins read of the pipeline and of Merlin's health, as the bot needs it.

The shapes are those of the command line's `--json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from merlin.build.verdict import Verdict
from merlin.inbox.broadcast import Broadcasts, Deliveries
from merlin.inbox.errand import Errands
from merlin.job.budget import Caps
from merlin.job.launching import Desk
from merlin.model.sunset import Reliance

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

    def history(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return promotions, newest first."""


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
class Outreach:
    """Rows of what one bot does for admins: what they wait for, and what they tell everybody."""

    errands: Errands
    broadcasts: Broadcasts
    deliveries: Deliveries


@dataclass(frozen=True, slots=True)
class Office:
    """What the admins' screens are told of; `sunsets` as the config knows them, by base model.

    `currencies`: what each provider charges in, by its name.
    """

    reports: Reports
    gauges: Gauges
    spending: Spending
    verdicts: Verdicts
    launching: Desk
    caps: Caps = field(default_factory=Caps)
    currencies: Mapping[str, str] = field(default_factory=dict)
    sunsets: Mapping[str, date] = field(default_factory=dict)
    relies_on: Sequence[Reliance] = ()
    state_dir: Path | None = None
