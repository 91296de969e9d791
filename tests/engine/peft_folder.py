"""Adapters in PEFT's layout with seeded random weights, and the config of their base."""

import hashlib
import json

import numpy as np

from merlin.engine.serving.base import Adapter

HEADS, KV_HEADS, WIDTH, LAYERS, RANK, ALPHA = 4, 2, 32, 2, 3, 6
HEAD = WIDTH // HEADS


def write_base_config(folder, kind="llama"):
    """Write the config.json of a base with four heads and two layers."""
    folder.mkdir(exist_ok=True)
    config = {
        "model_type": kind,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "hidden_size": WIDTH,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_tuned_adapter(folder, seed=1, **tuning):
    """Write an adapter of q, k and down_proj in every layer; return it and its tensors."""
    from safetensors.numpy import save_file

    folder.mkdir()
    draw = np.random.default_rng(seed)
    shapes = {
        "self_attn.q_proj": (WIDTH, WIDTH),
        "self_attn.k_proj": (HEAD * KV_HEADS, WIDTH),
        "mlp.down_proj": (WIDTH, 2 * WIDTH),
    }
    tensors = {}
    for layer in range(LAYERS):
        for module, (out, into) in shapes.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = draw.normal(size=(RANK, into)).astype("f4")
            tensors[f"{name}.lora_B.weight"] = draw.normal(size=(out, RANK)).astype("f4")
    weights = folder / "adapter_model.safetensors"
    save_file(tensors, weights)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, **tuning}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return Adapter(hashlib.sha256(weights.read_bytes()).hexdigest(), folder), tensors
