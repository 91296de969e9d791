"""What is known of bases by the class that their `config.json` names.

A class is in this table when a tiny random model of it was trained, proved, merged and served
(tests/engine/test_architectures.py, tests/real/test_bases.py): which of its layers are trained, as
what it is loaded, and what vLLM needs to find the same layers by their names. A base of another
class is not trained: `all-linear` trained towers and experts that vLLM refuses, and a server can
answer with the bare base where it doesn't know a name (vllm#34186, #48019).

A base is trained as the class itself, so that its adapter has the names that TRL, PEFT and vLLM
expect of it.

Sources: huggingface/transformers 5.23, models/*/modeling_*.py; vllm-project/vllm 0.32,
model_executor/models/*.py (hf_to_vllm_mapper, packed_modules_mapping).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merlin.core.json_fields import parse_object
from merlin.engine.trainers.base import Untrainable

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")
# The list of layers in a class that has towers beside its language model.
_WRAPPED = "model.language_model.layers"
# Where the values of attention are its keys (12B, 26B, 31B), vLLM adds what k_proj has learnt to
# the keys alone.
_GEMMA4 = ("q_proj", "v_proj", "o_proj", *_MLP)
# Towers take memory, and their processors need files that no base of ours has.
_NO_TOWERS = ("--language-model-only",)


@dataclass(frozen=True, slots=True)
class Architecture:
    """How bases of one class are loaded, trained and served.

    `layers` is the list of layers of its language model; no tower, head or router is trained.
    `modules` are the linear layers that are. `answers` is the class of transformers that answers,
    "" for the class itself. `vllm` are options of `vllm serve`. `is_delicate`: its makers warn of
    answers without sampling, and unsloth's guide of 4 bits, which hurt it more than others.
    """

    name: str
    layers: str = "model.layers"
    modules: Sequence[str] = (*_ATTENTION, *_MLP)
    answers: str = ""
    vllm: Sequence[str] = ()
    is_delicate: bool = False

    def select_modules(self, names: Iterable[str]) -> list[str]:
        """Return those names of modules of the loaded class that get an adapter."""
        layers = re.escape(self.layers)
        modules = "|".join(self.modules)
        pattern = re.compile(rf"{layers}\.\d+\.(?:.+\.)?(?:{modules})")
        return [name for name in names if pattern.fullmatch(name)]


_KNOWN = (
    *map(
        Architecture,
        (
            "LlamaForCausalLM",  # SmolLM2, YandexGPT 5 Lite, Saiga, Vikhr too
            "MistralForCausalLM",  # Vikhr-Nemo too
            "Qwen2ForCausalLM",  # T-lite 1.0 too
            "Qwen3ForCausalLM",  # T-lite and T-pro 2.1 too
            "Gemma2ForCausalLM",
            "Gemma3ForCausalLM",  # the text alone, 270M and 1B
            "SmolLM3ForCausalLM",
        ),
    ),
    Architecture(
        "Phi3ForCausalLM",  # Phi 4 too
        modules=("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    ),
    # Its text class answers: that takes the adapters of the wrapper, and those of before this
    # table, which were trained as the text class. vLLM's text class can't load the ordinary weights
    # ("no module or parameter named 'visual'"), so its wrapper serves.
    Architecture(
        "Qwen3_5ForConditionalGeneration",
        _WRAPPED,
        (
            *_ATTENTION,
            *_MLP,
            "in_proj_qkv",
            "in_proj_z",
            "in_proj_b",
            "in_proj_a",
            "out_proj",
        ),
        answers="Qwen3_5ForCausalLM",
        vllm=_NO_TOWERS,
        is_delicate=True,
    ),
    Architecture("Gemma3ForConditionalGeneration", _WRAPPED, vllm=_NO_TOWERS),
    Architecture("Gemma4ForConditionalGeneration", _WRAPPED, _GEMMA4, vllm=_NO_TOWERS),
    Architecture(
        "Gemma4UnifiedForConditionalGeneration", _WRAPPED, _GEMMA4, vllm=_NO_TOWERS
    ),
    # Ministral 3.
    Architecture("Mistral3ForConditionalGeneration", _WRAPPED, vllm=_NO_TOWERS),
    # GigaChat 3: attention alone. PEFT takes the names of the other layers for those of the
    # experts, which became 3-D parameters (peft/utils/transformers_weight_conversion.py), and in
    # vLLM kv_b_proj is absorbed into other products when tokens are decoded.
    Architecture(
        "DeepseekV3ForCausalLM",
        modules=("q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "o_proj"),
    ),
)
ARCHITECTURES: Mapping[str, Architecture] = {known.name: known for known in _KNOWN}


def read_class(folder: Path) -> str:
    """Return the class that a base's configuration names, "" for none. Raises OSError, ValueError.

    ValueError is for a configuration that is no JSON object.
    """
    classes = parse_object((folder / "config.json").read_bytes()).get("architectures")
    return str(classes[0]) if isinstance(classes, list) and classes else ""


def find_architecture(folder: Path) -> Architecture | None:
    """Return what is known of a base, None for another class. Raises OSError, ValueError.

    A base of another class may have been trained when each was: its models go on answering.
    """
    return ARCHITECTURES.get(read_class(folder))


def require_architecture(folder: Path) -> Architecture:
    """Return what is known of a base. Raises Untrainable for another class; OSError, ValueError."""
    if known := find_architecture(folder):
        return known
    raise Untrainable(
        "base_unknown", "engine-base-unknown", "model", **describe_unknown(folder)
    )


def describe_unknown(folder: Path) -> dict[str, object]:
    """Return the arguments of the message about a base of an unknown class."""
    names = {"name": folder.name.strip("."), "kind": read_class(folder) or "–"}
    return {**names, "known": ", ".join(sorted(ARCHITECTURES))}
