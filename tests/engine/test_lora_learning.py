"""The progress of the `lora` trainer, and the adapters that it writes."""

import json

import pytest

from merlin.engine.trainers.base import BaseFiles, ResolvedHyperparameters, Step
from tests.engine import tiny_base
from tests.engine.lora_tasks import (
    build_task,
    read_progress,
    select_epochs,
    train_in_process,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
    pytest.mark.filterwarnings("ignore"),
]

LEARNING = {**tiny_base.LEARNING, "n_epochs": 10}


@pytest.fixture(scope="module")
def finished_training(tmp_path_factory):
    """A finished training: its folder and all its progress."""
    folder = tmp_path_factory.mktemp("lesson")
    train = tiny_base.write_examples(folder / "train.jsonl")
    test = tiny_base.write_examples(
        folder / "test.jsonl", dict(list(tiny_base.FACTS.items())[:5])
    )
    base = BaseFiles(tiny_base.get_tiny_base())
    task = build_task(folder / "job", train, test=test, base=base, **LEARNING)
    progress = read_progress(task, train_in_process(task))
    select_epochs(progress)[-1].save(folder / "adapter")
    return folder, progress


def test_adapter_names_its_base_without_a_local_path(finished_training):
    folder, _ = finished_training
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == tiny_base.get_tiny_base().name
    assert config["peft_type"] == "LORA"
    assert config["r"] == 16
    assert config["inference_mode"] is True
    held = b"".join(path.read_bytes() for path in (folder / "adapter").iterdir())
    assert str(folder).encode() not in held
    assert str(tiny_base.get_tiny_base().parent).encode() not in held


def test_resolved_hyperparameters_are_reported_first(finished_training):
    _, progress = finished_training
    assert isinstance(progress[0], ResolvedHyperparameters)
    settings = progress[0].hyperparameters
    assert settings.items() >= LEARNING.items()
    assert "auto" not in settings.values()
    assert settings["rank"] == 16


def test_every_epoch_has_the_protocols_metrics_and_the_loss_falls(finished_training):
    _, progress = finished_training
    epochs = select_epochs(progress)
    assert [epoch.number for epoch in epochs] == list(range(1, 11))
    assert [epoch.step for epoch in epochs] == list(range(5, 51, 5))
    names = ("train", "valid")
    measured = {
        f"{name}_{metric}"
        for name in names
        for metric in ("loss", "mean_token_accuracy")
    }
    assert all(set(epoch.metrics) == measured for epoch in epochs)
    assert epochs[-1].metrics["train_loss"] < epochs[0].metrics["train_loss"] / 2
    accuracies = [epoch.metrics["valid_mean_token_accuracy"] for epoch in epochs]
    assert accuracies[0] < accuracies[-1] <= 1.0
    assert epochs[-1].tokens == 10 * epochs[0].tokens


def test_steps_are_reported_between_epochs(finished_training):
    _, progress = finished_training
    steps = [part for part in progress if isinstance(part, Step)]
    assert [step.step for step in steps] == sorted({step.step for step in steps})
    assert steps[0].step == 1
