"""Cancelling a job, also at the moment it ends."""

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.engine.holding_engine import serve_held_engine, start_held_job
from tests.engine.running_engine import ANSWER, serve_idle_engine

pytestmark = pytest.mark.functional


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


def test_concurrent_cancels_agree_and_the_next_job_runs(tmp_path):
    with serve_held_engine(tmp_path) as engine:
        job_id = start_held_job(engine).id
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(engine.jobs.cancel, [job_id] * 4))
        assert {answer.status for answer in answers} == {"cancelled"}
        assert engine.train().status == "succeeded"
        job = engine.jobs.retrieve(job_id)
        assert (job.status, job.fine_tuned_model) == ("cancelled", None)


def test_finished_job_cannot_be_cancelled(engine, tuned):
    with pytest.raises(openai.BadRequestError, match="succeeded: only a job under way"):
        engine.jobs.cancel(tuned.id)
    assert engine.jobs.retrieve(tuned.id).status == "succeeded"
    assert engine.ask(tuned.fine_tuned_model).choices[0].message.content == ANSWER
