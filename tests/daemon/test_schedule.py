"""The schedule in hard times: clocks that jump, outages that last, databases that are away."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from waiting import DEADLINE_S

from merlin.core.clock import utc_now
from merlin.daemon.main import Tally, mind_the_clock
from merlin.daemon.ticks import ticks_of
from merlin.store.faults import DatabaseAway

pytestmark = pytest.mark.functional


def test_a_clock_that_was_set_back_delays_no_tick():
    ran, stop, offsets = threading.Event(), threading.Event(), iter([3600.0, 3600.0])
    scheduler = BackgroundScheduler(timezone="UTC")
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    scheduler.add_job(ran.set, "interval", seconds=3600, next_run_time=in_an_hour)
    scheduler.start()
    waiting = threading.Thread(
        target=mind_the_clock, args=(scheduler, stop, lambda: next(offsets, 0.0))
    )
    waiting.start()
    try:
        assert ran.wait(DEADLINE_S)
    finally:
        stop.set()
        waiting.join()
        scheduler.shutdown()


def test_one_reason_is_told_once_until_a_success():
    tally = Tally()
    assert [tally.fail("fetch", reason) for reason in ("away", "away", "full")] == [
        True,
        False,
        True,
    ]
    assert tally.counts == {"fetch_error": 3}


def test_a_job_is_looked_at_though_its_time_lies_beyond_a_jump_of_the_clock(lab):
    lab.tick("fetch", "launch")
    with lab.services() as services:
        (job,) = services.jobs.open_jobs()
        services.jobs.save(job, replace(job, not_before=utc_now() + timedelta(days=3650)))
    lab.until_serving("trial-1")


def test_a_daemon_without_its_database_says_that_it_lives(lab):
    said = []
    with lab.services() as services:
        heard = replace(services, still_alive=lambda: said.append("alive"))
        beat = next(tick for tick in ticks_of(heard, Tally()) if tick.name == "beat")
        database = lab.config.state_dir / "merlin.db"
        services.heartbeats.db.close()
        database.rename(database.with_name("away"))
        with pytest.raises(DatabaseAway):
            beat.run()
    assert said == ["alive"]
