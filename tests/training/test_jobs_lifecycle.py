"""How a job's state follows from the provider's reports."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from merlin.dataset.spec import Recipe
from merlin.providers.base import JobReport
from merlin.training.jobs import (
    FINAL,
    Job,
    JobState,
    advance,
    is_due,
    launch_key,
    poll_delay_s,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, tzinfo=UTC)
JOB = Job(
    job_id=1,
    launch_key="key",
    dataset="neurotypology",
    build_id=1,
    provider="engine",
    recipe=Recipe("engine", "recall"),
    attempt=1,
    state=JobState.RUNNING,
    created_at=NOW,
    updated_at=NOW,
    provider_job_id="ftjob-1",
)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("validating_files", JobState.QUEUED),
        ("queued", JobState.QUEUED),
        ("running", JobState.RUNNING),
        ("paused", JobState.RUNNING),
        ("failed", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
        ("stopped", JobState.CANCELLED),
        ("error", JobState.FAILED),
        ("expired", JobState.FAILED),
        ("TIMEOUT_EXCEEDED", JobState.FAILED),
        ("canceling", JobState.RUNNING),
        ("a word of next year", JobState.RUNNING),
        ("succeeded", JobState.RUNNING),  # until it names its model
    ],
)
def test_providers_status_is_mapped_to_our_state_and_kept(status, state):
    after = advance(JOB, JobReport("ftjob-1", status), NOW)
    assert (after.state, after.status) == (state, status)


def test_success_names_the_model():
    report = JobReport("ftjob-1", "succeeded", model_id="ft:1", trained_tokens=5)
    after = advance(JOB, report, NOW)
    assert (after.state, after.model_id, after.trained_tokens) == (
        JobState.SUCCEEDED,
        "ft:1",
        5,
    )


@pytest.mark.parametrize(
    ("status", "end"),
    [("succeeded", JobState.FAILED), ("canceling", JobState.CANCELLED)],
)
def test_job_that_is_about_to_end_for_a_day_has_ended(status, end):
    """A day after it was about to end for the first time, however long it trained before."""
    report = JobReport("ftjob-1", status)
    day = timedelta(days=1)
    began_at = NOW + timedelta(days=3)
    job = advance(JOB, report, began_at)
    for hours in (1, 23, 24):
        job = advance(job, report, began_at + timedelta(hours=hours))
        assert (job.state, job.updated_at) == (JobState.RUNNING, began_at)
    other = advance(job, JobReport("ftjob-1", "running"), began_at + day)
    assert advance(other, report, began_at + 2 * day).state is JobState.RUNNING
    after = began_at + day + timedelta(seconds=1)
    ended = advance(job, report, after)
    assert (ended.state, ended.updated_at) == (end, after)
    assert ended.error == f"{status} for a day, without an end or the name of a model"


@pytest.mark.parametrize("state", sorted(FINAL))
def test_final_job_never_changes(state):
    job = replace(JOB, state=state)
    assert advance(job, JobReport("ftjob-1", "running"), NOW) == job


def test_launching_job_known_to_the_provider_is_queued_with_any_status():
    job = replace(JOB, state=JobState.LAUNCHING)
    assert (
        advance(job, JobReport("ftjob-1", "warming_up"), NOW).state is JobState.QUEUED
    )


def test_launch_key_depends_on_training_key_and_attempt():
    keys = {
        launch_key(training_key, attempt)
        for training_key in ("a", "b")
        for attempt in (1, 2)
    }
    assert len(keys) == 4
    assert launch_key("a", 1) == launch_key("a", 1)


@pytest.mark.parametrize(
    ("silent_s", "pause_s"), [(-3600, 5), (0, 5), (200, 20), (86_400, 60)]
)
def test_poll_pause_grows_with_the_providers_silence(silent_s, pause_s):
    assert poll_delay_s(JOB, NOW + timedelta(seconds=silent_s), 5) == pause_s


@pytest.mark.parametrize(
    ("wait_s", "error", "due"),
    [
        (None, "", True),
        (0, "", True),
        (10, "", False),
        (60, "", False),  # the provider's settle_s
        (3600, "", True),  # as long as the clock was set back
        (3600, "busy", False),  # as long as a provider may ask for
        (3 * 3600, "busy", True),
    ],
)
def test_job_waits_no_longer_than_it_ever_may(wait_s, error, due):
    not_before = None if wait_s is None else NOW + timedelta(seconds=wait_s)
    assert is_due(replace(JOB, not_before=not_before, error=error), NOW, 60.0) is due
