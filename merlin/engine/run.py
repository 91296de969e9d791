"""One run of a job's training: what it told, and the epochs not yet told or kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

from merlin.core.clock import utc_now
from merlin.engine.jobs import Job
from merlin.engine.models import KEPT_CHECKPOINTS
from merlin.engine.trainers import Epoch, Step, Told

# A commit and a file cost more than a short epoch itself: they are made together, at most
# this late.
TELL_EVERY_S = 0.2
KEEP_EVERY_S = 1.0


@dataclass
class Run:
    """A training under way; closing `told` lets the trainer rest."""

    job: Job
    told: Generator[Told, None, None]
    last: Epoch | None = None
    tokens: int = 0
    remarks: int = 0
    steps: int = 0
    done: int = 0
    untold: list[Epoch | Step] = field(default_factory=list)
    unkept: deque[Epoch] = field(default_factory=lambda: deque(maxlen=KEPT_CHECKPOINTS))
    _begun_at: float = field(default_factory=time.monotonic)
    _told_at: float = float("-inf")
    _kept_at: float = field(default_factory=time.monotonic)

    def add(self, told: Epoch | Step) -> None:
        """Note an epoch, or some steps; an epoch that was told before is to be the final model."""
        if isinstance(told, Epoch):
            is_new = self.last is None or told.number > self.last.number
            self.last, self.tokens = told, max(self.tokens, told.tokens)
            if not is_new:
                return
            self.unkept.append(told)
        self.untold.append(told)

    @property
    def is_time_to_tell(self) -> bool:
        """Return whether what is not yet told should be, now."""
        return time.monotonic() - self._told_at >= TELL_EVERY_S

    @property
    def is_time_to_keep(self) -> bool:
        """Return whether the weights not yet kept should be, now."""
        return bool(self.unkept) and time.monotonic() - self._kept_at >= KEEP_EVERY_S

    def were_told(self) -> None:
        """Note that everything was told."""
        self.untold.clear()
        self._told_at = time.monotonic()

    def were_kept(self) -> None:
        """Note that the last epochs' weights were kept."""
        self.unkept.clear()
        self._kept_at = time.monotonic()

    def estimated_finish(self, step: int) -> float | None:
        """Return when the run will be through at its pace so far, in seconds since 1970."""
        made = step - self.done
        if made <= 0 or self.steps <= step:
            return None
        pace = (time.monotonic() - self._begun_at) / made
        return utc_now().timestamp() + pace * (self.steps - step)
