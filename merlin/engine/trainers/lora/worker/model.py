"""Loading the base for training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from merlin.engine.architectures import Architecture, require_architecture
from merlin.engine.chat_template import find_template_fault
from merlin.engine.tokenizer_loading import load_tokenizer
from merlin.engine.torch_loading import choose_dtype, load_model
from merlin.engine.trainers.base import BaseFiles, Untrainable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_device(device: str) -> None:
    """Raise Untrainable if the device is missing."""
    count = torch.mps.device_count if device == "mps" else torch.cuda.device_count
    if device != "cpu" and not count():
        raise Untrainable(
            "device_unavailable", "engine-lora-no-device", None, device=device
        )


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """A base on disk with valid headers.

    `parameters` is the number of parameters in its safetensors files, `longest` the most tokens of
    an example.
    """

    files: BaseFiles
    architecture: Architecture
    tokenizer: PreTrainedTokenizerBase
    parameters: int
    longest: int


def inspect_base(files: BaseFiles) -> BaseInfo:
    """Inspect a base without loading its weights. Raises Untrainable."""
    from transformers import AutoConfig  # noqa: PLC0415 - slow to import

    if files.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Untrainable(
            "trainer_not_installed", "engine-lora-no-quantisation", "model"
        )
    parameters = 0
    with report_damage(files):
        architecture = require_architecture(files.folder)
        for path in files.folder.glob("*.safetensors"):
            with safe_open(path, "pt") as tensors:
                names = tensors.keys()
                parameters += sum(
                    prod(tensors.get_slice(name).get_shape()) for name in names
                )
        config = AutoConfig.from_pretrained(files.folder).get_text_config()
        tokenizer = load_tokenizer(files.folder)
    if fault := find_template_fault(tokenizer):
        key, detail = fault
        raise Untrainable(
            "base_unusable", key, "model", name=files.folder.name, detail=detail
        )
    window = int(
        getattr(config, "max_position_embeddings", 0) or tokenizer.model_max_length
    )
    longest = min(files.longest or window, window)
    return BaseInfo(files, architecture, tokenizer, parameters, longest)


def load_base(files: BaseFiles, device: torch.device) -> Any:
    """Load the weights. Raises Untrainable."""
    dtype = choose_dtype(files.dtype, device)
    with report_damage(files):
        place = device if files.quantised != "none" else None
        model = load_model(files.folder, dtype, files.quantised, place, trains=True)
    # Saved in the adapter's config: the base's name instead of its local path.
    model.name_or_path = files.folder.name
    return model


@contextmanager
def report_damage(files: BaseFiles) -> Iterator[None]:
    """Raise Untrainable for what the libraries raise if a base's files cannot be used."""
    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        name = files.folder.name
        raise Untrainable(
            "base_damaged",
            "engine-lora-damaged",
            "model",
            name=name,
            reason=str(error).replace(str(files.folder), name)[:300],
        ) from error
