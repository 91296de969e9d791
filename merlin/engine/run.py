"""One run of a job's training: its steps, and the epochs not yet told or kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from merlin.engine import tokens
from merlin.engine.files import Files
from merlin.engine.jobs import Job
from merlin.engine.models import KEPT_CHECKPOINTS
from merlin.engine.trainers import Conversation, Epoch, Remark, Task, trainer_of
from merlin.engine.training_file import conversations

# A commit and a file cost more than a short epoch itself: they are made together, at most
# this late.
TELL_EVERY_S = 0.2
KEEP_EVERY_S = 1.0


@dataclass
class Run:
    """A training under way; it may rest between two steps and go on later."""

    job: Job
    steps: Iterator[Epoch | Remark]
    tokens_an_epoch: int
    last: Epoch | None = None
    remarks: int = 0
    untold: list[Epoch] = field(default_factory=list)
    unkept: deque[Epoch] = field(default_factory=lambda: deque(maxlen=KEPT_CHECKPOINTS))
    _told_at: float = float("-inf")
    _kept_at: float = field(default_factory=time.monotonic)

    def add(self, epoch: Epoch) -> None:
        """Note an epoch."""
        self.last = epoch
        self.untold.append(epoch)
        self.unkept.append(epoch)

    @property
    def is_time_to_tell(self) -> bool:
        """Return whether the epochs not yet told should be, now."""
        return time.monotonic() - self._told_at >= TELL_EVERY_S

    @property
    def is_time_to_keep(self) -> bool:
        """Return whether the weights not yet kept should be, now."""
        return time.monotonic() - self._kept_at >= KEEP_EVERY_S

    def told(self) -> None:
        """Note that every epoch was told."""
        self.untold.clear()
        self._told_at = time.monotonic()

    def kept(self) -> None:
        """Note that the last epochs' weights were kept."""
        self.unkept.clear()
        self._kept_at = time.monotonic()

    @property
    def trained_tokens(self) -> int:
        """Return how many tokens of the training file were shown, epochs counted."""
        return self.tokens_an_epoch * (self.last.number if self.last else 0)


def begin(job: Job, files: Files) -> Run:
    """Read the job's files and make its training ready.

    Raises BadFile for a file that cannot be trained on, FileNotFoundError for one deleted since.
    """
    order = job.order
    train: list[Conversation] = list(conversations(files.path(order.training_file)))
    test: list[Conversation] = []
    if order.validation_file:
        test = list(conversations(files.path(order.validation_file), least=1))
    task = Task(train, test, order.hyperparameters, order.seed)
    counted = sum(tokens.count_messages(conversation) for conversation in train)
    return Run(job, trainer_of(order.base).train(task), counted)
