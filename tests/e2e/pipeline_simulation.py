"""A life of the pipeline from a seed: commits, ticks in any order, faults, a clock that jumps.

The same seed gives the same order and the same faults. Payments have theirs in
`billing/random_histories.py`.
"""

from __future__ import annotations

import random
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count

from merlin.core.clock import utc_now
from merlin.daemon.main import TickCounts
from merlin.daemon.ticks import ticks_of
from merlin.db.tables import BUILD, JOB
from merlin.sandbox.faults import FaultKind
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.training.jobs import Jobs
from merlin.training.launch_plan import Launches
from tests.e2e.pipeline_storm import faults
from tests.support.fault_injection import FAULTS
from tests.support.pipeline_lab import Lab

TICKS = ("fetch", "files", "launch", "poll", "prove", "promote", "note")
STEPS, SOMETIMES, FAR = 40, 0.2, 150
JUMPS_S = (1, 1, 1, 30, 30, 3600, -3600, -86_400)
# In calm all that was begun ends within three hours: after the clock was set back a job is looked
# at again after one. It ends sooner where the newest build serves, no job is open, and a round of
# all ticks moves nothing.
CALM_ROUNDS, ROUND_S = 36, 300


class ManualClock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = utc_now()

    def __call__(self):
        return self.now

    def move(self, seconds):
        """Go on by so many seconds, or back."""
        self.now += timedelta(seconds=seconds)


@contextmanager
def _ticks(lab, clock):
    with lab.services() as services:
        providers = {name: replace(each, clock=clock) for name, each in services.providers.items()}
        launches = Launches(services.db, services.config, clock=clock)
        builds = replace(services.build_settings, clock=clock)
        clocked = {"clock": clock, "providers": providers, "build_settings": builds}
        ticks = ticks_of(replace(services, launches=launches, **clocked), TickCounts())
        yield {tick.name: tick.run for tick in ticks}, services.db


def live(folder, seed, steps=STEPS):
    """Live so many steps, then in calm until the newest build serves; assert that all is well."""
    chance, numbers = random.Random(seed), count(100)  # noqa: S311 - the same for the same seed
    clock = ManualClock()
    with ProviderStandIn(folder / "provider", key="stand-in", seed=seed) as provider:
        lab = Lab(folder, provider.base_url)
        lab.repository.dataset()
        lab.repository.commit()
        provider.faults.add(*(fault for fault in faults() if fault.kind is not FaultKind.LAG))
        with _ticks(lab, clock) as (ticks, database):
            for _ in range(steps):
                if chance.random() < SOMETIMES:
                    lab.repository.example("trial", next(numbers))
                    lab.repository.commit()
                fails_at = chance.randrange(1, FAR) if chance.random() < SOMETIMES else 0
                with FAULTS.on(fails_at), suppress(Exception):  # as the schedule does
                    ticks[chance.choice(TICKS)]()
                clock.move(chance.choice(JUMPS_S))
            provider.faults.clear()
            wanted = (lab.repository.git("rev-parse", "HEAD"), "serving")
            for _ in range(CALM_ROUNDS):
                has_moved = [ticks[name]() for name in TICKS]
                document = lab.status()
                is_served = (document["commit"], document["verdict"]) == wanted
                if is_served and not any(has_moved) and not Jobs(database).open_jobs():
                    break
                clock.move(ROUND_S)
            assert is_served, (seed, document)
            builds = {
                f"{row['number']}-{row['digest'][:12]}" for row in database.rows(BUILD.select())
            }
            known = {row["launch_key"] for row in database.rows(JOB.select())}
        jobs = [job for job in provider.jobs_created() if job["status"] != "cancelled"]
        keys = [job["asked"]["metadata"]["merlin_launch"] for job in jobs]
        assert len(keys) == len(set(keys)), f"seed {seed}: a job was made twice"
        assert set(keys) <= known, f"seed {seed}: a job that nobody knows"
        left = {path.name for path in (lab.config.state_dir / "builds" / "trial").iterdir()}
        assert left == builds, f"seed {seed}: {left ^ builds}"
