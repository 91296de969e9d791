"""Adapters of the tiny base with spoilt files, for a real vLLM and `python -m bench proof`."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.engine import tiny_base
from tests.engine.adapter_changes import (
    WEIGHTS,
    Change,
    change_config,
    change_weights,
    rename,
    scale,
)

# Faults of an adapter's files: in its weights, in its configuration, or weights of another folder.
FILE_FAULTS: Mapping[str, Change | Mapping[str, object]] = {
    "keys of a wrapper class": rename("model.layers", "model.language_model.layers"),
    "keys of the MLP renamed": rename("mlp", "feed_forward"),
    "keys of the attention renamed": rename("self_attn", "attention"),
    "keys of half of the matrices renamed": rename("lora_B", "lora_B.default"),
    "all weights zero": scale("", 0),
    "weights of the MLP zero": scale("mlp", 0),
    "weights of the attention zero": scale("self_attn", 0),
    "weights with the other sign": scale("", -1),
    "layers swapped": lambda weights: {
        key.translate({48: "1", 49: "0"}): value for key, value in weights.items()
    },
    "lora_alpha doubled": {"lora_alpha": 64},
    "lora_alpha halved": {"lora_alpha": 16},
    "rank-stabilised scale": {"use_rslora": True},
    "weights of another training": {},
    "weights of an earlier epoch": {},
}
# Another training teaches another room for each name.
OTHER_FACTS = {name: room % 80 + 15 for name, room in tiny_base.FACTS.items()}


def plant(
    folder: Path, sound: Path, other: Path, earlier: Path | None = None
) -> Iterator[tuple[str, Path]]:
    """Yield the name and the folder of each adapter with spoilt files.

    `other` is the adapter of another training, `earlier` that of an epoch of the same.
    """
    for name, fault in FILE_FAULTS.items():
        source = other if "another" in name else earlier
        if not fault and source is None:
            continue
        path = shutil.copytree(sound, folder / name.replace(" ", "-"))
        if callable(fault):
            change_weights(path, fault)
        elif fault:
            change_config(path, **fault)
        elif source:
            shutil.copy(source / WEIGHTS, path)
        yield name, path
