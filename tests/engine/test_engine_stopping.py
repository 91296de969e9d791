"""Cancel, pause and resume, also at the moment the job ends."""

import openai
import pytest

from tests.engine.holding_engine import HELD_SEED, serve_held_engine, start_held_job
from tests.engine.running_engine import (
    ANSWER,
    build_examples,
    build_training_file,
    read_weights,
    serve_engine,
)

pytestmark = pytest.mark.functional
EPOCHS = 100


@pytest.fixture(scope="module")
def held_engine(tmp_path_factory):
    """An engine with a job that runs long enough to act on it."""
    with serve_held_engine(tmp_path_factory.mktemp("slow")) as engine:
        engine.large = engine.upload(build_training_file(build_examples(20))).id
        yield engine


def start_long_job(engine):
    engine.may_go_on.clear()
    return start_held_job(engine, engine.large, hyperparameters={"n_epochs": EPOCHS}).id


def test_waiting_job_is_cancelled_for_good(tmp_path):
    with serve_engine(tmp_path, pace_s=600) as engine:
        job = engine.launch()
        assert engine.jobs.cancel(job.id).status == "cancelled"
        job = engine.jobs.cancel(job.id)
        assert (job.status, job.fine_tuned_model) == ("cancelled", None)
        assert job.finished_at is not None
        assert engine.jobs.list_events(job.id).data[0].message == "Fine-tuning job cancelled"


def test_cancelled_job_makes_no_model_and_the_next_job_runs(held_engine):
    job_id = start_long_job(held_engine)
    assert held_engine.jobs.cancel(job_id).status == "cancelled"
    assert held_engine.train().status == "succeeded"
    job = held_engine.jobs.retrieve(job_id)
    assert (job.status, job.fine_tuned_model) == ("cancelled", None)


def test_paused_job_lets_others_run_and_ends_with_the_same_result(held_engine):
    job_id = start_long_job(held_engine)
    assert held_engine.jobs.pause(job_id).status == "paused"
    assert held_engine.jobs.pause(job_id).status == "paused"
    assert held_engine.train().status == "succeeded"
    assert held_engine.jobs.retrieve(job_id).status == "paused"
    held_engine.may_go_on.set()
    held_engine.jobs.resume(job_id)
    rested = held_engine.until(job_id, "succeeded", "failed")
    unbroken = held_engine.train(
        held_engine.large, seed=HELD_SEED, hyperparameters={"n_epochs": EPOCHS}
    )
    losses = held_engine.losses(rested.id)
    assert len(losses) == EPOCHS
    assert losses == held_engine.losses(unbroken.id)


def test_job_paused_before_validation_is_validated_after_resuming(tmp_path):
    with serve_engine(tmp_path, pace_s=600) as engine:
        job = engine.launch()
        assert engine.jobs.pause(job.id).status == "paused"
        assert engine.jobs.resume(job.id).status == "validating_files"
    with serve_engine(tmp_path) as engine:
        assert engine.until(job.id, "succeeded", "failed").status == "succeeded"


def test_finished_job_cannot_be_cancelled_paused_or_resumed(engine, tuned):
    for call in (engine.jobs.cancel, engine.jobs.pause, engine.jobs.resume):
        with pytest.raises(openai.BadRequestError, match="succeeded: only a job under way"):
            call(tuned.id)
    assert engine.jobs.retrieve(tuned.id).status == "succeeded"
    assert engine.ask(tuned.fine_tuned_model).choices[0].message.content == ANSWER


def test_job_that_is_not_paused_cannot_be_resumed(tmp_path):
    with serve_engine(tmp_path, pace_s=600) as engine:
        job = engine.launch()
        with pytest.raises(openai.BadRequestError, match="validating_files"):
            engine.jobs.resume(job.id)


def test_same_file_and_seed_give_the_same_weights(tmp_path):
    with serve_engine(tmp_path) as engine:
        file = engine.upload()
        jobs = [engine.train(file.id, seed=seed) for seed in (1, 1, 2)]
        weights = [read_weights(tmp_path, engine, job.id) for job in jobs]
        assert weights[0] == weights[1] != weights[2]
