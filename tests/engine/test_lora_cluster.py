"""The `lora` trainer on two workers of a Ray cluster, which this machine is alone."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import tiny_base
from lora_world import children, epochs, task, training
from machine import needed
from waiting import wait_until

from merlin.engine.trainers import Place, Untrainable

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

HYPER = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 5.0}


@pytest.fixture(scope="module", autouse=True)
def ray_is_here():
    needed(None if find_spec("ray") else "run `make engine`: not installed is ray")


def losses(told):
    return [epoch.metrics["train_loss"] for epoch in epochs(told)]


def test_two_workers_that_were_stopped_learn_what_one_process_learns(tmp_path):
    train = tiny_base.planted(tmp_path / "train.jsonl")
    alone = list(training(task(tmp_path / "alone", train, **HYPER)))

    on_two = task(tmp_path / "two", train, place=Place(workers=2), **HYPER)
    going = training(on_two)
    first = next(told for told in going if epochs([told]))
    going.close()
    wait_until(lambda: not children(on_two.folder))
    assert first.number == 1
    together = list(training(on_two))

    assert losses(together) == pytest.approx(losses(alone), abs=1e-3)
    epochs(together)[-1].save(tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_a_cluster_that_is_not_there_is_named(tmp_path):
    train = tiny_base.planted(tmp_path / "train.jsonl")
    away = Place(cluster="127.0.0.1:9", workers=2)
    with pytest.raises(Untrainable) as refused:
        list(training(task(tmp_path / "job", train, place=away, **HYPER)))
    assert refused.value.code == "cluster_unavailable"
    assert refused.value.arguments == {"cluster": "127.0.0.1:9"}
