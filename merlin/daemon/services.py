"""What the daemon needs, as one frozen value that wiring fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from merlin.app.pipeline import PipelineHistory
from merlin.app.retention import RemovableFiles
from merlin.config.settings import Retention
from merlin.core.clock import Clock
from merlin.daemon.changing import ChangeProcessor
from merlin.dataset.file_index import FileIndex
from merlin.dataset.gather import BuildSettings
from merlin.db.notices import Notices
from merlin.db.processes import ChangeCounter, Heartbeats
from merlin.db.requests import Requests
from merlin.providers.base import ModelList
from merlin.training.job_store import Jobs
from merlin.training.launch import Pad
from merlin.training.launch_plan import Desk
from merlin.training.poll import Tower
from merlin.training.promotion_store import Promotions
from merlin.training.prove import Bench, Census
from merlin.training.sunset import Reliance


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

    workshop: BuildSettings
    desk: Desk
    pads: Mapping[str, Pad]
    towers: Mapping[str, Tower]
    bench: Bench
    census: Census
    jobs: Jobs
    promotions: Promotions
    chronicle: PipelineHistory
    requests: Requests
    notices: Notices
    heartbeats: Heartbeats
    wake: ChangeCounter
    clock: Clock
    pace: Pace
    still_alive: Callable[[], None]
    changing: ChangeProcessor
    books: FileIndex
    retention: Retention
    removable: RemovableFiles
    models: Mapping[str, ModelList]
    relies_on: Sequence[Reliance] = ()
    engine: EngineLook | None = None
