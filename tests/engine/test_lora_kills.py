"""A training that is killed or stopped at any point ends as an unbroken one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from merlin.engine.trainers.base import Step, Untrainable
from merlin.engine.trainers.lora import trainer
from tests.engine import tiny_base
from tests.engine.lora_tasks import TRAINER, children, epochs, kill, task, training, weights
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]

SEED = 11
_ROOT = Path(__file__).parents[2]
FACTS = {f"{name}{number}": room for number in range(3) for name, room in tiny_base.FACTS.items()}


def lesson(folder):
    """Ninety steps with dropout: chance must be the same again."""
    folder.mkdir(exist_ok=True)
    train = tiny_base.planted(folder / "train.jsonl", FACTS)
    test = tiny_base.planted(folder / "test.jsonl")
    hyper = {"n_epochs": 6, "batch_size": 4, "dropout": 0.1, "rank": 4}
    return task(folder / "job", train, test=test, **hyper)


def endless(folder):
    """The same with a file that takes for ever to read: who opens it waits for a writer."""
    made = lesson(folder)
    made.train.unlink()
    os.mkfifo(made.train)
    return made


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    told = list(training(lesson(folder)))
    epochs(told)[-1].save(folder / "adapter")
    return epochs(told), weights(folder / "adapter")


def same(told, unbroken, folder):
    done, digest = unbroken
    assert [epoch.metrics for epoch in epochs(told)] == [epoch.metrics for epoch in done]
    assert [epoch.step for epoch in epochs(told)] == [epoch.step for epoch in done]
    epochs(told)[-1].save(folder / "adapter")
    assert weights(folder / "adapter") == digest


def test_a_child_killed_at_a_random_point_is_replaced_and_ends_the_same(tmp_path, unbroken):
    made = lesson(tmp_path)
    point = random.Random(SEED).randint(1, 8)  # noqa: S311 - a choice, no secret
    told = []
    for each in training(made):
        told.append(each)
        if len(told) == point:
            kill(made.folder)
    same(told, unbroken, tmp_path)
    steps = [each.step for each in told if isinstance(each, Step)]
    assert steps == sorted(set(steps)), "a step was told twice"


def test_a_stopped_training_goes_on_where_it_was_and_tells_all_again(tmp_path, unbroken):
    made = lesson(tmp_path)
    going = training(made)
    before = [next(going) for _ in range(4)]
    going.close()
    assert not children(made.folder), "a stopped training has left its process behind"
    assert (made.folder / trainer.STATE).exists()
    told = list(training(made))
    assert told[1 : len(before)] == before[1:]
    assert (before[0].steps, before[0].done) == (90, 0)
    assert told[0].steps == 90
    assert 0 < told[0].done < 90
    same(told, unbroken, tmp_path)


def test_a_training_that_still_loads_is_ended_at_once(tmp_path):
    made = endless(tmp_path)
    going = TRAINER.train(made)
    assert next(going) is None
    assert children(made.folder)
    going.close()
    assert not children(made.folder), "whoever cancels a job waits until it is loaded"


def test_a_child_that_always_dies_is_given_up_with_advice(tmp_path):
    made = endless(tmp_path)
    going = training(made)
    stop = threading.Event()

    def murder():
        while not stop.is_set():
            kill(made.folder)
            stop.wait(0.02)

    killer = threading.Thread(target=murder)
    killer.start()
    try:
        with pytest.raises(Untrainable) as given_up:
            next(going)
    finally:
        stop.set()
        killer.join()
    assert given_up.value.code == "out_of_memory"
    assert given_up.value.key == "engine-lora-killed"
    wait_until(lambda: not children(made.folder))


def test_a_training_leaves_when_the_engine_that_watches_it_is_killed(tmp_path):
    made = endless(tmp_path)
    made.folder.mkdir()
    trainer.write_task(made)
    watching = (
        "import sys; from pathlib import Path\n"
        "from merlin.engine.trainers.lora import trainer\n"
        "task = trainer.read_task(Path(sys.argv[1]))\n"
        "for told in trainer.train_in_child(task): print(told, flush=True)"
    )
    engine = subprocess.Popen(
        [sys.executable, "-c", watching, str(made.folder)], stdout=subprocess.PIPE, cwd=_ROOT
    )
    with engine:
        engine.stdout.readline()
        left = [pid for pid in children(made.folder) if pid != engine.pid]
        assert left, "nothing is trained"
        engine.kill()
    wait_until(lambda: not children(made.folder))
