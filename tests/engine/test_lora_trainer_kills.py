"""A training that is killed or stopped at any point gives the same result as one without."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from merlin.engine.trainers.base import KTO, ResolvedHyperparameters, Untrainable
from merlin.engine.trainers.lora import trainer
from tests.engine import tiny_base
from tests.engine.lora_tasks import (
    TRAINER,
    build_task,
    digest_weights,
    kill_children,
    list_children,
    read_progress,
    run_training,
    select_epochs,
    train_in_process,
)
from tests.support.ending import wait_for_end
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
    pytest.mark.filterwarnings("ignore"),
]

SEED = 11
_ROOT = Path(__file__).parents[2]
FACTS = {
    f"{name}{number}": room
    for number in range(3)
    for name, room in tiny_base.FACTS.items()
}


def build_long_task(folder):
    """Forty-five steps."""
    folder.mkdir(exist_ok=True)
    train = tiny_base.write_examples(folder / "train.jsonl", FACTS)
    test = tiny_base.write_examples(folder / "test.jsonl")
    hyper = {"n_epochs": 3, "batch_size": 4, "rank": 4}
    return build_task(folder / "job", train, test=test, **hyper)


def build_blocked_task(folder):
    """The same with a training file whose reading blocks: a FIFO without a writer."""
    task = build_long_task(folder)
    task.train.unlink()
    os.mkfifo(task.train)
    return task


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    task = build_long_task(folder)
    progress = read_progress(task, train_in_process(task))
    select_epochs(progress)[-1].save(folder / "adapter")
    return select_epochs(progress), digest_weights(folder / "adapter")


def assert_same_result(progress, uninterrupted, folder):
    epochs, digest = uninterrupted
    # A child that resumes repeats the epochs before it.
    told = {
        epoch.number: (epoch.step, epoch.metrics) for epoch in select_epochs(progress)
    }
    assert told == {epoch.number: (epoch.step, epoch.metrics) for epoch in epochs}
    select_epochs(progress)[-1].save(folder / "adapter")
    assert digest_weights(folder / "adapter") == digest


def test_stopped_and_killed_training_repeats_its_progress_and_ends_with_the_same_result(
    tmp_path, uninterrupted
):
    task = build_long_task(tmp_path)
    training = run_training(task)
    before = []
    while not select_epochs(before):
        before.append(next(training))
    wait_until(lambda: list(task.folder.glob("checkpoint-*/trainer_state.json")))
    training.close()
    assert not list_children(task.folder), (
        "a stopped training has left its process behind"
    )
    point = random.Random(SEED).randint(1, 8)  # noqa: S311 - a choice, no secret
    progress = []
    for part in run_training(task):
        progress.append(part)
        if len(progress) == point:
            kill_children(task.folder)
    epochs = select_epochs(before)
    assert progress[1 : 1 + len(epochs)] == epochs
    assert_same_result(progress, uninterrupted, tmp_path)


def test_killed_training_on_ratings_goes_on_from_what_the_examples_taught(tmp_path):
    ratings = tiny_base.write_ratings(tmp_path / "ratings.jsonl")
    whole, killed = (
        build_task(tmp_path / name, ratings, KTO, n_epochs=3, rank=4)
        for name in ("whole", "killed")
    )
    expected = select_epochs(read_progress(whole, train_in_process(whole)))
    progress = []
    for part in run_training(killed):
        progress.append(part)
        if progress.count(expected[1]) == 1 and part == expected[1]:
            kill_children(killed.folder)
    assert sum(isinstance(part, ResolvedHyperparameters) for part in progress) > 1
    epochs = select_epochs(progress)
    assert epochs[-1].metrics == expected[-1].metrics
    for name, epoch in (("one", expected[-1]), ("other", epochs[-1])):
        epoch.save(tmp_path / name)
    assert digest_weights(tmp_path / "one") == digest_weights(tmp_path / "other")


def test_training_that_is_still_loading_stops_at_once(tmp_path):
    task = build_blocked_task(tmp_path)
    training = TRAINER.train(task)
    assert next(training) is None
    assert list_children(task.folder)
    training.close()
    assert not list_children(task.folder), (
        "whoever cancels a job waits until it is loaded"
    )


@pytest.mark.parametrize(
    ("how", "code", "key"),
    [
        (signal.SIGKILL, "out_of_memory", "engine-lora-killed"),
        (signal.SIGTERM, "trainer_died", "engine-lora-died"),
    ],
)
def test_child_that_always_dies_fails_the_job_with_advice(tmp_path, how, code, key):
    task = build_blocked_task(tmp_path)
    training = run_training(task)
    stop = threading.Event()

    def kill_repeatedly():
        while not stop.is_set():
            kill_children(task.folder, how)
            stop.wait(0.02)

    killer = threading.Thread(target=kill_repeatedly)
    killer.start()
    try:
        with pytest.raises(Untrainable) as given_up:
            next(training)
    finally:
        stop.set()
        wait_for_end(killer)
    assert (given_up.value.code, given_up.value.key) == (code, key)
    wait_until(lambda: not list_children(task.folder))


def test_training_exits_when_its_engine_is_killed(tmp_path):
    task = build_blocked_task(tmp_path)
    task.folder.mkdir()
    trainer.write_task(task)
    watching = (
        "import sys; from pathlib import Path\n"
        "from merlin.engine.trainers.lora import trainer\n"
        "task = trainer.read_task(Path(sys.argv[1]))\n"
        "for told in trainer.LoraTrainer().train(task): print(told, flush=True)"
    )
    engine = subprocess.Popen(
        [sys.executable, "-c", watching, str(task.folder)],
        stdout=subprocess.PIPE,
        cwd=_ROOT,
    )
    with engine:
        engine.stdout.readline()
        left = [pid for pid in list_children(task.folder) if pid != engine.pid]
        assert left, "nothing is trained"
        engine.kill()
    wait_until(lambda: not list_children(task.folder))
