"""Working the jobs: one lane checks their files, one a place trains them, one job at a time each.

`recall` trains in this process in seconds and has a lane of its own, so that no small job waits
for a large one.
"""

from __future__ import annotations

import threading

from merlin.engine import jobs as states
from merlin.engine.bases import Bases
from merlin.engine.checking import check
from merlin.engine.lane import Lane
from merlin.engine.room import Room
from merlin.engine.settings import EngineSettings, TrainingSettings
from merlin.engine.shelves import Shelves
from merlin.engine.trainers import Place
from merlin.engine.training import Manner, Training, Turns, failing


class Work:
    """All lanes; `wake` after a job was created, resumed or cancelled."""

    def __init__(self, shelves: Shelves, bases: Bases, settings: EngineSettings) -> None:
        self._shelves = shelves
        self._stop = threading.Event()
        room = Room(shelves, settings.training.quota_bytes)
        self._manner = Manner(settings.pace_s, settings.language, self._stop, room)
        self._checking = Lane("engine-check", self._check_next, self._stop)
        turns = Turns()
        places: list[Place | None] = [None]
        if any(base.is_heavy for base in bases.values()):
            places += places_of(settings.training)
        trainings = [Training(shelves, bases, turns, self._manner, place) for place in places]
        self._training = [
            Lane(f"engine-train-{number}", each.train_next, self._stop)
            for number, each in enumerate(trainings)
        ]

    def start(self) -> None:
        """Begin; jobs that an earlier process left are taken up."""
        for lane in self._lanes:
            lane.start()

    def wake(self) -> None:
        """Look for work now."""
        for lane in self._lanes:
            lane.wake()

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stop.set()
        for lane in self._lanes:
            lane.join()

    @property
    def is_alive(self) -> bool:
        """Return whether every lane lives."""
        return all(lane.is_alive for lane in self._lanes)

    @property
    def _lanes(self) -> list[Lane]:
        return [self._checking, *self._training]

    def _check_next(self) -> bool:
        job = next(iter(self._shelves.jobs.waiting(states.VALIDATING)), None)
        if job is None or not self._manner.pace():
            return False
        with failing(self._shelves, job):
            if check(self._shelves, job):
                self.wake()
        return True


def places_of(settings: TrainingSettings) -> list[Place]:
    """Return where language models are trained: a lane each."""
    if settings.workers:
        return [Place((), settings.cluster, settings.workers)]
    return [Place(tuple(devices)) for devices in settings.devices]
