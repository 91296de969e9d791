"""Loading the base for training, with adapters; devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError, safe_open

from merlin.engine.torch_loading import build_quantisation_config, choose_dtype
from merlin.engine.trainers.base import BaseFiles, TrainingDevices, Untrainable

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase


def join_devices(place: TrainingDevices, dtype: str = "auto") -> Accelerator:
    """Set up accelerate for all training processes, with the `dtype` of BaseFiles.

    Raises Untrainable if a device is missing.
    """
    if all(device == "cpu" for device in place.devices):
        return Accelerator(cpu=True, mixed_precision="no")
    is_mps = "mps" in place.devices
    available = torch.mps.device_count() if is_mps else torch.cuda.device_count()
    if available < len(place.devices):
        named = ", ".join(place.devices)
        raise Untrainable("device_unavailable", "engine-lora-no-device", None, device=named)
    able = dtype != "float32" and torch.cuda.is_bf16_supported()
    return Accelerator(cpu=False, mixed_precision="bf16" if able else "no")


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """A base on disk with valid headers, and how to load it.

    `parameters` is the number of parameters in its safetensors files.
    """

    files: BaseFiles
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    parameters: int
    dtype: torch.dtype

    @property
    def longest(self) -> int:
        """Return the maximum tokens of an example."""
        text = self.config.get_text_config()
        window = int(getattr(text, "max_position_embeddings", 0) or self.tokenizer.model_max_length)
        return min(self.files.longest or window, window)


def inspect_base(files: BaseFiles, device: torch.device) -> BaseInfo:
    """Inspect a base without loading its weights. Raises Untrainable."""
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415 - slow to import

    if files.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Untrainable("trainer_not_installed", "engine-lora-no-quantisation", "model")
    parameters = 0
    with report_damage(files):
        for path in files.folder.glob("*.safetensors"):
            with safe_open(path, "pt") as tensors:
                names = tensors.keys()
                parameters += sum(prod(tensors.get_slice(name).get_shape()) for name in names)
        config = AutoConfig.from_pretrained(files.folder)
        tokenizer = AutoTokenizer.from_pretrained(files.folder)
    return BaseInfo(files, config, tokenizer, parameters, choose_dtype(files.dtype, device))


def load_with_adapters(base: BaseInfo, settings: Mapping[str, Any], device: torch.device) -> Any:
    """Load the base and add trainable adapters to its linear layers; the base is frozen."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - slow to import

    model = _load_base(base, device)
    if settings["gradient_checkpointing"]:
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    rank = int(settings["rank"])
    config = LoraConfig(
        task_type="CAUSAL_LM", r=rank, lora_alpha=2 * rank, target_modules="all-linear"
    )
    # Saved in the adapter's config: the base's name instead of its local path.
    model.name_or_path = base.files.folder.name
    peft_model = get_peft_model(model, config)
    peft_model.peft_config["default"].base_model_name_or_path = base.files.folder.name
    return peft_model


def _load_base(base: BaseInfo, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - slow to import

    with report_damage(base.files):
        model: Any = AutoModelForCausalLM.from_pretrained(
            base.files.folder,
            dtype=base.dtype,
            use_safetensors=True,
            trust_remote_code=False,
            quantization_config=build_quantisation_config(base.files.quantised, base.dtype),
            device_map={"": device} if base.files.quantised != "none" else None,
        )
    if base.files.quantised == "none":
        return model.to(device)
    from peft import prepare_model_for_kbit_training  # noqa: PLC0415 - slow to import

    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


@contextmanager
def report_damage(files: BaseFiles) -> Iterator[None]:
    """Raise Untrainable for what the libraries raise if a base's files cannot be used."""
    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        name = files.folder.name
        reason = str(error).replace(str(files.folder), name)[:300]
        raise Untrainable(
            "base_damaged", "engine-lora-damaged", "model", name=name, reason=reason
        ) from error
