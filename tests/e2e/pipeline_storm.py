"""A stress test of the pipeline: a killed daemon; a provider that drops, fails, lags, restarts.

`run_storm(folder, commits, seed)` makes commits one by one, waits for each until its model serves,
and returns the provider's jobs.
"""

import random
import threading

from tests.support.ending import kill, wait_for_end
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import start
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import Deadline

SERVE_S = 300
LAG_S = 0.3
# After so many kills during one commit the daemons run longer and longer.
MANY_KILLS = 5


def make_faults():
    """Return the faults by call; half of the creating calls are carried out and then fail."""
    creating_faults = [
        Fault(method, kind, times=None, probability=probability, status=500)
        for method in ("jobs.create", "files.create")
        for kind, probability in ((FaultKind.DROP, 0.25), (FaultKind.DONE_STATUS, 0.25))
    ]
    other_faults = [
        Fault(
            "jobs.retrieve", FaultKind.STATUS, times=None, probability=0.1, status=503
        ),
        Fault("jobs.list", FaultKind.LAG, times=None, probability=0.2, seconds=0.2),
        Fault(
            "chat.create", FaultKind.STATUS, times=None, probability=0.05, status=429
        ),
    ]
    return creating_faults + other_faults


class Killer(threading.Thread):
    """Runs a daemon and kills it at random times; sometimes restarts the provider."""

    def __init__(self, lab, provider, seed):
        super().__init__(daemon=True)
        self.lab = lab
        self.provider = provider
        self.generator = random.Random(seed)  # noqa: S311 - the same faults for the same seed
        self.kills = 0
        self.kills_of_commit = 0  # kills since the last commit
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.is_set():
            process = self.start_daemon()
            # On a slow machine a daemon that is always killed early would never finish.
            process.join(
                self.generator.uniform(0.5, 4.0)
                * max(1.0, self.kills_of_commit / MANY_KILLS)
            )
            kill(process)
            self.kills += 1
            self.kills_of_commit += 1
            if self.generator.random() < 0.3:
                self.provider.stop()
                self.is_over.wait(self.generator.uniform(0.1, 0.5))
                self.provider.start()

    def start_daemon(self):
        log = self.lab.folder / "daemon.log"
        return start("daemon", self.lab.path, log, **{KEY: "stand-in"})


def run_storm(folder, commits, seed, still_s=0.0):
    """Return (jobs at the provider that were not cancelled, number of kills of the daemon).

    `still_s`: for how long this process, and the provider in it, may be suspended.
    """
    with ProviderStandIn(folder / "provider", key="stand-in", seed=seed) as provider:
        lab = Lab(folder, provider.base_url)
        config = lab.path.read_text().replace(
            "settle_s: 0", f"settle_s: {3 * LAG_S + still_s}"
        )
        lab.path.write_text(config)
        provider.behave(list_lag_s=LAG_S)
        provider.faults.add(*make_faults())
        lab.repository.dataset()
        killer = Killer(lab, provider, seed)
        killer.start()
        try:
            for number in range(1, commits + 1):
                lab.repository.commit_example(
                    "trial", 100 + number, subject=f"Commit {number}"
                )
                killer.kills_of_commit = 0
                deadline = Deadline(SERVE_S)
                while not lab.is_serving(f"trial-{number}"):
                    assert not deadline.is_over(), (folder / "daemon.log").read_text()[
                        -4000:
                    ]
                    killer.is_over.wait(0.3)
        finally:
            killer.is_over.set()
            wait_for_end(killer)
        jobs = [job for job in provider.jobs_created() if job["status"] != "cancelled"]
        return jobs, killer.kills
