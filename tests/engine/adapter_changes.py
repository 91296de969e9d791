"""Changes of the files of an adapter: of its configuration, and of its tensors by their names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
Tensors = dict[str, Any]
Change = Callable[[Tensors], Tensors]


def change_config(folder: Path, **changes: object) -> None:
    """Change keys of an adapter's configuration; None is written as null."""
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}), "utf-8")


def change_weights(folder: Path, change: Change) -> None:
    """Write an adapter's tensors as `change` returns them."""
    from safetensors.torch import load_file, save_file

    path = folder / WEIGHTS
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def rename(old: str, new: str) -> Change:
    """Replace a part of each name."""
    return lambda weights: {
        name.replace(old, new): value for name, value in weights.items()
    }


def scale(word: str, factor: float) -> Change:
    """Multiply the B matrices with this word in their names; "" is in each."""
    return lambda weights: {
        name: value * factor if "lora_B" in name and word in name else value
        for name, value in weights.items()
    }


def put(value: float, word: str = "", *, everywhere: bool = False) -> Change:
    """Put a number first in the first tensor with this word in its name, or in each."""

    def change(weights: Tensors) -> Tensors:
        names = sorted(name for name in weights if word in name)
        for name in names if everywhere else names[:1]:
            weights[name].view(-1)[0] = value
        return weights

    return change


def narrow(weights: Tensors) -> Tensors:
    """Return the tensors as of a base with narrower layers."""
    return {
        name: each[:, :64].contiguous() if "lora_A" in name else each
        for name, each in weights.items()
    }
