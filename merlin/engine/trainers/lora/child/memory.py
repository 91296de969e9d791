"""Whether a base fits into the memory, reckoned before it is loaded."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from merlin.engine.trainers import Untrainable

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_GIB = 2**30
# Bytes kept for the backward pass, as multiples of (tokens x hidden size x bytes a number), a
# layer: with every activation (measured on SmolLM2-135M with adapters on every projection:
# 2,513 MiB at 388 tokens), and with the layer's input alone (checkpointing).
# Source of the form: Korthikanti et al. 2022, "Reducing Activation Recomputation", section 4.1.
_WHOLE, _INPUT_ALONE = 65, 2
# Of a taught token's logits: the logits, their float copy, their gradient.
_LOGITS = 3
# Weight, gradient and Adam's two moments of a trained number, in float32.
_TRAINED_BYTES = 16
_BYTES = {"none": None, "8bit": 1.0, "4bit": 0.6}
# The length of the header that follows.
_START = 8
# Torch, CUDA and the tokens themselves.
_REST = 400 * 2**20


@dataclass(frozen=True, slots=True)
class Size:
    """A base on the disk: how many numbers its safetensors files hold."""

    parameters: int

    @classmethod
    def of(cls, files: list[Path]) -> Size:
        """Read the headers of safetensors files. Raises ValueError for a damaged one."""
        return cls(sum(_numbers(file) for file in files))

    def loaded(self, dtype: torch.dtype, quantised: str) -> float:
        """Return its bytes in memory."""
        return self.parameters * (_BYTES[quantised] or dtype.itemsize)


@dataclass(frozen=True, slots=True)
class Need:
    """What training takes, in bytes: at rest, and beside it while a step of `tokens` works."""

    at_rest: float
    whole: float
    checkpointed: float

    @classmethod
    def of(
        cls, config: PretrainedConfig, loaded: float, rank: int, tokens: int, width: int
    ) -> Need:
        """Reckon it for a step of `tokens`, at `width` bytes a number."""
        text = config.get_text_config()
        layers, hidden = int(text.num_hidden_layers), int(text.hidden_size)
        # Seven projections of about (hidden, 3 hidden) have two thin matrices each.
        trained = layers * 7 * rank * 3 * hidden * _TRAINED_BYTES
        logits = _LOGITS * tokens * int(text.vocab_size) * 4
        kept = tokens * hidden * width
        return cls(
            loaded + trained + _REST,
            kept * (_WHOLE * layers) + logits,
            kept * (_INPUT_ALONE * layers + _WHOLE) + logits,
        )

    def is_tight(self, free: float) -> bool:
        """Return whether every activation would not fit. Raises Untrainable where nothing does."""
        if self.at_rest + self.checkpointed > free:
            needed = self.at_rest + self.checkpointed
            raise Untrainable(
                "out_of_memory",
                "engine-lora-too-large",
                "model",
                needed=f"{needed / _GIB:.1f}",
                free=f"{free / _GIB:.1f}",
            )
        return self.at_rest + self.whole > free


def free_bytes(device: torch.device) -> float:
    """Return how much memory is free on a device."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return min(_machine(), _group())


def _machine() -> float:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return float("inf")


def _group() -> float:
    """Return what a limit on this process' group of processes (a container's) leaves."""
    most, used = _read("/sys/fs/cgroup/memory.max"), _read("/sys/fs/cgroup/memory.current")
    if not most.strip().isdigit() or not used.strip().isdigit():
        return float("inf")
    return float(int(most) - int(used))


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""


def _numbers(file: Path) -> int:
    """Return how many numbers a safetensors file holds.

    Source: huggingface/safetensors, README, "Format".
    """
    with file.open("rb") as opened:
        start = opened.read(_START)
        if len(start) < _START:
            raise ValueError(f"{file.name}: too short")
        length = struct.unpack("<Q", start)[0]
        header = json.loads(opened.read(length))
    tensors = [held for key, held in header.items() if key != "__metadata__"]
    announced = _START + length + max((held["data_offsets"][1] for held in tensors), default=0)
    if file.stat().st_size != announced:
        raise ValueError(f"{file.name}: {file.stat().st_size} bytes instead of {announced}")
    return sum(prod(held["shape"]) for held in tensors)
