"""`recall` that can be held in the middle of a job: it has told its first epoch, is told of as
running and may be moved, until a test lets it go on.

Its jobs are done in a fraction of a second otherwise, and no test is sure to meet one of them.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from merlin.engine.bases import RECALL, build_bases
from merlin.engine.trainers.base import Epoch
from merlin.engine.trainers.recall import RecallTrainer
from tests.support.waiting import LOOK_S


class HeldRecall(RecallTrainer):
    """The real trainer; `gate_of` gives the event that a job waits for, None for one that runs."""

    def __init__(self, gate_of):
        self._gate_of = gate_of

    def train(self, task):
        gate = self._gate_of(task)
        with closing(super().train(task)) as telling:
            for told in telling:
                yield told
                while gate and isinstance(told, Epoch) and not gate.wait(LOOK_S):
                    yield None


def held_bases(settings, gate_of):
    """Return what an engine tunes: `recall` alone, held so."""
    recall = build_bases(settings)[RECALL]
    return {RECALL: replace(recall, trainer=HeldRecall(gate_of))}
