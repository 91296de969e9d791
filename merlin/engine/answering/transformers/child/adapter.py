"""Reading an adapter: a folder in PEFT's layout, checked against the base it is for.

Source of the layout: huggingface/peft, docs/source/developer_guides/checkpoint.md.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from merlin.engine.answering.transformers.child.mix import Low, Mix, Pair

_WEIGHT = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")
# What changes more than a linear layer by a product of two.
_BEYOND = ("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias", "use_qalora")


class BadAdapter(Exception):
    """The adapter cannot be used with this base; the text says why."""


def read_adapter(digest: str, folder: Path, mix: Mix, device: torch.device) -> Low:
    """Return the adapter, scaled and on its device. Raises BadAdapter."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        weights = load_file(folder / "adapter_model.safetensors", device=str(device))
    except Exception as error:
        raise BadAdapter(f"its files cannot be read: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        raise BadAdapter("it is no LoRA adapter without bias")
    if beyond := [name for name in _BEYOND if config.get(name)]:
        raise BadAdapter(f"it uses what this backend has not: {', '.join(beyond)}")
    return Low(digest, _pairs(weights, config, mix))


def _pairs(weights: Mapping[str, Tensor], config: Mapping[str, Any], mix: Mix) -> dict[str, Pair]:
    sides: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        found = _WEIGHT.fullmatch(name)
        if not found:
            raise BadAdapter(f"it changes {name}, which is no linear layer's product")
        sides.setdefault(found["layer"], {})[found["side"]] = weight
    return {layer: _pair(layer, both, config, mix) for layer, both in sides.items()}


def _pair(layer: str, both: Mapping[str, Tensor], config: Mapping[str, Any], mix: Mix) -> Pair:
    base = mix.layer(layer)
    if base is None or not hasattr(base, "in_features"):
        raise BadAdapter(f"the base has no linear layer {layer}")
    down, up = both.get("A"), both.get("B")
    if down is None or up is None or down.shape[0] != up.shape[1]:
        raise BadAdapter(f"the two parts for {layer} do not fit together")
    if (down.shape[1], up.shape[0]) != (base.in_features, base.out_features):
        raise BadAdapter(f"it does not fit the layer {layer} of the base")
    if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
        raise BadAdapter(f"it holds numbers that are none, for {layer}")
    rank = down.shape[0]
    scaled = up.T * _scale(layer, rank, config)
    # A layer of a quantised base keeps no numbers of a kind to multiply with.
    dtype = base.weight.dtype if base.weight.dtype.is_floating_point else mix.dtype
    return Pair(down.to(dtype), scaled.contiguous().to(dtype), (rank,))


def _scale(layer: str, rank: int, config: Mapping[str, Any]) -> float:
    """Source: huggingface/peft, src/peft/tuners/lora/layer.py, update_layer."""
    alpha = config["lora_alpha"]
    for pattern, own in (config.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", layer):
            alpha = own
            break
    return float(alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))
