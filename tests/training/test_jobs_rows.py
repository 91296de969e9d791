"""Jobs in the database, with their events, models and verdicts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from merlin.providers.base import Checkpoint, JobEvent
from merlin.training.jobs import JobState
from merlin.training.models import ModelState
from tests.db.pipeline_rows import FACE, make_examples
from tests.support.migrated_databases import on_both_databases

pytestmark = pytest.mark.integration


@pytest.fixture
def job(world):
    return world.start(1, make_examples())


def test_job_is_stored_unchanged(world, job, clock):
    clock.move(5)
    values = {"provider_job_id": "job-1", "status": "warming_up", "error": "e\0"}
    values |= {"trained_tokens": 7, "not_before": clock(), "updated_at": clock()}
    new = replace(job, state=JobState.QUEUED, **values)
    assert world.jobs.save(job, new)
    assert world.jobs.get(job.job_id) == replace(
        new, error="e\N{REPLACEMENT CHARACTER}"
    )


def test_changed_job_is_not_overwritten(world, job):
    queued = replace(job, state=JobState.QUEUED)
    assert world.jobs.save(job, queued)
    assert not world.jobs.save(job, replace(job, state=JobState.FAILED))
    assert world.jobs.get(job.job_id) == queued


@on_both_databases
def test_one_of_ten_concurrent_saves_wins(world, job):
    new = replace(job, state=JobState.QUEUED)
    with ThreadPoolExecutor(10) as pool:
        saved = pool.map(lambda _: world.jobs.save(job, new), range(10))
        assert sorted(saved) == [False] * 9 + [True]


def test_ended_job_never_changes_again(world, job):
    world.finish(job, JobState.FAILED)
    ended = world.jobs.get(job.job_id)
    for state in JobState:
        if state is not JobState.FAILED:
            with pytest.raises(ValueError, match=r"job \d+: "):
                world.jobs.save(ended, replace(ended, state=state, model_id="m"))
    assert world.jobs.get(job.job_id) == ended


def test_success_without_a_model_raises_value_error(world, job):
    with pytest.raises(ValueError, match=r"job \d+: "):
        world.jobs.save(job, replace(job, state=JobState.SUCCEEDED))
    assert world.jobs.get(job.job_id) == job


def test_success_creates_the_model_at_the_same_time(world, job, clock):
    model_id = world.finish(job)
    (model,) = world.models.list_unproved()
    assert (model.model_id, model.state, model.job_id) == (
        model_id,
        ModelState.NEW,
        job.job_id,
    )
    assert (model.build_version, model.created_at) == (f"{FACE}-1", clock())
    assert world.statuses() == {"a001": "training"}
    assert world.jobs.open_jobs() == []


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_failed_or_cancelled_job_fails_its_verdicts(world, job, state):
    world.finish(job, state)
    (verdict,) = world.log()
    assert (verdict.status, verdict.reason) == ("failed", f"verdict-job-{state}")
    assert world.models.list_unproved() == []


def test_events_are_stored_once_and_in_order(world, job, clock):
    first = JobEvent("e1", clock(), "info", "шаг\0", "metrics", {"loss": 0.5})
    second = JobEvent("e2", clock(), "warn", "дальше")
    checkpoint = Checkpoint("ft:1:step-1", 1, {"loss": 0.5})
    world.jobs.add_events(job.job_id, [first], [checkpoint])
    repeated = replace(first, message="otherwise")
    later = Checkpoint("ft:1:step-2", 2, {"loss": 0.25})
    world.jobs.add_events(
        job.job_id, [repeated, second], [replace(checkpoint, step=9), later]
    )
    assert world.jobs.known_events(job.job_id) == {"e1", "e2"}
    stored = world.job(job.job_id)
    events = [(event.message, event.data) for event in stored.events]
    assert events == [("шаг\N{REPLACEMENT CHARACTER}", {"loss": 0.5}), ("дальше", {})]
    assert [checkpoint.step for checkpoint in stored.checkpoints] == [1, 2]


def test_long_event_list_is_stored_and_read(world, job, clock):
    events = [JobEvent(f"e{n}", clock(), "info", f"step {n}") for n in range(1300)]
    world.jobs.add_events(job.job_id, events, [])
    assert len(world.jobs.known_events(job.job_id)) == 1300
    stored = world.job(job.job_id, events=2)
    assert [event.message for event in stored.events] == ["step 1298", "step 1299"]
