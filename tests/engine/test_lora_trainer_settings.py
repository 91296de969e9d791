"""The effect of each hyper-parameter, seen in the progress of a training."""

import pytest

from merlin.engine.trainers.base import DPO, KTO, BaseFiles
from merlin.engine.trainers.lora import trainer
from tests.engine import tiny_base
from tests.engine.lora_tasks import build_task, train_in_process

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    return tiny_base.write_examples(tmp_path_factory.mktemp("train") / "train.jsonl")


def select_messages(task, kind):
    return [line for line in train_in_process(task) if line["tell"] == kind]


def train_losses(folder, train, **settings):
    """Return the train loss of each of two epochs."""
    task = build_task(folder, train, n_epochs=2, batch_size=4, **settings)
    return [epoch["metrics"]["train_loss"] for epoch in select_messages(task, "epoch")]


@pytest.fixture(scope="module")
def plain(tmp_path_factory, train):
    return train_losses(tmp_path_factory.mktemp("plain"), train)


def test_checkpointing_saves_memory_and_changes_no_loss(tmp_path, train, plain):
    assert train_losses(
        tmp_path / "job", train, gradient_checkpointing=True
    ) == pytest.approx(plain)


def test_base_in_bf16_trains_to_nearly_the_same_loss(tmp_path, train, plain):
    base = BaseFiles(tiny_base.get_random_base(), dtype="bfloat16")
    assert train_losses(tmp_path / "job", train, base=base) == pytest.approx(
        plain, rel=0.02
    )


def test_same_task_gives_the_same_model_and_another_seed_another(tmp_path, train):
    import dataclasses

    tasks = [build_task(tmp_path / name, train, n_epochs=1) for name in ("a", "b", "c")]
    tasks[2] = dataclasses.replace(tasks[2], seed=7)
    for task in tasks:
        assert select_messages(task, "done")
    name = "epochs/1/adapter_model.safetensors"
    one, same, other = [(task.folder / name).read_bytes() for task in tasks]
    assert one == same
    assert one != other


def test_preferences_are_trained(tmp_path):
    pairs = tiny_base.write_preferences(tmp_path / "pairs.jsonl")
    base = BaseFiles(tiny_base.get_tiny_base())
    settings = {"n_epochs": 4, "batch_size": 10, "learning_rate_multiplier": 50}
    epochs = select_messages(
        build_task(tmp_path / "job", pairs, DPO, test=pairs, base=base, **settings),
        "epoch",
    )
    first = epochs[0]["metrics"]
    last = epochs[-1]["metrics"]
    assert last["train_loss"] < first["train_loss"]
    assert last["valid_rewards_accuracies"] >= 0.9
    assert last["valid_rewards_margins"] > first["valid_rewards_margins"]


def test_ratings_are_trained_after_the_examples(tmp_path):
    ratings = tiny_base.write_ratings(tmp_path / "ratings.jsonl")
    base = BaseFiles(tiny_base.get_tiny_base())
    settings = {"n_epochs": 4, "batch_size": 10, "learning_rate_multiplier": 5.0}
    task = build_task(
        tmp_path / "job", ratings, KTO, test=ratings, base=base, **settings
    )
    epochs = select_messages(task, "epoch")
    first = epochs[0]["metrics"]
    last = epochs[-1]["metrics"]
    assert [epoch["number"] for epoch in epochs] == [1, 2, 3, 4]
    assert last["train_loss"] < first["train_loss"]
    assert last["valid_rewards_margins"] > first["valid_rewards_margins"] > 0
    saved = {path.name for path in trainer.get_epoch_folder(task.folder, 4).iterdir()}
    assert saved == {"adapter_config.json", "adapter_model.safetensors", "proof.json"}
