"""Cancel, pause and resume, also where they meet the end of a job."""

from __future__ import annotations

import openai
import pytest

from tests.engine.holding_engine import HELD, holding_engine, start_held_job
from tests.engine.running_engine import ANSWER, engine_in_thread, jsonl, many, weights_of

pytestmark = pytest.mark.functional
EPOCHS = 100


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """An engine with a job to be met while it runs."""
    with holding_engine(tmp_path_factory.mktemp("slow")) as desk:
        desk.large = desk.upload(jsonl(many(20))).id
        yield desk


def running(desk):
    desk.may_go_on.clear()
    return start_held_job(desk, desk.large, hyperparameters={"n_epochs": EPOCHS}).id


def test_a_waiting_job_is_cancelled_for_good(tmp_path):
    with engine_in_thread(tmp_path, pace_s=600) as desk:
        job = desk.launch()
        assert desk.jobs.cancel(job.id).status == "cancelled"
        job = desk.jobs.cancel(job.id)
        assert (job.status, job.fine_tuned_model) == ("cancelled", None)
        assert job.finished_at is not None
        assert desk.jobs.list_events(job.id).data[0].message == "Fine-tuning job cancelled"


def test_a_cancelled_run_makes_no_model_and_lets_the_next_job_in(slow):
    job_id = running(slow)
    assert slow.jobs.cancel(job_id).status == "cancelled"
    assert slow.train().status == "succeeded"
    job = slow.jobs.retrieve(job_id)
    assert (job.status, job.fine_tuned_model) == ("cancelled", None)


def test_a_paused_run_lets_others_in_and_ends_as_if_it_had_not_rested(slow):
    job_id = running(slow)
    assert slow.jobs.pause(job_id).status == "paused"
    assert slow.jobs.pause(job_id).status == "paused"
    assert slow.train().status == "succeeded"
    assert slow.jobs.retrieve(job_id).status == "paused"
    slow.may_go_on.set()
    slow.jobs.resume(job_id)
    rested = slow.until(job_id, "succeeded", "failed")
    unbroken = slow.train(slow.large, seed=HELD, hyperparameters={"n_epochs": EPOCHS})
    losses = slow.losses(rested.id)
    assert len(losses) == EPOCHS
    assert losses == slow.losses(unbroken.id)


def test_a_job_paused_before_it_was_checked_is_checked_after(tmp_path):
    with engine_in_thread(tmp_path, pace_s=600) as desk:
        job = desk.launch()
        assert desk.jobs.pause(job.id).status == "paused"
        assert desk.jobs.resume(job.id).status == "validating_files"
    with engine_in_thread(tmp_path) as desk:
        assert desk.until(job.id, "succeeded", "failed").status == "succeeded"


def test_the_final_word_stands(desk, tuned):
    for call in (desk.jobs.cancel, desk.jobs.pause, desk.jobs.resume):
        with pytest.raises(openai.BadRequestError, match="succeeded"):
            call(tuned.id)
    assert desk.jobs.retrieve(tuned.id).status == "succeeded"
    assert desk.ask(tuned.fine_tuned_model).choices[0].message.content == ANSWER


def test_a_job_that_is_not_paused_cannot_be_resumed(tmp_path):
    with engine_in_thread(tmp_path, pace_s=600) as desk:
        job = desk.launch()
        with pytest.raises(openai.BadRequestError, match="validating_files"):
            desk.jobs.resume(job.id)


def test_the_same_file_and_seed_give_the_same_weights(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        file = desk.upload()
        jobs = [desk.train(file.id, seed=seed) for seed in (1, 1, 2)]
        weights = [weights_of(tmp_path, desk, job.id) for job in jobs]
        assert weights[0] == weights[1] != weights[2]
