"""Tasks that cannot be trained fail with a reason and advice, in both languages."""

import dataclasses
import json
import shutil
import sys
from math import inf, nan

import pytest

from merlin.core.i18n import text
from merlin.engine.trainers.base import (
    DPO,
    SUPERVISED,
    BaseFiles,
    TrainerNote,
    Untrainable,
    check_hyperparameters,
)
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.trainer import HYPERPARAMETERS
from merlin.openai_protocol.errors import ApiError
from tests.engine import tiny_base
from tests.engine.lora_tasks import (
    TRAINER,
    build_task,
    read_progress,
    train_in_process,
)
from tests.support.small_disk import small_disk

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def train(tmp_path):
    return tiny_base.write_examples(tmp_path / "train.jsonl")


@pytest.fixture
def base_copy(tmp_path):
    """A copy of a base that a test may damage."""
    return BaseFiles(shutil.copytree(tiny_base.get_random_base(), tmp_path / "broken"))


def fail_task(task, code):
    """Train; return the message of the failure, which must have this code."""
    document = train_in_process(task)[-1]
    assert document["tell"] == "failed", document
    with pytest.raises(Untrainable) as failed:
        read_progress(task, [document])
    assert failed.value.code == code
    russian, english = (
        text(to, document["key"], **document["arguments"]) for to in ("ru", "en")
    )
    assert russian != english
    assert str(task.folder.parent) not in english
    return english


def test_overlong_example_is_refused_with_its_line(tmp_path, train):
    lines = train.read_text("utf-8").splitlines()
    long = json.loads(lines[3])
    long["messages"][0]["content"] = "Where? " * 40
    lines[3] = json.dumps(long)
    train.write_text("\n\n".join(["", *lines]) + "\n", "utf-8-sig")
    base = BaseFiles(tiny_base.get_random_base(), longest=200)
    message = fail_task(
        build_task(tmp_path / "job", train, base=base), "example_too_long"
    )
    assert "line 9" in message
    assert "200" in message


@pytest.mark.parametrize("rank", [16, 64])
def test_disk_full_during_a_checkpoint_is_reported(tmp_path, train, rank):
    # There is no space for the optimizer of rank 16, nor for the adapter of rank 64.
    with small_disk(tmp_path / "job"):
        task = build_task(tmp_path / "job", train, n_epochs=1, rank=rank)
        assert "Free some space" in fail_task(task, "disk_full")
        assert not list((tmp_path / "job").rglob("*.part")), "half a file was left"


def spoil_norm(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})


def refuse_vera(folder):
    path = folder / "chat_template.jinja"
    guard = (
        "{% if messages[0]['content'] == 'Where is Vera?' %}"
        "{{ raise_exception('no') }}{% endif %}"
    )
    path.write_text(guard + path.read_text("utf-8"), "utf-8")


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def pickle_weights(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (spoil_norm, "loss_not_finite", ("step 1", "learning_rate_multiplier")),
        (refuse_vera, "invalid_training_file", ("line 3",)),
        (pickle_weights, "base_damaged", ("safetensors",)),
        (cut_weights, "base_damaged", ("merlin engine pull",)),
        (shutil.rmtree, "base_damaged", ("folder broken",)),
    ],
)
def test_base_that_cannot_be_trained_fails_with_advice(
    tmp_path, train, base_copy, spoil, code, words
):
    spoil(base_copy.folder)
    message = fail_task(build_task(tmp_path / "job", train, base=base_copy), code)
    assert [each for each in words if each not in message] == []


def test_file_with_only_weight_0_answers_is_refused(tmp_path, train):
    lines = [json.loads(line) for line in train.read_text("utf-8").splitlines()]
    for line in lines:
        line["messages"][-1]["weight"] = 0
    train.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert "weight 0" in fail_task(
        build_task(tmp_path / "job", train), "invalid_n_examples"
    )


def test_quantised_base_needs_the_package_that_reads_it(tmp_path, train, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    base = BaseFiles(tiny_base.get_random_base(), quantised="4bit")
    message = fail_task(
        build_task(tmp_path / "job", train, base=base), "trainer_not_installed"
    )
    assert "bitsandbytes" in message


def test_package_that_is_missing_is_named_before_anything_is_started(
    tmp_path, train, monkeypatch
):
    monkeypatch.setitem(sys.modules, "trl", None)
    task = build_task(tmp_path / "job", train)
    with pytest.raises(Untrainable) as refused:
        next(TRAINER.train(task))
    assert refused.value.code == "trainer_not_installed"
    assert refused.value.arguments == {"parts": "trl"}
    assert not task.folder.exists()


def test_memory_that_runs_out_is_told_from_a_bug():
    import torch

    from merlin.engine.trainers.lora.worker.__main__ import classify_training_error

    with pytest.raises(RuntimeError) as no_memory:
        torch.empty(2**50)
    failure = classify_training_error(no_memory.value)
    assert failure.code == "out_of_memory"
    assert "batch_size" in text("en", failure.key, **failure.arguments)
    assert classify_training_error(RuntimeError("a bug")) is None


def test_bug_is_told_by_the_exit_code_alone(tmp_path, train):
    from merlin.engine.trainers.lora.worker.__main__ import start

    task = dataclasses.replace(build_task(tmp_path, train), base=None)
    trainer.write_task(task)
    messages = []
    assert start(task.folder, messages.append) == 70
    assert messages == []


@pytest.mark.parametrize(
    ("device", "visible"), [("cpu", ""), ("cuda:1", "1"), ("cuda", None)]
)
def test_training_sees_only_the_gpu_it_was_given(monkeypatch, device, visible):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    environment = trainer.build_child_environment(device)
    assert environment.get("CUDA_VISIBLE_DEVICES") == visible


def test_remark_of_the_child_is_a_note_with_its_arguments(tmp_path):
    message = {"tell": "remark", "key": "engine-lora-unproved", "arguments": {"n": 1}}
    note = trainer.read_progress(tmp_path, message)
    assert note == TrainerNote("engine-lora-unproved", {"n": 1})


def test_missing_gpu_is_named(tmp_path, train):
    assert "cuda:97" in fail_task(
        build_task(tmp_path / "job", train, device="cuda:97"), "device_unavailable"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", 0),
        ("n_epochs", 51),
        ("batch_size", 257),
        ("batch_size", 2.5),
        ("learning_rate_multiplier", 0),
        ("learning_rate_multiplier", float("nan")),
        ("rank", 0),
        ("beta", 0.1),
        ("unheard_of", 1),
    ],
)
def test_hyperparameter_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ApiError) as refused:
        check_hyperparameters(SUPERVISED, HYPERPARAMETERS[SUPERVISED], {name: value})
    assert refused.value.param == f"hyperparameters.{name}"


def test_missing_hyperparameters_are_resolved_automatically():
    document = check_hyperparameters(
        DPO, HYPERPARAMETERS[DPO], {"rank": 8, "beta": "auto"}
    )
    assert document["rank"] == 8
    settled = trainer.resolve_hyperparameters(
        DPO, document, examples=50, parameters=135_000_000
    )
    assert settled == {
        "n_epochs": 6,
        "batch_size": 4,
        "learning_rate_multiplier": 1.0,
        "rank": 8,
        "gradient_checkpointing": False,
        "exact_first": False,
        "beta": 0.1,
    }


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(1, 25), (10, 25), (50, 6), (100, 3), (9_000, 2), (200_000, 1)],
)
def test_automatic_epochs_fall_with_the_file_size(examples, epochs):
    requested = check_hyperparameters(SUPERVISED, HYPERPARAMETERS[SUPERVISED], {})
    size = {"examples": examples, "parameters": 135_000_000}
    assert (
        trainer.resolve_hyperparameters(SUPERVISED, requested, **size)["n_epochs"]
        == epochs
    )


def test_metric_that_is_no_number_is_left_out(tmp_path):
    metrics = {"train_loss": 0.5, "train_rewards_margins": nan, "valid_loss": inf}
    message = {"step": 1, "metrics": metrics, "number": 1, "tokens": 1}
    for told in ("step", "epoch"):
        part = trainer.read_progress(tmp_path, {"tell": told, **message})
        assert part.metrics == {"train_loss": 0.5}
