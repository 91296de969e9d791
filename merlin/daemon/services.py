"""What the daemon needs, as one frozen value that wiring fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from merlin.account.retention import Retention
from merlin.build.gather import Workshop
from merlin.build.verdict import Verdict
from merlin.core.clock import Clock
from merlin.core.heartbeat import Heartbeats
from merlin.core.notice import Notices
from merlin.core.request import Requests
from merlin.core.wake import Wake
from merlin.daemon.changing import Changing
from merlin.dataset.editing import Books
from merlin.job.launch import Pad
from merlin.job.launching import Desk
from merlin.job.provider import ModelList
from merlin.job.removal import Removable
from merlin.job.watch import JobRows, Tower
from merlin.model.census import Census
from merlin.model.promote import PromotionRows
from merlin.model.prove import Bench
from merlin.model.sunset import Reliance


class Chronicle(Protocol):
    """What is known of verdicts, and which of them still want a git note."""

    def unnoted(self) -> list[tuple[str, str]]:
        """Return (commit, note text) for every commit whose final words are not noted yet."""

    def noted(self, commit: str, note: str) -> None:
        """Remember that this text stands as the commit's note."""

    def newest(self, dataset: str, commit: str | None = None) -> Verdict:
        """Return the newest verdict with a build, or that of a commit. Raises NotFound."""

    def commit_of(self, job_id: int) -> str | None:
        """Return the newest commit whose verdict this job serves, None when there is none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two runs of the ticks."""

    fetch_s: float = 30.0
    tick_s: float = 1.0


@dataclass(frozen=True, slots=True)
class EngineLook:
    """Merlin's own engine from outside: `host` names it, `answers` asks whether it lives."""

    host: str
    answers: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class DaemonServices:
    """Ports and functions of the daemon; `pads`, `towers` and `models` are by provider name.

    `engine` asks Merlin's own engine whether it lives, where it is a provider.
    `relies_on` are models that nobody tunes and yet the bot needs: their sunsets are watched.
    """

    workshop: Workshop
    desk: Desk
    pads: Mapping[str, Pad]
    towers: Mapping[str, Tower]
    bench: Bench
    census: Census
    jobs: JobRows
    promotions: PromotionRows
    chronicle: Chronicle
    requests: Requests
    notices: Notices
    heartbeats: Heartbeats
    wake: Wake
    clock: Clock
    pace: Pace
    still_alive: Callable[[], None]
    changing: Changing
    books: Books
    retention: Retention
    removable: Removable
    models: Mapping[str, ModelList]
    relies_on: Sequence[Reliance] = ()
    engine: EngineLook | None = None
