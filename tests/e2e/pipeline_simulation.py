"""A random simulation of the pipeline: commits, ticks in any order, faults, a jumping clock.

The same seed gives the same order and the same faults. Payments are simulated in
`billing/random_histories.py`.
"""

import random
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count

from merlin.core.clock import utc_now
from merlin.daemon.main import TickCounts
from merlin.daemon.ticks import ticks_of
from merlin.db.tables import BUILD, JOB
from merlin.training.jobs import Jobs
from merlin.training.launch_plan import Launches
from tests.e2e.pipeline_storm import make_faults
from tests.support.fault_injection import FAULTS
from tests.support.faults import FaultKind
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn

TICKS = ("fetch", "files", "launch", "poll", "prove", "promote")
STEPS = 40
PROBABILITY = 0.2
MAX_OPERATION = 150
JUMPS_S = (1, 1, 1, 30, 30, 3600, 86_400)
# Without faults everything ends within three hours. The simulation ends sooner if the newest build
# serves, no job is open, and a round of all ticks changes nothing.
CALM_ROUNDS = 36
ROUND_S = 300


class ManualClock:
    """A clock that advances only by `move`."""

    def __init__(self):
        self.now = utc_now()

    def __call__(self):
        return self.now

    def move(self, seconds):
        """Move the clock by so many seconds."""
        self.now += timedelta(seconds=seconds)


@contextmanager
def _run_ticks(lab, clock):
    with lab.services() as services:
        providers = {
            name: replace(provider, clock=clock)
            for name, provider in services.providers.items()
        }
        launches = Launches(services.db, services.config, clock=clock)
        builds = replace(services.gathering, clock=clock)
        changed = {"clock": clock, "providers": providers, "gathering": builds}
        ticks = ticks_of(replace(services, launches=launches, **changed), TickCounts())
        yield {tick.name: tick.run for tick in ticks}, services.db


def simulate(folder, seed, steps=STEPS):
    """Run so many random steps, then ticks without faults; check that the newest build serves."""
    generator = random.Random(seed)  # noqa: S311 - the same for the same seed
    numbers = count(100)
    clock = ManualClock()
    with ProviderStandIn(folder / "provider", key="stand-in", seed=seed) as provider:
        lab = Lab.with_dataset(folder, provider.base_url)
        provider.faults.add(
            *(fault for fault in make_faults() if fault.kind is not FaultKind.LAG)
        )
        with _run_ticks(lab, clock) as (ticks, database):
            for _ in range(steps):
                if generator.random() < PROBABILITY:
                    lab.repository.commit_example("trial", next(numbers))
                fails_at = (
                    generator.randrange(1, MAX_OPERATION)
                    if generator.random() < PROBABILITY
                    else 0
                )
                with FAULTS.on(fails_at), suppress(Exception):  # as the schedule does
                    ticks[generator.choice(TICKS)]()
                clock.move(generator.choice(JUMPS_S))
            provider.faults.clear()
            expected = (lab.repository.git("rev-parse", "HEAD"), "serving")
            for _ in range(CALM_ROUNDS):
                has_moved = [ticks[name]() for name in TICKS]
                document = lab.status()
                is_served = (document["commit"], document["verdict"]) == expected
                if is_served and not any(has_moved) and not Jobs(database).open_jobs():
                    break
                clock.move(ROUND_S)
            assert is_served, (seed, document)
            builds = {
                f"{row.number}-{row.digest[:12]}"
                for row in database.rows(BUILD.select())
            }
            launch_keys = {row.launch_key for row in database.rows(JOB.select())}
        jobs = [job for job in provider.jobs_created() if job["status"] != "cancelled"]
        keys = [job["asked"]["metadata"]["merlin_launch"] for job in jobs]
        assert len(keys) == len(set(keys)), f"seed {seed}: a job was made twice"
        assert set(keys) <= launch_keys, f"seed {seed}: a job that nobody knows"
        folders = {
            path.name for path in (lab.config.state_dir / "builds" / "trial").iterdir()
        }
        assert folders == builds, f"seed {seed}: {folders ^ builds}"
