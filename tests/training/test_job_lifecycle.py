"""How a job's state follows from the provider's reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from merlin.dataset.spec import Recipe
from merlin.providers.base import JobReport
from merlin.training.jobs import FINAL, Job, JobState, advance, launch_key, poll_delay_s

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
        ("paused", JobState.PAUSED),
        ("failed", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
        ("a word of next year", JobState.RUNNING),
    ],
)
def test_the_providers_word_becomes_our_state_and_is_kept(status, state):
    after = advance(JOB, JobReport("ftjob-1", status), NOW)
    assert (after.state, after.status) == (state, status)


def test_success_names_the_model():
    report = JobReport("ftjob-1", "succeeded", model_id="ft:1", trained_tokens=5)
    after = advance(JOB, report, NOW)
    assert (after.state, after.model_id, after.trained_tokens) == (JobState.SUCCEEDED, "ft:1", 5)


def test_success_without_a_model_is_asked_again():
    assert advance(JOB, JobReport("ftjob-1", "succeeded"), NOW).state is JobState.RUNNING


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_job_never_changes(state):
    job = replace(JOB, state=state)
    assert advance(job, JobReport("ftjob-1", "running"), NOW) == job


def test_a_launching_job_that_the_provider_knows_is_queued_whatever_the_word():
    job = replace(JOB, state=JobState.LAUNCHING)
    assert advance(job, JobReport("ftjob-1", "warming_up"), NOW).state is JobState.QUEUED


def test_the_launch_key_follows_from_wish_and_attempt():
    keys = {launch_key(training_key, attempt) for training_key in ("a", "b") for attempt in (1, 2)}
    assert len(keys) == 4
    assert launch_key("a", 1) == launch_key("a", 1)


@pytest.mark.parametrize(("silent_s", "pause_s"), [(-3600, 5), (0, 5), (200, 20), (86_400, 60)])
def test_the_longer_a_provider_is_silent_the_longer_the_pause(silent_s, pause_s):
    assert poll_delay_s(JOB, NOW + timedelta(seconds=silent_s), 5) == pause_s
