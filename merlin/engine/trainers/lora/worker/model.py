"""Loading the base for training, with adapters; devices, and memory estimates before loading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError, safe_open

from merlin.engine.machine import read_free_memory
from merlin.engine.torch_loading import build_quantisation_config, choose_dtype
from merlin.engine.trainers.base import BaseFiles, TrainingDevices, Untrainable

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_GIB = 2**30
# Activation memory per layer, as multiples of (tokens x hidden size x bytes per number): with all
# activations (measured on SmolLM2-135M with adapters on every projection: 2,513 MiB at 388 tokens),
# and with only the layer's input (gradient checkpointing).
# Source of the form: Korthikanti et al. 2022, "Reducing Activation Recomputation", section 4.1.
_ALL_ACTIVATIONS, _INPUT_ONLY = 65, 2
# Copies of the logits of a target token: the logits, their float copy, their gradient.
_LOGITS = 3
# Bytes per trained parameter: weight, gradient and Adam's two moments in float32.
_TRAINED_BYTES = 16
_BYTES = {"none": None, "8bit": 1.0, "4bit": 0.6}
# Fixed overhead: torch, CUDA and the tokens.
_RESERVE_BYTES = 400 * 2**20


def join_devices(place: TrainingDevices, dtype: str = "auto") -> Accelerator:
    """Set up accelerate for all training processes, with the `dtype` of BaseFiles.

    Raises Untrainable if a device is missing.
    """
    if all(device == "cpu" for device in place.devices):
        return Accelerator(cpu=True, mixed_precision="no")
    is_mps = "mps" in place.devices
    available = torch.mps.device_count() if is_mps else torch.cuda.device_count()
    if available < (1 if place.workers else len(place.devices)):
        named = ", ".join(place.devices)
        raise Untrainable("device_unavailable", "engine-lora-no-device", None, device=named)
    able = dtype != "float32" and torch.cuda.is_bf16_supported()
    return Accelerator(cpu=False, mixed_precision="bf16" if able else "no")


def needs_checkpointing(base: BaseInfo, rank: int, tokens: int, free: float) -> bool:
    """Return whether a step of `tokens` needs gradient checkpointing to fit into `free` bytes.

    Raises Untrainable if it does not even fit with checkpointing.
    """
    text = base.config.get_text_config()
    layers, hidden = int(text.num_hidden_layers), int(text.hidden_size)
    # Seven projections of about (hidden, 3 hidden) have two thin matrices each.
    trained = layers * 7 * rank * 3 * hidden * _TRAINED_BYTES
    at_rest = (
        base.loaded_bytes + trained + _RESERVE_BYTES + _LOGITS * tokens * int(text.vocab_size) * 4
    )
    activations = tokens * hidden * base.dtype.itemsize
    needed: float = at_rest + activations * (_INPUT_ONLY * layers + _ALL_ACTIVATIONS)
    if needed > free:
        sizes = {"needed": round(needed / _GIB, 1), "free": round(free / _GIB, 1)}
        raise Untrainable("out_of_memory", "engine-lora-too-large", "model", **sizes)
    return bool(at_rest + activations * _ALL_ACTIVATIONS * layers > free)


def read_free_bytes(device: torch.device) -> float:
    """Return the free memory of a device in bytes."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(read_free_memory())


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

    @property
    def loaded_bytes(self) -> float:
        """Return its size in memory in bytes."""
        return self.parameters * (_BYTES[self.files.quantised] or self.dtype.itemsize)


def inspect_base(files: BaseFiles, device: torch.device) -> BaseInfo:
    """Inspect a base without loading its weights. Raises Untrainable."""
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415 - slow to import

    if files.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Untrainable("trainer_not_installed", "engine-lora-no-quantisation", "model")
    parameters = 0
    try:
        for path in files.folder.glob("*.safetensors"):
            with safe_open(path, "pt") as tensors:
                names = tensors.keys()
                parameters += sum(prod(tensors.get_slice(name).get_shape()) for name in names)
        config = AutoConfig.from_pretrained(files.folder)
        tokenizer = AutoTokenizer.from_pretrained(files.folder)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _make_damaged_error(files, error) from error
    return BaseInfo(files, config, tokenizer, parameters, choose_dtype(files.dtype, device))


def load_with_adapters(base: BaseInfo, settings: Mapping[str, Any], device: torch.device) -> Any:
    """Load the base and add trainable adapters; the base is frozen. Raises Untrainable."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - slow to import

    model = _load_base(base, device)
    if settings["gradient_checkpointing"]:
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=settings["targets"],
    )
    # Saved in the adapter's config: the base's name instead of its local path.
    model.name_or_path = base.files.folder.name
    try:
        peft_model = get_peft_model(model, config)
    except ValueError as error:
        linear = torch.nn.Linear
        parts = [name for name, part in model.named_modules() if isinstance(part, linear)]
        layers = sorted({name.rpartition(".")[2] for name in parts})
        raise Untrainable(
            "invalid_hyperparameter",
            "engine-lora-unknown-target",
            "hyperparameters.targets",
            known=", ".join(layers),
        ) from error
    peft_model.peft_config["default"].base_model_name_or_path = base.files.folder.name
    return peft_model


def _load_base(base: BaseInfo, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - slow to import

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            base.files.folder,
            dtype=base.dtype,
            use_safetensors=True,
            trust_remote_code=False,
            quantization_config=build_quantisation_config(base.files.quantised, base.dtype),
            device_map={"": device} if base.files.quantised != "none" else None,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _make_damaged_error(base.files, error) from error
    if base.files.quantised == "none":
        return model.to(device)
    from peft import prepare_model_for_kbit_training  # noqa: PLC0415 - slow to import

    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def _make_damaged_error(files: BaseFiles, error: Exception) -> Untrainable:
    reason = str(error).replace(str(files.folder), files.folder.name)[:300]
    name = files.folder.name
    return Untrainable("base_damaged", "engine-lora-damaged", "model", name=name, reason=reason)
