"""`recall` that can be held in the middle of a job: a job of the seed HELD waits after its first
epoch, is told of as running and may be moved, until a test lets it go on.

Its jobs are done in a fraction of a second otherwise, and no test is sure to meet one of them.
"""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from dataclasses import replace

from engine_world import KEY, engine_in_thread
from waiting import LOOK_S, wait_until

from merlin.engine.bases import RECALL, bases_of
from merlin.engine.settings import EngineSettings
from merlin.engine.trainers import Epoch, Quiet
from merlin.engine.trainers.recall import RecallTrainer

HELD = 7


class HeldRecall(RecallTrainer):
    """The real trainer; `may_go_on` lets go of what is held."""

    def __init__(self):
        self.may_go_on = threading.Event()

    def train(self, task):
        with closing(super().train(task)) as telling:
            for told in telling:
                yield told
                is_held = task.seed == HELD and isinstance(told, Epoch)
                while is_held and not self.may_go_on.wait(LOOK_S):
                    yield Quiet()


@contextmanager
def holding_engine(folder, **other):
    """Serve an engine whose jobs of the seed HELD wait for `desk.may_go_on`; give a desk at it."""
    trainer = HeldRecall()
    recall = bases_of(EngineSettings(folder, "127.0.0.1", 0, KEY))[RECALL]
    with engine_in_thread(folder, {RECALL: replace(recall, trainer=trainer)}, **other) as desk:
        desk.may_go_on = trainer.may_go_on
        try:
            yield desk
        finally:
            trainer.may_go_on.set()


def held(desk, file_id=None, **other):
    """Return a job that runs, has told its first epoch, and waits."""
    job = desk.launch(file_id, seed=HELD, **other)
    wait_until(lambda: desk.losses(job.id))
    return job
