"""A storm over the pipeline: a daemon that is killed, a provider that drops, fails, lags, restarts.

`weather(folder, commits, seed)` makes commits one by one, each followed until its model serves,
and returns what the provider saw. Used by tests with few commits and by `bench/storm.py` with 40.
"""

from __future__ import annotations

import random
import threading

from merlin.core.errors import MerlinError
from merlin.sandbox.faults import Fault, FaultKind
from merlin.sandbox.provider.app import ProviderStandIn
from tests.support.forked_processes import start
from tests.support.pipeline_lab import KEY, Lab
from tests.support.waiting import Deadline

SERVE_S = 300
LAG_S = 0.3
# A commit whose daemons were killed more often than this has them live longer and longer.
OFTEN = 5


def faults():
    """Return what befalls each call: half of the creating ones are answered wrongly after all."""
    creating = [
        Fault(method, kind, times=None, probability=probability, status=500)
        for method in ("jobs.create", "files.create")
        for kind, probability in ((FaultKind.DROP, 0.25), (FaultKind.DONE_STATUS, 0.25))
    ]
    others = [
        Fault("jobs.retrieve", FaultKind.STATUS, times=None, probability=0.1, status=503),
        Fault("jobs.list", FaultKind.LAG, times=None, probability=0.2, seconds=0.2),
        Fault("chat.create", FaultKind.STATUS, times=None, probability=0.05, status=429),
    ]
    return creating + others


class Killer(threading.Thread):
    """Keeps one daemon running and kills it at random; now and then restarts the provider."""

    def __init__(self, lab, provider, seed):
        super().__init__(daemon=True)
        self.lab, self.provider = lab, provider
        self.chance = random.Random(seed)  # noqa: S311 - the same weather for the same seed
        self.kills = 0
        self.in_vain = 0  # since the last commit
        self.calm = threading.Event()

    def run(self):
        while not self.calm.is_set():
            process = self.start_daemon()
            # On a slow machine no daemon would come to anything in a life that never grows.
            process.join(self.chance.uniform(0.5, 4.0) * max(1.0, self.in_vain / OFTEN))
            process.kill()
            process.join()
            self.kills += 1
            self.in_vain += 1
            if self.chance.random() < 0.3:
                self.provider.stop()
                self.calm.wait(self.chance.uniform(0.1, 0.5))
                self.provider.start()

    def start_daemon(self):
        log = self.lab.folder / "daemon.log"
        return start("daemon", self.lab.path, log, **{KEY: "stand-in"})


def serves(lab, build):
    """Return whether this build serves; a database that is not there yet says no."""
    try:
        serving = lab.status()["serving"]
    except (MerlinError, KeyError):
        return False
    return bool(serving) and serving["build"] == build


def weather(folder, commits, seed, still_s=0.0):
    """Return (jobs at the provider that were not cancelled, daemon kills).

    `still_s`: for how long this process, and the provider in it, may stand still.
    """
    with ProviderStandIn(folder / "provider", key="stand-in", seed=seed) as provider:
        lab = Lab(folder, provider.base_url)
        said = lab.path.read_text().replace("settle_s: 0", f"settle_s: {3 * LAG_S + still_s}")
        lab.path.write_text(said)
        provider.behave(list_lag_s=LAG_S)
        provider.faults.add(*faults())
        lab.repository.dataset()
        killer = Killer(lab, provider, seed)
        killer.start()
        try:
            for number in range(1, commits + 1):
                lab.repository.example("trial", 100 + number)
                lab.repository.commit(f"Commit {number}")
                killer.in_vain = 0
                deadline = Deadline(SERVE_S)
                while not serves(lab, f"trial-{number}"):
                    assert not deadline.is_over(), (folder / "daemon.log").read_text()[-4000:]
                    killer.calm.wait(0.1)
        finally:
            killer.calm.set()
            killer.join()
        jobs = [job for job in provider.jobs_created() if job["status"] != "cancelled"]
        return jobs, killer.kills
