"""An engine that is killed at any point loses no file and no job, and repeats nothing."""

import openai
import pytest

from merlin.engine.storage import MAX_CHECKPOINTS
from tests.engine.running_engine import (
    ANSWER,
    EngineProcess,
    build_examples,
    build_training_file,
    find_weights,
)
from tests.support.kill_points import POINTS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
OURS = [point for point in POINTS if point.startswith("engine.")]
LAUNCH = {"merlin_launch": "key-of-the-launch"}
EPOCHS = 6


@pytest.fixture
def engine(tmp_path, request):
    points = getattr(request, "param", ())
    crash = {
        "MERLIN_CRASH_AT": ",".join(points),
        "MERLIN_CRASH_MARK": str(tmp_path / "mark"),
    }
    process = EngineProcess(tmp_path / "engine", **crash)
    process.points = points
    yield process
    process.close()


def persist(engine, act):
    """Repeat a call after each lost connection."""
    while True:
        try:
            return act(engine.client)
        except openai.APIConnectionError:
            wait_until(lambda: not engine.is_alive)
            engine.start()  # it was killed by a kill point


def upload(client):
    """Upload, unless an upload before a kill was kept."""
    files = client.openai.files.list(purpose="fine-tune").data
    return files[0] if files else client.upload()


def build_launch(file_id):
    def launch(client):
        """Ask before creating, as the daemon does."""
        jobs = client.jobs.list(metadata=LAUNCH).data
        options = {"metadata": LAUNCH, "hyperparameters": {"n_epochs": EPOCHS}}
        return jobs[0] if jobs else client.launch(file_id, **options)

    return launch


@pytest.mark.parametrize("engine", [OURS[::2], OURS[1::2]], indirect=True)
def test_kills_at_kill_points_lose_and_repeat_nothing(engine):
    engine.start()
    file = persist(engine, upload)
    job = persist(engine, build_launch(file.id))
    job = persist(engine, lambda client: client.until(job.id, "succeeded", "failed"))
    while engine.starts <= len(
        engine.points
    ):  # the other kill points come after the last call
        wait_until(lambda: not engine.is_alive)
        engine.start()
    client = engine.client
    assert job.status == "succeeded"
    assert [item.id for item in client.jobs.list(metadata=LAUNCH)] == [job.id]
    assert {item.id for item in client.openai.files.list()} == {
        file.id,
        *job.result_files,
    }
    assert (engine.folder / "files" / file.id).read_bytes() == build_training_file()
    assert client.ask(job.fine_tuned_model).choices[0].message.content == ANSWER
    epochs = [
        event.data["epoch"]
        for event in client.events(job.id)
        if event.type == "metrics"
    ]
    assert epochs == list(range(1, EPOCHS + 1))
    assert len(client.jobs.checkpoints.list(job.id).data) == MAX_CHECKPOINTS
    kept = {path.name for path in (engine.folder / "files").iterdir()}
    assert kept == {file.id, *job.result_files}


def test_job_that_is_killed_and_then_stopped_continues_to_the_same_model(engine):
    client = engine.start()
    job = client.launch(
        client.upload(build_training_file(build_examples(40))).id,
        hyperparameters={"n_epochs": 60},
    )
    wait_until(lambda: client.losses(job.id))
    engine.kill()
    client = engine.start()
    # On a slow machine the job can have succeeded already.
    client.until(job.id, "running", "succeeded")
    assert engine.stop() == 0
    client = engine.start()
    broken = client.until(job.id, "succeeded", "failed")
    unbroken = client.train(broken.training_file, hyperparameters={"n_epochs": 60})
    assert len(client.losses(broken.id)) == 60
    assert client.losses(broken.id) == client.losses(unbroken.id)
    weights = [
        find_weights(engine.folder, client, item.id).read_bytes()
        for item in (broken, unbroken)
    ]
    assert weights[0] == weights[1]
