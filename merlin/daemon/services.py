"""What the daemon needs, as one frozen value that wiring fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from merlin.app.context import Context
from merlin.daemon.changing import ChangeProcessor
from merlin.dataset.gather import BuildSettings
from merlin.db.processes import Heartbeats
from merlin.providers.base import ModelList
from merlin.training.jobs import Poller
from merlin.training.launch import Launcher
from merlin.training.launch_plan import Launches
from merlin.training.prove import Evaluator, ModelInventory


@dataclass(frozen=True, slots=True)
class EngineLook:
    """Merlin's own engine from outside: `host` names it, `answers` asks whether it lives."""

    host: str
    answers: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonServices(Context):
    """What the ticks work with; `launchers`, `pollers` and `models` are by provider name.

    `fetch_s` are the seconds between two looks at the repository. `engine` asks Merlin's own engine
    whether it lives, where it is a provider.
    """

    build_settings: BuildSettings
    launches: Launches
    launchers: Mapping[str, Launcher]
    pollers: Mapping[str, Poller]
    evaluator: Evaluator
    inventory: ModelInventory
    heartbeats: Heartbeats
    fetch_s: float
    still_alive: Callable[[], None]
    changing: ChangeProcessor
    models: Mapping[str, ModelList]
    engine: EngineLook | None = None
