"""The disk's quota: old checkpoints go first, what is needed stays, and a job that cannot fails."""

from __future__ import annotations

import re

import pytest

from merlin.config.engine import EngineTrainingConfig
from tests.engine.holding_engine import holding_engine, start_held_job
from tests.engine.running_engine import ANSWER, engine_in_thread
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional
EPOCHS = 5


def train(desk):
    return desk.train(hyperparameters={"n_epochs": EPOCHS})


def steps(desk, job):
    return sorted(checkpoint.step_number for checkpoint in desk.jobs.checkpoints.list(job.id))


def used(folder):
    return sum(path.stat().st_size for path in (folder / "models").rglob("*") if path.is_file())


def rested(desk):
    """Return a job that was paused while it ran."""
    return desk.jobs.pause(start_held_job(desk).id)


def within(quota_bytes):
    return EngineTrainingConfig(quota_gb=quota_bytes / 10**9)


@pytest.fixture
def first(tmp_path):
    """A job that has succeeded in a folder without a quota, and the bytes of one checkpoint."""
    with engine_in_thread(tmp_path) as desk:
        job = train(desk)
        job.steps = steps(desk, job)
    assert len(job.steps) == EPOCHS
    job.size = used(tmp_path) / EPOCHS
    return job


def test_the_oldest_checkpoints_make_room_and_final_models_stay(tmp_path, first):
    with engine_in_thread(tmp_path, training=within(7.5 * first.size)) as desk:
        second = train(desk)
        assert second.status == "succeeded"
        assert len(steps(desk, second)) == EPOCHS
        assert steps(desk, first) == first.steps[-2:]
        # In one go, or in several where it trains for longer than weights may wait to be kept.
        warnings = [event.message for event in desk.events(second.id) if event.level == "warn"]
        assert sum(int(re.search(r"\d+", words)[0]) for words in warnings) == 3
        for job in (first, second):
            assert desk.ask(job.fine_tuned_model).choices[0].message.content == ANSWER
    assert used(tmp_path) <= 7.5 * first.size


def test_its_own_older_checkpoints_go_when_there_are_no_others(tmp_path, first):
    with engine_in_thread(tmp_path, training=within(2.5 * first.size)) as desk:
        second = train(desk)
        assert second.status == "succeeded"
        assert len(steps(desk, second)) == 1
        assert desk.ask(second.fine_tuned_model).choices[0].message.content == ANSWER
        assert desk.ask(first.fine_tuned_model).choices[0].message.content == ANSWER


def test_a_job_that_finds_no_room_fails_and_says_what_to_do(tmp_path, first):
    with engine_in_thread(tmp_path, training=within(1.5 * first.size)) as desk:
        second = train(desk)
        assert (second.status, second.error.code) == ("failed", "disk_quota")
        assert second.error.param is None
        assert "quota_gb" in second.error.message
        assert desk.ask(first.fine_tuned_model).choices[0].message.content == ANSWER
        desk.client.models.delete(first.fine_tuned_model)
        for step in desk.jobs.checkpoints.list(first.id):
            desk.client.models.delete(step.fine_tuned_model_checkpoint)
        assert train(desk).status == "succeeded"


def test_without_a_quota_nothing_is_removed_and_files_stay_in_any_case(tmp_path, first):
    with engine_in_thread(tmp_path, training=within(2.5 * first.size)) as desk:
        train(desk)
        assert first.training_file in [file.id for file in desk.client.files.list()]
    with engine_in_thread(tmp_path) as desk:
        train(desk)
        assert len(list(desk.client.files.list())) == 3


def test_a_checkpoint_of_a_job_that_rests_is_not_touched(tmp_path, first):
    with holding_engine(tmp_path) as desk:
        resting = rested(desk)
        wait_until(lambda: steps(desk, resting))
        before = steps(desk, resting)
    with engine_in_thread(tmp_path, training=within(1)) as desk:
        assert train(desk).error.code == "disk_quota"
        assert steps(desk, resting) == before
        assert desk.jobs.retrieve(resting.id).status == "paused"


def test_the_folder_of_a_job_that_ends_while_it_rests_is_removed(tmp_path):
    with holding_engine(tmp_path) as desk:
        job = rested(desk)
        assert train(desk).status == "succeeded"
        folder = tmp_path / "work" / job.id
        assert folder.is_dir()
        desk.jobs.cancel(job.id)
        wait_until(lambda: not folder.exists())
