"""What is removed at a provider once nobody needs it: training files, and models that never served.

The intent is stored before the call. Removing what is gone already is no error, so a call that
may have been carried out is simply made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from merlin.core.clock import Clock
from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.builds import Build
from merlin.db.intents import Intents, IntentState
from merlin.providers.base import ModelList, TrainingFiles, is_locked_out
from merlin.training.launch import SPLITS, file_name

log = get_logger(__name__)
_REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class OldFiles:
    """The training files of a build at a provider; `job_id` is the newest job that used them."""

    provider: str
    job_id: int
    build: Build

    @property
    def key(self) -> str:
        """Return the intent's key; a later job of the build has another one."""
        return f"remove-files:{self.provider}:{self.job_id}"


@dataclass(frozen=True, slots=True)
class OldModel:
    """A model that never served, with the names of its job's checkpoints."""

    provider: str
    model_row: int
    model_id: str
    checkpoints: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return the intent's key."""
        return f"remove-model:{self.model_row}"


def remove_files(files: TrainingFiles, intents: Intents, old: OldFiles, clock: Clock) -> bool:
    """Remove a build's training files; return whether that is done. Raises ProviderBusy, -Doubt."""

    def remove() -> None:
        names = [file_name(old.build, split) for split in SPLITS]
        for stored in [file for name in names for file in files.find(name)]:
            files.delete(stored.file_id)

    return _once(intents, old.key, remove, clock)


def remove_model(models: ModelList, intents: Intents, old: OldModel, clock: Clock) -> bool:
    """Remove a model and its checkpoints; return whether that is done.

    Raises ProviderBusy, ProviderDoubt.
    """

    def remove() -> None:
        for name in (*old.checkpoints, old.model_id):
            models.delete(name)

    return _once(intents, old.key, remove, clock)


def _once(intents: Intents, key: str, remove: Callable[[], None], clock: Clock) -> bool:
    """Remove, unless that was done or refused for good before."""
    if intents.open(key, _REMOVE).state in (IntentState.DONE, IntentState.FAILED):
        return False
    kill_point("remove.intended")
    intents.sending(key, clock())
    try:
        remove()
    except (ProviderBusy, ProviderUnknown):
        raise
    except ProviderError as refusal:
        log.warning("cannot be removed at the provider", what=key, reason=str(refusal))
        if not is_locked_out(refusal):
            intents.failed(key)
        return False
    kill_point("remove.sent")
    intents.done(key, "")
    kill_point("remove.recorded")
    return True
