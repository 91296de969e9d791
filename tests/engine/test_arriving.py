"""Adapters of other programs as jobs of the engine: proved and asked like its own, or refused."""

import json
import shutil

import pytest

from merlin.engine.proof import read_proof
from merlin.engine.trainers.base import BaseFiles, Task
from tests.engine import tiny_base
from tests.engine.adapter_changes import change_config, change_weights, rename
from tests.engine.foreign_adapters import (
    SPOILT,
    shape_as_llama_factory,
)
from tests.engine.lora_tasks import train_in_process

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
    pytest.mark.filterwarnings("ignore"),
]


def adopt(adapter, folder, source="HuggingFaceTB/tiny", form="supervised"):
    """Adopt an adapter as the engine's child does; return its messages and the job's folder."""
    config = (adapter / "adapter_config.json").read_text("utf-8")
    task = Task(
        form,
        tiny_base.write_examples(folder / "facts.jsonl"),
        None,
        {"weights": "file-0", "config": config, "form": form, "exact_first": False},
        seed=42,
        folder=folder / "job",
        base=BaseFiles(tiny_base.get_tiny_base(), source=source),
        weights=adapter / "adapter_model.safetensors",
    )
    return train_in_process(task), task.folder


def copy(adapter, folder):
    return shutil.copytree(adapter, folder / "adapter")


@pytest.mark.parametrize(
    "shape", [copy, lambda trl, to: shape_as_llama_factory(trl, to / "lf")]
)
def test_adapter_of_another_program_is_proved_as_our_own(trl, tmp_path, shape):
    messages, folder = adopt(shape(trl, tmp_path), tmp_path)
    assert [each["tell"] for each in messages] == ["settled", "epoch", "done"], messages
    written = folder / "epochs" / "1"
    assert read_proof(written).is_decidable
    names = {path.name for path in written.iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "proof.json"}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_broken_adapter_is_refused_by_what_is_wrong(trl, tmp_path, spoilt):
    adapter = copy(trl, tmp_path)
    (spoil, key) = SPOILT[spoilt]
    spoil(adapter)
    messages, _ = adopt(adapter, tmp_path)
    assert [each["tell"] for each in messages] == ["failed"], messages
    assert messages[0]["key"] == f"engine-adapter-{key}"


def test_preferences_may_make_taught_answers_rarer(tmp_path, trl):
    from merlin.engine.proof import Proof, ProofQuestion
    from merlin.engine.trainers.base import Untrainable
    from merlin.engine.trainers.lora.worker.arriving import check_effect

    proof = Proof([ProofQuestion([1, 2], 1)], [[-1.0]], [[-2.0]], "none")
    check_effect(proof, "dpo")
    with pytest.raises(Untrainable):
        check_effect(proof, "supervised")


@pytest.mark.parametrize(
    ("theirs", "ours", "is_other"),
    [
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", False),
        ("unsloth/qwen3-0.6b-unsloth-bnb-4bit", "Qwen/Qwen3-0.6B", False),
        ("Qwen/Qwen3-0.6B-Base", "Qwen/Qwen3-0.6B", True),
        ("Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B", True),
        ("/root/models/whatever", "Qwen/Qwen3-0.6B", False),
        ("Qwen/Qwen3-0.6B", "/srv/bases/qwen", False),
        ("", "Qwen/Qwen3-0.6B", False),
    ],
)
def test_names_decide_only_where_both_are_the_hubs(theirs, ours, is_other):
    from merlin.engine.trainers.lora.worker.arriving import names_another

    assert names_another(theirs, ours) is is_other


def test_scale_of_rslora_is_kept_in_the_plain_form(trl, tmp_path):
    adapter = copy(trl, tmp_path)
    change_config(adapter, use_rslora=True, lora_alpha=16 / 8**0.5)
    _, folder = adopt(adapter, tmp_path)
    config = json.loads((folder / "epochs/1/adapter_config.json").read_bytes())
    assert (round(config["lora_alpha"], 6), config["use_rslora"]) == (16, False)


def test_layers_of_a_wrapper_class_are_found_by_their_other_name(trl, tmp_path):
    adapter = copy(trl, tmp_path)
    wrapped = rename("model.model.layers", "model.model.language_model.layers")
    change_weights(adapter, wrapped)
    change_config(adapter, target_modules=r".*language_model.*\.q_proj")
    messages, _ = adopt(adapter, tmp_path)
    assert messages[-1]["tell"] == "done", messages
