"""The `lora` trainer on two workers of a Ray cluster on this machine."""

from importlib.util import find_spec

import pytest

from merlin.engine.trainers.base import TrainingDevices, Untrainable
from tests.engine import tiny_base
from tests.engine.lora_tasks import (
    build_task,
    list_children,
    run_training,
    select_epochs,
    train_in_process,
)
from tests.support.machine import skip_or_fail
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]

HYPER = {"n_epochs": 6, "batch_size": 4, "learning_rate_multiplier": 5.0}


@pytest.fixture(scope="module", autouse=True)
def ray_is_here():
    skip_or_fail(None if find_spec("ray") else "run `make engine`: not installed is ray")


def collect_losses(progress):
    return {line["number"]: line["metrics"]["train_loss"] for line in progress if "number" in line}


def test_two_workers_continue_a_single_process_training_and_hand_it_back(tmp_path):
    train = tiny_base.write_examples(tmp_path / "train.jsonl")
    alone = train_in_process(build_task(tmp_path / "alone", train, **HYPER))

    shared = build_task(tmp_path / "two", train, place=TrainingDevices(workers=2), **HYPER)
    first_messages = train_in_process(shared, leave_at=1)
    assert max(collect_losses(first_messages)) == 1
    training = run_training(shared)
    second = next(
        progress for progress in training if select_epochs([progress]) and progress.number == 2
    )
    training.close()
    wait_until(lambda: not list_children(shared.folder))
    ended = train_in_process(shared)

    assert collect_losses(ended) == pytest.approx(collect_losses(alone), abs=1e-3)
    assert second.metrics["train_loss"] == pytest.approx(collect_losses(alone)[2], abs=1e-3)
    second.save(tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_unreachable_cluster_is_named(tmp_path):
    train = tiny_base.write_examples(tmp_path / "train.jsonl")
    away = TrainingDevices(cluster="127.0.0.1:9", workers=2)
    with pytest.raises(Untrainable) as refused:
        list(run_training(build_task(tmp_path / "job", train, place=away, **HYPER)))
    assert refused.value.code == "cluster_unavailable"
    assert refused.value.arguments == {"cluster": "127.0.0.1:9"}
