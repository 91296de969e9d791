"""An engine killed at any moment loses no file and no job, and does nothing twice."""

from __future__ import annotations

import openai
import pytest

from merlin.core.killpoint import POINTS
from tests.engine.running_engine import ANSWER, EngineProcess, jsonl, many, weights_of
from tests.support.http_servers import SECRET, receiving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
OURS = [point for point in POINTS if point.startswith("engine.")]
LAUNCH = {"merlin_launch": "key-of-the-launch"}
EPOCHS = 6
TOLD = {"engine.webhook_sent": (2,), "engine.job_succeeded": (1, 2)}


@pytest.fixture
def engine(tmp_path, request):
    point = getattr(request, "param", "")
    mark = tmp_path / "mark"
    crash = {"MERLIN_CRASH_AT": point, "MERLIN_CRASH_MARK": str(mark)} if point else {}
    with receiving() as ear:
        made = EngineProcess(tmp_path / "engine", **crash)
        made.settings = {"webhooks": {ear.url: SECRET}}
        made.mark, made.ear, made.point = mark, ear, point
        yield made
        made.close()


def persist(engine, act):
    """Do as a careful caller does: begin again after a lost connection, with the same keys."""

    try:
        return act(engine.desk)
    except openai.APIConnectionError:
        wait_until(lambda: not engine.is_alive)
        return act(engine.start())  # it dies once


def upload(desk):
    return desk.upload(extra_headers={"Idempotency-Key": "upload"})


def launch_of(file_id):
    def launch(desk):
        return desk.launch(
            file_id,
            metadata=LAUNCH,
            hyperparameters={"n_epochs": EPOCHS},
            extra_headers={"Idempotency-Key": LAUNCH["merlin_launch"]},
        )

    return launch


@pytest.mark.parametrize("engine", OURS, indirect=True)
def test_killed_at_a_kill_point_all_ends_once_and_whole(engine):
    engine.start()
    file = persist(engine, upload)
    job = persist(engine, launch_of(file.id))
    job = persist(engine, lambda desk: desk.until(job.id, "succeeded", "failed"))
    wait_until(engine.mark.exists)
    if engine.starts == 1:  # it dies now, after the last call
        wait_until(lambda: not engine.is_alive)
        engine.start()
    assert engine.starts == 2
    desk = engine.desk
    assert job.status == "succeeded"
    assert [each.id for each in desk.jobs.list(metadata=LAUNCH)] == [job.id]
    assert [each.id for each in desk.client.files.list()] == [file.id]
    assert desk.client.files.content(file.id).read() == jsonl()
    assert desk.ask(job.fine_tuned_model).choices[0].message.content == ANSWER
    epochs = [event.data["epoch"] for event in desk.events(job.id) if event.type == "metrics"]
    assert epochs == list(range(1, EPOCHS + 1))
    assert len(desk.jobs.checkpoints.list(job.id).data) == EPOCHS
    assert {path.name for path in (engine.folder / "files").iterdir()} == {file.id}
    wait_until(lambda: not next(iter(desk.client.webhooks.list())).merlin["waiting"])
    told = engine.ear.told
    # Told again after a death between telling and noting it: there, and by chance where a job's
    # end has just been written and the telling goes on beside the death.
    assert len(told) in TOLD.get(engine.point, (1,))
    assert len({each.webhook_id for each in told}) == 1
    assert {each.event().data.id for each in told} == {job.id}


def test_killed_in_the_middle_of_a_run_the_job_goes_on_to_the_same_model(engine):
    desk = engine.start()
    job = desk.launch(desk.upload(jsonl(many(40))).id, hyperparameters={"n_epochs": 60})
    wait_until(lambda: desk.losses(job.id))
    engine.kill()
    desk = engine.start()
    broken = desk.until(job.id, "succeeded", "failed")
    unbroken = desk.train(broken.training_file, hyperparameters={"n_epochs": 60})
    assert len(desk.losses(broken.id)) == 60
    assert desk.losses(broken.id) == desk.losses(unbroken.id)
    weights = [weights_of(engine.folder, desk, each.id) for each in (broken, unbroken)]
    assert weights[0] == weights[1]


def test_asked_to_end_it_ends_well_and_the_job_goes_on_after(engine):
    desk = engine.start()
    job = desk.launch(desk.upload(jsonl(many(200))).id, hyperparameters={"n_epochs": 25})
    # A machine that looks too late finds it done already; mostly it runs.
    desk.until(job.id, "running", "succeeded")
    assert engine.stop() == 0
    desk = engine.start()
    assert desk.until(job.id, "succeeded", "failed").status == "succeeded"
