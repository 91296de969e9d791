"""The disk quota: old checkpoints are removed, needed data stays, and else the job fails."""

import re
from contextlib import closing

import pytest

from merlin.config.engine import EngineTrainingConfig
from merlin.engine.database import Database, IdempotencyKey
from merlin.engine.jobs import Job
from merlin.engine.storage import Repositories
from merlin.engine.trainers.base import Untrainable
from merlin.openai_protocol.requests import Page
from tests.engine.running_engine import ANSWER, serve_engine

pytestmark = pytest.mark.functional
EPOCHS = 5


def train(engine):
    return engine.train(hyperparameters={"n_epochs": EPOCHS})


def list_steps(engine, job):
    return sorted(checkpoint.step_number for checkpoint in engine.jobs.checkpoints.list(job.id))


def measure_used(folder):
    return sum(path.stat().st_size for path in (folder / "models").rglob("*") if path.is_file())


def limit_quota(quota_bytes):
    return EngineTrainingConfig(quota_gb=quota_bytes / 10**9)


@pytest.fixture
def first_job(tmp_path):
    """A successful job in a folder without a quota, and the size of one checkpoint."""
    with serve_engine(tmp_path) as engine:
        job = train(engine)
        job.steps = list_steps(engine, job)
    assert len(job.steps) == EPOCHS
    job.size = measure_used(tmp_path) / EPOCHS
    return job


def test_oldest_checkpoints_are_removed_and_final_models_kept(tmp_path, first_job):
    with serve_engine(tmp_path, training=limit_quota(7.5 * first_job.size)) as engine:
        second = train(engine)
        assert second.status == "succeeded"
        assert len(list_steps(engine, second)) == EPOCHS
        assert list_steps(engine, first_job) == first_job.steps[-2:]
        # At once, or in several steps if the training takes longer than SAVE_EVERY_S.
        warnings = [event.message for event in engine.events(second.id) if event.level == "warn"]
        assert sum(int(re.search(r"\d+", message)[0]) for message in warnings) == 3
        for job in (first_job, second):
            assert engine.ask(job.fine_tuned_model).choices[0].message.content == ANSWER
    assert measure_used(tmp_path) <= 7.5 * first_job.size


def test_job_removes_its_own_older_checkpoints_when_no_others_exist(tmp_path, first_job):
    with serve_engine(tmp_path, training=limit_quota(2.5 * first_job.size)) as engine:
        second = train(engine)
        assert second.status == "succeeded"
        assert len(list_steps(engine, second)) == 1
        assert engine.ask(second.fine_tuned_model).choices[0].message.content == ANSWER
        assert engine.ask(first_job.fine_tuned_model).choices[0].message.content == ANSWER


def test_job_without_disk_space_fails_with_advice(tmp_path, first_job):
    with serve_engine(tmp_path, training=limit_quota(1.5 * first_job.size)) as engine:
        second = train(engine)
        assert (second.status, second.error.code) == ("failed", "disk_quota")
        assert second.error.param is None
        assert "quota_gb" in second.error.message
        assert engine.ask(first_job.fine_tuned_model).choices[0].message.content == ANSWER
        engine.openai.models.delete(first_job.fine_tuned_model)
        for step in engine.jobs.checkpoints.list(first_job.id):
            engine.openai.models.delete(step.fine_tuned_model_checkpoint)
        assert train(engine).status == "succeeded"


def test_without_a_quota_nothing_is_removed_and_files_are_always_kept(tmp_path, first_job):
    with serve_engine(tmp_path, training=limit_quota(2.5 * first_job.size)) as engine:
        train(engine)
        assert first_job.training_file in [file.id for file in engine.openai.files.list()]
    with serve_engine(tmp_path) as engine:
        train(engine)
        assert len(list(engine.openai.files.list())) == 3


def test_checkpoints_of_another_unfinished_job_are_not_removed(tmp_path):
    with closing(Database(tmp_path / "engine.db")) as database:
        repositories = Repositories(database, tmp_path)
        running, own = (Job("recall", "supervised", "f", None, "", 1, {}, {}) for _ in range(2))
        for job in (running, own):
            repositories.jobs.create(job, IdempotencyKey("", ""))
        digest = repositories.models.write(running, 1, lambda path: path.write_bytes(b"x" * 9))
        repositories.models.record(running, 1, {}, digest)
        with pytest.raises(Untrainable):
            repositories.make_room(own, 1)
        rows, _ = repositories.models.list_checkpoints(running.job_id, Page())
        assert [row["step"] for row in rows] == [1]
