"""Checkpoints to go on from: one file, written beside its place, synced, renamed.

The order of the examples and every chance draw are functions of (seed, epoch, step), and the
learning rate one of the step, so the adapter, the optimizer and some sums are all there is.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file

from merlin.core import durable
from merlin.engine.trainers.lora import papers

# How safetensors tells of a disk that refuses: "I/O error: … (os error 28)".
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass
class Progress:
    """How far a training is.

    `epoch` counts from 0 and `batch` within it; `step` over all. `sums` are those of the epoch
    under way. `told` is how many bytes were told by then. `best` is the lowest test loss, that of
    `best_epoch`; `worse` counts the epochs since. `threads` 0: not measured yet.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    tokens: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    told: int = 0
    best: float | None = None
    best_epoch: int = 0
    worse: int = 0
    threads: int = 0


def keep(folder: Path, progress: Progress, model: Any, optimizer: torch.optim.Optimizer) -> None:
    """Write the checkpoint; a kill at any moment leaves the one before or this one.

    Raises OSError where the disk refuses, as `keep_epoch`.
    """
    held = {
        "progress": asdict(progress),
        "adapter": _adapter(model),
        "optimizer": optimizer.state_dict(),
    }
    durable.write(folder / papers.STATE, lambda beside: _save(held, beside))


def load(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Read the newest checkpoint; None where there is none yet."""
    path = folder / papers.STATE
    if not path.exists():
        return None
    held: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return {**held, "progress": Progress(**held["progress"])}


def restore(held: dict[str, Any], model: Any, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint's weights back."""
    set_peft_model_state_dict(model, held["adapter"])
    optimizer.load_state_dict(held["optimizer"])


def keep_epoch(folder: Path, number: int, model: Any) -> None:
    """Write the adapter after an epoch in PEFT's layout, durably; one that is there is the same."""
    target = papers.epoch_folder(folder, number)
    if not target.exists():
        durable.remove(target.with_name(f".{target.name}.part"))
        durable.write(target, lambda beside: _export(model, beside))


def _save(held: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        try:
            torch.save(held, file)
        except RuntimeError as error:
            # torch hides what the disk said behind words of its own.
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def _export(model: Any, folder: Path) -> None:
    folder.mkdir(parents=True)
    weights = {name: value.cpu().contiguous() for name, value in _adapter(model).items()}
    try:
        save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    except SafetensorError as error:
        said = _OS_ERROR.search(str(error))
        raise OSError(int(said[1]), os.strerror(int(said[1]))) if said else error from error
    config = model.peft_config["default"].to_dict() | {"inference_mode": True}
    text = json.dumps(config, default=_plain, indent=2, sort_keys=True)
    (folder / "adapter_config.json").write_text(text, "utf-8")


def _adapter(model: Any) -> dict[str, torch.Tensor]:
    # "auto" would ask a hub whether the vocabulary grew.
    return dict(get_peft_model_state_dict(model, save_embedding_layers=False))


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
