"""An engine whose jobs of the seed HELD wait after their first epoch until a test lets them go."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from merlin.config.engine import EngineSettings
from tests.engine.running_engine import KEY, engine_in_thread
from tests.support.pausable_recall import held_bases
from tests.support.waiting import wait_until

HELD = 7


@contextmanager
def holding_engine(folder, **other):
    """Serve such an engine; give a desk at it, with the `may_go_on` that they wait for."""
    may_go_on = threading.Event()
    settings = EngineSettings(folder, "127.0.0.1", 0, KEY)
    bases = held_bases(settings, lambda task: may_go_on if task.seed == HELD else None)
    with engine_in_thread(folder, bases, **other) as desk:
        desk.may_go_on = may_go_on
        try:
            yield desk
        finally:
            may_go_on.set()


def start_held_job(desk, file_id=None, **other):
    """Return a job that runs, has told its first epoch, and waits."""
    job = desk.launch(file_id, seed=HELD, **other)
    wait_until(lambda: desk.losses(job.id))
    return job
