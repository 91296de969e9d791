"""Cancelling a job, also at the moment it ends."""

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.engine.holding_engine import serve_held_engine, start_held_job
from tests.engine.running_engine import (
    ANSWER,
    build_examples,
    build_training_file,
    serve_idle_engine,
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
    with serve_idle_engine(tmp_path) as engine:
        job = engine.launch()
        assert engine.jobs.cancel(job.id).status == "cancelled"
        job = engine.jobs.cancel(job.id)
        assert (job.status, job.fine_tuned_model) == ("cancelled", None)
        assert job.finished_at is not None
        assert (
            engine.jobs.list_events(job.id).data[0].message
            == "Fine-tuning job cancelled"
        )


def test_cancelled_job_makes_no_model_and_the_next_job_runs(held_engine):
    job_id = start_long_job(held_engine)
    assert held_engine.jobs.cancel(job_id).status == "cancelled"
    assert held_engine.train().status == "succeeded"
    job = held_engine.jobs.retrieve(job_id)
    assert (job.status, job.fine_tuned_model) == ("cancelled", None)


def test_concurrent_cancels_agree_with_the_jobs_final_state(held_engine):
    job_id = start_long_job(held_engine)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(held_engine.jobs.cancel, [job_id] * 4))
    assert {answer.status for answer in answers} == {"cancelled"}
    assert held_engine.jobs.retrieve(job_id).status == "cancelled"


def test_finished_job_cannot_be_cancelled(engine, tuned):
    with pytest.raises(openai.BadRequestError, match="succeeded: only a job under way"):
        engine.jobs.cancel(tuned.id)
    assert engine.jobs.retrieve(tuned.id).status == "succeeded"
    assert engine.ask(tuned.fine_tuned_model).choices[0].message.content == ANSWER
