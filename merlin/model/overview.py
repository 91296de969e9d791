"""Overview: what whoever watches the pipeline reads, be it the bot's admins or the api's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from merlin.build.verdict import Verdict
from merlin.job.budget import Caps
from merlin.job.launching import Desk
from merlin.model.sunset import Reliance


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Where all that is read, and what the config says of it.

    `currencies`: what each provider charges in, by its name; `sunsets`: by base model.
    """

    gauges: Gauges
    spending: Spending
    verdicts: Verdicts
    launching: Desk
    caps: Caps = field(default_factory=Caps)
    currencies: Mapping[str, str] = field(default_factory=dict)
    sunsets: Mapping[str, date] = field(default_factory=dict)
    relies_on: Sequence[Reliance] = ()
    state_dir: Path | None = None
