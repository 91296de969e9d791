"""The services that the daemon's ticks use, as one frozen dataclass filled by wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merlin.app.context import Context
from merlin.daemon.changing import ChangeProcessor
from merlin.db.processes import Heartbeats
from merlin.training.gather import GatherContext
from merlin.training.jobs import TrainingProvider
from merlin.training.launch_plan import Launches
from merlin.training.prove import ModelInventory

if TYPE_CHECKING:
    from merlin.providers.forge import Forge


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonServices(Context):
    """Services of the ticks; `providers` by name, `ping_url` is "" without a monitor."""

    gathering: GatherContext
    launches: Launches
    providers: Mapping[str, TrainingProvider]
    inventory: ModelInventory
    heartbeats: Heartbeats
    still_alive: Callable[[], None]
    changing: ChangeProcessor
    forge: Forge | None = None
    ping_url: str = ""
