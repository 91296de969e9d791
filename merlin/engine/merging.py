"""An adapter merged into the weights of its base, for programs that take a whole model alone.

The files of the base are read one by one, and what has no adapter is copied: towers stay, and the
model is of the class that the base's `config.json` names. A model saved by transformers from the
text class of Qwen3.5 isn't, and Ollama refuses that. Source of the formula: Hu et al., "LoRA",
arXiv 2106.09685, section 4.1.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file

# What stands before a module's name: PEFT's wrapper, a class's own, that of its language model.
# On disk it is another than in the loaded class (Gemma 3, Ministral 3).
_PREFIX = re.compile(r"^(?:(?:base_model|model|language_model)\.)+")
_WEIGHTS = "*.safetensors"
# Eight bits and less are numbers in a scale that stands beside them (Ministral 3 in FP8).
_LEAST_BYTES = 2


@dataclass(frozen=True, slots=True)
class LayerUpdate:
    """What an adapter adds to a layer: `scale` times the product of `up` and `down`."""

    down: Any
    up: Any
    scale: float

    def apply(self, weight: Any) -> Any:
        """Return the changed weight, computed in float32, in the type that it has."""
        product = self.up.float() @ self.down.float()
        return (weight.float() + self.scale * product).to(weight.dtype)


def merge(base: Path, adapter: Path, folder: Path) -> None:
    """Write the base with the adapter's changes into a folder that exists.

    Raises ValueError if the adapter changes what the base doesn't have, or quantised weights, or
    isn't a plain LoRA; OSError.
    """
    changes = read_changes(adapter)
    files = sorted(base.glob(_WEIGHTS))
    missing = changes.keys() - {
        _shorten(name) for path in files for name in _list_tensors(path)
    }
    if missing:
        raise ValueError(
            f"{base.name} has no weights of {', '.join(sorted(missing)[:3])}"
        )
    for path in files:
        _merge_file(path, changes, folder / path.name)
    for path in base.iterdir():
        if path.is_file() and not path.match(_WEIGHTS):
            shutil.copy(path, folder)


def read_changes(adapter: Path) -> Mapping[str, LayerUpdate]:
    """Return the changes of an adapter in PEFT's layout, by the names of layers in the base."""
    config = json.loads((adapter / "adapter_config.json").read_bytes())
    odd = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save")
    if used := [name for name in odd if config.get(name)]:
        raise ValueError(f"{adapter.name} is no plain LoRA: {', '.join(used)}")
    tensors = load_file(adapter / "adapter_model.safetensors")
    scale = config["lora_alpha"] / config["r"]
    return {
        _shorten(name.replace(".lora_A.", ".")): LayerUpdate(
            down, tensors[name.replace(".lora_A.", ".lora_B.")], scale
        )
        for name, down in tensors.items()
        if ".lora_A." in name
    }


def _shorten(name: str) -> str:
    return _PREFIX.sub("", name)


def _list_tensors(path: Path) -> list[str]:
    with safe_open(path, "pt") as file:
        return list(file.keys())


def _merge_file(path: Path, changes: Mapping[str, LayerUpdate], to: Path) -> None:
    tensors = load_file(path)
    for name, weight in tensors.items():
        change = changes.get(_shorten(name))
        if change is None:
            continue
        if weight.element_size() < _LEAST_BYTES or not weight.is_floating_point():
            raise ValueError(
                f"{name} is quantised ({weight.dtype}): take the base in bfloat16"
            )
        tensors[name] = change.apply(weight)
    with safe_open(path, "pt") as file:
        save_file(tensors, to, metadata=file.metadata())
