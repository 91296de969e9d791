"""How a job's state follows from the provider's reports."""

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
        ("paused", JobState.RUNNING),
        ("failed", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
        ("a word of next year", JobState.RUNNING),
    ],
)
def test_providers_status_is_mapped_to_our_state_and_kept(status, state):
    after = advance(JOB, JobReport("ftjob-1", status), NOW)
    assert (after.state, after.status) == (state, status)


def test_success_names_the_model():
    report = JobReport("ftjob-1", "succeeded", model_id="ft:1", trained_tokens=5)
    after = advance(JOB, report, NOW)
    assert (after.state, after.model_id, after.trained_tokens) == (JobState.SUCCEEDED, "ft:1", 5)


def test_success_without_a_model_stays_running():
    assert advance(JOB, JobReport("ftjob-1", "succeeded"), NOW).state is JobState.RUNNING


@pytest.mark.parametrize("state", sorted(FINAL))
def test_final_job_never_changes(state):
    job = replace(JOB, state=state)
    assert advance(job, JobReport("ftjob-1", "running"), NOW) == job


def test_launching_job_known_to_the_provider_is_queued_with_any_status():
    job = replace(JOB, state=JobState.LAUNCHING)
    assert advance(job, JobReport("ftjob-1", "warming_up"), NOW).state is JobState.QUEUED


def test_launch_key_depends_on_training_key_and_attempt():
    keys = {launch_key(training_key, attempt) for training_key in ("a", "b") for attempt in (1, 2)}
    assert len(keys) == 4
    assert launch_key("a", 1) == launch_key("a", 1)


@pytest.mark.parametrize(("silent_s", "pause_s"), [(-3600, 5), (0, 5), (200, 20), (86_400, 60)])
def test_poll_pause_grows_with_the_providers_silence(silent_s, pause_s):
    assert poll_delay_s(JOB, NOW + timedelta(seconds=silent_s), 5) == pause_s
