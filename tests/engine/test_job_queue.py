"""The queue at its acts: what a resumed, repeated or cancelled run stores, and who takes a job."""

import json
import threading
from contextlib import closing, contextmanager, nullcontext

import pytest

from merlin.config.engine import EngineSettings
from merlin.engine import jobs as states
from merlin.engine.bases import Base
from merlin.engine.database import Database
from merlin.engine.job_queue import JobQueue, TrainingRun, keep_working
from merlin.engine.jobs import Job, JobEvent
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.storage import Repositories
from merlin.engine.trainers.base import (
    Epoch,
    Hyperparameters,
    ResolvedHyperparameters,
    Step,
)
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.requests import Page
from tests.engine.running_engine import build_examples, build_training_file
from tests.support.ending import wait_for_end
from tests.support.waiting import wait_until

pytestmark = pytest.mark.unit


@pytest.fixture
def repositories(tmp_path):
    with closing(Database(tmp_path / "engine.db")) as database:
        yield Repositories(database, tmp_path)


def add_job(repositories, state=states.RUNNING, base="small"):
    job = Job(base, "supervised", "file-1", None, "", 1, {}, {})
    repositories.jobs.create(job)
    event = JobEvent("moved", "moved")
    repositories.jobs.move(job.job_id, state, states.VALIDATING, event=event)
    return repositories.jobs.get(job.job_id)


def run(repositories, job, *parts, at_end=lambda: None):
    def progress():
        yield from parts
        at_end()

    settings = EngineSettings(repositories.folder, "127.0.0.1", 0, "")
    TrainingRun(repositories, settings, threading.Event(), job).run(progress())


def epoch(number):
    return Epoch(
        number, number, {}, lambda path: path.write_text(f"epoch {number}"), number
    )


def list_steps(repositories, job):
    """Return the steps of a job's checkpoints, newest first."""
    rows, _ = repositories.models.list_checkpoints(job.job_id, Page())
    return [row["step"] for row in rows]


def list_metrics(repositories, job):
    rows, _ = repositories.job_events.list(job.job_id, Page(is_oldest_first=True))
    return [json.loads(row["data"])["step"] for row in rows if row["type"] == "metrics"]


def test_repeated_progress_is_stored_once(repositories):
    job = add_job(repositories)
    start = ResolvedHyperparameters({})
    run(
        repositories,
        job,
        start,
        epoch(1),
        epoch(2),
        start,
        epoch(1),
        epoch(2),
        epoch(3),
    )
    assert list_metrics(repositories, job) == [1, 2, 3]
    assert list_steps(repositories, job) == [3, 2, 1]
    (model,) = repositories.models.list_final()
    assert repositories.models.path(model).read_text() == "epoch 3"


def test_job_that_is_cancelled_after_its_last_epoch_gets_no_model(repositories):
    job = add_job(repositories)
    run(
        repositories,
        job,
        ResolvedHyperparameters({}),
        epoch(1),
        at_end=lambda: repositories.jobs.cancel(job.job_id),
    )
    assert repositories.jobs.get(job.job_id).status == states.CANCELLED
    assert repositories.models.list_final() == []


def test_training_without_an_epoch_makes_no_model(repositories):
    job = add_job(repositories)
    with pytest.raises(RuntimeError, match="without an epoch"):
        run(repositories, job, ResolvedHyperparameters({}))
    assert repositories.models.list_final() == []


class HeldTrainer:
    """A Trainer that writes its log and a file, and waits between its steps."""

    def __init__(self):
        self.folders = []
        self.has_told = False
        self.may_end = threading.Event()
        self.hyperparameters = {"supervised": Hyperparameters}

    def train(self, task):
        self.folders.append(task.folder)
        (task.folder / "state").touch()
        (task.folder / "log").write_text("begun")
        yield ResolvedHyperparameters({})
        while not self.may_end.wait(0.01):
            yield Step(0, {})
            self.has_told = True
        yield epoch(1)


@contextmanager
def serve_queue(repositories):
    """Run a queue with a heavy and a light base; yield their trainers by name."""
    trainers = {"big": HeldTrainer(), "small": HeldTrainer()}
    (repositories.folder / "files/file-1").write_bytes(
        build_training_file(build_examples(12))
    )
    settings = EngineSettings(repositories.folder, "127.0.0.1", 0, "")

    def build(name):
        backend = lambda: RecallBackend("en")  # noqa: E731 - a factory, never called here
        return Base(name, trainers[name], backend, 100, is_heavy=name == "big")

    queue = JobQueue(repositories, {name: build(name) for name in trainers}, settings)
    queue.start()
    assert queue.is_alive
    try:
        yield trainers
    finally:
        queue.stop()
    assert not queue.is_alive


def read_states(repositories, jobs):
    return [repositories.jobs.get(job.job_id).status for job in jobs]


def test_small_job_passes_large_ones_and_these_wait_for_their_device(repositories):
    jobs = [
        add_job(repositories, states.QUEUED, base) for base in ("big", "big", "small")
    ]
    with serve_queue(repositories) as trainers:
        trainers["small"].may_end.set()
        wait_until(
            lambda: (
                read_states(repositories, jobs) == ["running", "queued", "succeeded"]
            )
        )
        trainers["big"].may_end.set()
        wait_until(lambda: read_states(repositories, jobs) == ["succeeded"] * 3)


def test_queued_job_that_is_cancelled_is_not_trained(repositories):
    """Neither one that is cancelled long before, nor just when its turn comes."""
    early, late, other = jobs = [add_job(repositories, states.QUEUED) for _ in range(3)]
    repositories.jobs.cancel(early.job_id)
    list_in = repositories.jobs.list_in

    def list_then_cancel(*wanted):
        listed = list_in(*wanted)
        for job in listed:
            if job.job_id == late.job_id:
                repositories.jobs.cancel(late.job_id)
        return listed

    repositories.jobs.list_in = list_then_cancel
    with serve_queue(repositories) as trainers:
        trainers["small"].may_end.set()
        ended = ["cancelled", "cancelled", "succeeded"]
        wait_until(lambda: read_states(repositories, jobs) == ended)
        assert trainers["small"].folders == [repositories.get_work_folder(other.job_id)]


@pytest.mark.parametrize(
    ("state", "is_waiting"),
    [
        (states.VALIDATING, True),
        (states.QUEUED, True),
        (states.RUNNING, False),
        (states.CANCELLED, False),
    ],
)
def test_number_of_waiting_jobs_is_limited(repositories, state, is_waiting):
    for _ in range(states.MAX_WAITING):
        add_job(repositories, state)
    with pytest.raises(ApiError) if is_waiting else nullcontext() as refused:
        add_job(repositories)
    if refused:
        assert (refused.value.status, refused.value.code) == (
            429,
            "rate_limit_exceeded",
        )
        assert refused.value.headers == {"retry-after": "60"}


def test_job_that_is_cancelled_while_it_runs_keeps_its_steps(repositories):
    job = add_job(repositories, states.QUEUED)
    work = repositories.get_work_folder(job.job_id)
    with serve_queue(repositories) as trainers:
        wait_until(lambda: trainers["small"].has_told)
        repositories.jobs.cancel(job.job_id)
        wait_until(lambda: not work.exists())
    assert read_states(repositories, [job]) == ["cancelled"]
    assert list_metrics(repositories, job) == [0]


def test_job_of_a_base_that_is_no_longer_configured_fails(repositories):
    job = add_job(repositories, states.QUEUED, "gone")
    with serve_queue(repositories):
        wait_until(lambda: read_states(repositories, [job]) == ["failed"])
    assert repositories.jobs.get(job.job_id).error["code"] == "model_not_available"


def test_folder_of_a_job_stays_until_the_job_is_over_and_its_log_longer(repositories):
    job = add_job(repositories, states.QUEUED, "big")
    work = repositories.get_work_folder(job.job_id)
    with serve_queue(repositories) as trainers:
        wait_until(lambda: trainers["big"].folders == [work])
    assert read_states(repositories, [job]) == ["running"]
    assert (work / "state").exists()

    with serve_queue(repositories) as trainers:
        trainers["big"].may_end.set()
        wait_until(lambda: not work.exists())
    assert read_states(repositories, [job]) == ["succeeded"]
    assert repositories.get_log_path(job.job_id).read_text() == "begun"


def test_folder_of_an_ended_job_is_removed_at_the_next_start(repositories):
    jobs = [add_job(repositories, state) for state in (states.FAILED, states.QUEUED)]
    ended, waiting = (repositories.get_work_folder(job.job_id) for job in jobs)
    for folder in (ended, waiting):
        folder.mkdir(parents=True)
        (folder / "log").touch()
    assert repositories.clean_up() == 0
    assert (ended.exists(), waiting.exists()) == (False, True)
    assert repositories.get_log_path(jobs[0].job_id).exists()


def test_job_thread_retries_after_an_error_and_waits_without_work():
    stop = threading.Event()
    waits = []
    waiting = ["bad", "good"]

    def work():
        if not waiting:
            return False
        item = waiting.pop(0)
        waits.append(item)
        if item == "bad":
            raise RuntimeError("a bug")
        return True

    woken = threading.Event()
    lane = threading.Thread(target=keep_working, args=(work, woken, stop, 0.01))
    lane.start()
    wait_until(lambda: waits == ["bad", "good"])
    waiting.append("later")
    woken.set()
    wait_until(lambda: len(waits) == 3)
    stop.set()
    woken.set()
    wait_for_end(lane)
    assert not lane.is_alive()
