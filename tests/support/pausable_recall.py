"""A `recall` trainer that pauses after its first epoch until a test lets it continue.

While paused its job is reported as running and may be moved. Without the pause a job takes a
fraction of a second, and a test could not rely on seeing it.
"""

from contextlib import closing
from dataclasses import replace

from merlin.config.engine import RECALL
from merlin.engine.bases import build_bases
from merlin.engine.trainers.base import Epoch
from merlin.engine.trainers.recall import RecallTrainer
from tests.support.waiting import CHECK_INTERVAL_S


class PausableRecall(RecallTrainer):
    """The real trainer; `gate_of` returns the event a job waits for, or None.

    A job that waits is trained for at most `most_epochs`.
    """

    def __init__(self, gate_of, most_epochs=None):
        self._gate_of = gate_of
        self._most_epochs = most_epochs

    def train(self, task):
        gate = self._gate_of(task)
        if gate and self._most_epochs:
            shorter = {**task.hyperparameters, "n_epochs": self._most_epochs}
            task = replace(task, hyperparameters=shorter)
        with closing(super().train(task)) as events:
            for event in events:
                yield event
                while (
                    gate
                    and isinstance(event, Epoch)
                    and not gate.wait(CHECK_INTERVAL_S)
                ):
                    yield None


def pausable_bases(settings, gate_of, most_epochs=None):
    """Return the base models of an engine: only `recall`, pausable."""
    recall = build_bases(settings)[RECALL]
    return {RECALL: replace(recall, trainer=PausableRecall(gate_of, most_epochs))}
