"""An engine whose jobs with the seed HELD_SEED wait after their first epoch for the test."""

import threading
from contextlib import contextmanager

from merlin.config.engine import EngineSettings
from tests.engine.running_engine import KEY, serve_engine
from tests.support.pausable_recall import pausable_bases
from tests.support.waiting import wait_until

HELD_SEED = 7


@contextmanager
def serve_held_engine(folder, **options):
    """Serve such an engine; yield a client of it, with the event `may_go_on`."""
    may_go_on = threading.Event()
    settings = EngineSettings(folder, "127.0.0.1", 0, KEY)
    bases = pausable_bases(
        settings, lambda task: may_go_on if task.seed == HELD_SEED else None
    )
    with serve_engine(folder, bases, **options) as engine:
        engine.may_go_on = may_go_on
        try:
            yield engine
        finally:
            may_go_on.set()


def start_held_job(engine, file_id=None, **options):
    """Return a running job that has finished its first epoch and waits."""
    job = engine.launch(file_id, seed=HELD_SEED, **options)
    wait_until(lambda: engine.losses(job.id))
    return job
