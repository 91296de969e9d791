"""From waiting verdicts to jobs: claimed once, linked to what exists, held with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from store_world import FACE, World, commit, examples, spec

from merlin.build.verdict import Word
from merlin.core.errors import NotFound
from merlin.job.launching import NewJob, launch_by_hand
from merlin.job.lifecycle import JobState, launch_key
from merlin.job.policy import Decision, Step
from merlin.model.registry import ModelState

pytestmark = pytest.mark.integration


@pytest.fixture
def world(database, clock):
    return World(database, clock)


def order(verdict, clock, attempt=1, estimate=500):
    return NewJob(
        launch_key=launch_key(verdict.wish, attempt),
        dataset=verdict.dataset,
        build_id=verdict.build_id,
        provider="engine",
        recipe=verdict.spec.recipe,
        attempt=attempt,
        estimate_micro=estimate,
        currency="USD",
        at=clock(),
    )


def test_waiting_verdicts_come_by_dataset_then_position(world, clock):
    python = spec("python")
    for position in (1, 2):
        outcomes = [world.outcome(each, examples(11 + position)) for each in (spec(), python)]
        world.journal.record(commit(position), outcomes, clock())
    told = [(each.dataset, each.position) for each in world.launches.waiting()]
    assert told == [(FACE, 1), (FACE, 2), ("python", 1), ("python", 2)]


def test_starting_makes_a_job_and_supersedes_the_older(world, clock):
    world.push(1, examples(12))
    world.push(2, examples(13))
    older, newest = world.launches.waiting()
    job = world.launches.start(newest, order(newest, clock), [older])
    assert (job.state, job.attempt, job.estimate_micro) == (JobState.LAUNCHING, 1, 500)
    assert job.recipe == spec().recipe
    assert world.jobs.open_jobs() == [job] == [world.jobs.get(job.job_id)]
    assert world.launches.newest_attempt(newest.wish) == job
    assert world.words() == {"a001": "superseded", "a002": "training"}
    (change,) = world.reports.job(job.job_id)["changes"]
    assert (change["from"], change["to"]) == ("", "launching")


def test_of_ten_racing_starts_one_makes_the_job(world, clock):
    world.push(1, examples())
    (verdict,) = world.launches.waiting()
    new = order(verdict, clock)
    with ThreadPoolExecutor(10) as pool:
        jobs = list(pool.map(lambda _: world.launches.start(verdict, new, ()), range(10)))
    assert sum(job is not None for job in jobs) == 1
    assert len(world.reports.jobs()) == 1
    assert len(world.reports.job(1)["changes"]) == 1


def test_a_verdict_that_moved_on_gets_no_job(world, clock):
    world.push(1, examples())
    (verdict,) = world.launches.waiting()
    world.journal.leave_line(0, clock())
    assert world.launches.start(verdict, order(verdict, clock), ()) is None
    assert world.reports.jobs() == []
    final = replace(verdict, word=Word.UNCHANGED)
    assert world.launches.start(final, order(verdict, clock), ()) is None


def test_holding_says_why_and_may_change(world):
    sha = world.push(1, examples())
    (verdict,) = world.launches.waiting()
    for step, reason in [
        (Step.WAIT, "held-quiet"),
        (Step.HOLD, "held-manual"),
        (Step.HOLD, "held-skip"),
        (Step.WAIT, "held-slots"),
    ]:
        world.launches.hold(verdict, Decision(step, reason, {"seconds": 60}), ())
        (told,) = world.reports.of_commit(sha)
        assert told["verdict"] == ("held" if step is Step.HOLD else "built")
        assert (told["reason"], told["arguments"]) == (reason, {"seconds": 60})
    (verdict,) = world.launches.waiting()
    assert verdict.reason == "held-slots"


def test_holding_supersedes_the_older_and_leaves_what_moved_on(world, clock):
    world.push(1, examples(12))
    world.push(2, examples(13))
    older, newest = world.launches.waiting()
    world.launches.hold(newest, Decision(Step.HOLD, "held-skip"), [older])
    assert world.words() == {"a001": "superseded", "a002": "held"}
    world.launches.hold(older, Decision(Step.HOLD, "held-skip"), ())
    assert world.words()["a001"] == "superseded"


def test_a_held_verdict_can_be_started(world, clock):
    world.push(1, examples())
    (verdict,) = world.launches.waiting()
    world.launches.hold(verdict, Decision(Step.HOLD, "held-manual"), ())
    assert world.launches.start(verdict, order(verdict, clock), ()) is not None
    (told,) = world.reports.log()
    assert (told["verdict"], told["reason"]) == ("training", "")


def test_a_revert_joins_the_job_that_exists(world):
    world.serve(1, examples(12))
    world.serve(2, examples(13))
    world.push(3, examples(12))
    (job,) = world.launch()
    assert job.job_id == 1
    assert world.words()["a003"] == "training"
    world.promote()
    assert world.words() == {"a001": "serving", "a002": "serving", "a003": "serving"}
    assert len(world.reports.jobs()) == 2


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_revert_to_a_lost_job_fails_and_can_be_launched_again(world, state):
    world.push(1, examples(12))
    (job,) = world.launch()
    world.finish(job, state)
    world.serve(2, examples(13))
    world.push(3, examples(12))
    world.launch()
    (told, *_) = world.reports.log()
    assert (told["verdict"], told["reason"]) == ("failed", f"verdict-job-{state}")
    assert told["arguments"]["job"] == job.job_id
    failed = world.verdict(3)
    again = launch_by_hand(world.desk, failed)
    assert (again.attempt, again.job_id) == (2, 3)
    assert world.words()["a003"] == "training"


def test_a_revert_to_a_refused_model_fails(world):
    world.push(1, examples(12))
    (job,) = world.launch()
    world.finish(job)
    world.prove(ModelState.REFUSED)
    world.serve(2, examples(13))
    world.push(3, examples(12))
    world.launch()
    assert world.words() == {"a001": "failed", "a002": "serving", "a003": "failed"}


def test_account_counts_jobs_money_and_new_examples(world, clock):
    month = clock() - timedelta(days=3)
    world.push(1, examples(12))
    (verdict,) = world.launches.waiting()
    empty = world.launches.account(verdict, "engine", month)
    assert (empty.active, empty.spent_micro, empty.new_examples) == (0, 0, 12)
    job = world.launches.start(verdict, order(verdict, clock), ())
    world.push(2, examples(14, changed=(3,)))
    (newest,) = world.launches.waiting()
    told = world.launches.account(newest, "engine", month)
    assert (told.active, told.spent_micro, told.new_examples) == (1, 500, 3)
    assert world.launches.account(newest, "other", month).active == 0
    assert world.launches.account(newest, "engine", clock() + timedelta(days=1)).spent_micro == 0
    world.finish(job)
    assert world.launches.account(newest, "engine", month).active == 0
    assert world.launches.account(newest, "engine", month).spent_micro == 500


def test_a_job_that_ended_untrained_costs_nothing_and_taught_nothing(world, clock):
    world.push(1, examples(12))
    (verdict,) = world.launches.waiting()
    job = world.launches.start(verdict, order(verdict, clock), ())
    world.finish(job, JobState.CANCELLED)
    world.push(2, examples(13))
    (newest,) = world.launches.waiting()
    told = world.launches.account(newest, "engine", clock() - timedelta(days=1))
    assert (told.active, told.spent_micro, told.new_examples) == (0, 0, 13)


def test_another_system_text_makes_every_example_new(world, clock):
    world.push(1, examples(12))
    world.launch()
    world.push(2, examples(12), told=spec(system="Отвечай подробно."))
    (verdict,) = world.launches.waiting()
    assert world.launches.account(verdict, "engine", clock()).new_examples == 12


def test_what_is_not_there_is_told(world):
    assert world.launches.newest_attempt("none") is None
    for ask in (world.launches.build, world.jobs.get):
        with pytest.raises(NotFound):
            ask(99)
