"""The base model: found whole, loaded from safetensors alone, fitted with low-rank adapters."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from merlin.engine.trainers import BaseFiles, Untrainable
from merlin.engine.trainers.lora.child.memory import Size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_PICKLED = ("*.bin", "*.pt", "*.pth")


@dataclass(frozen=True, slots=True)
class Base:
    """A base on the disk, whole as far as its headers tell, and how to load it."""

    files: BaseFiles
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    size: Size
    dtype: torch.dtype

    @property
    def longest(self) -> int:
        """Return how many tokens an example may have."""
        text = self.config.get_text_config()
        window = int(getattr(text, "max_position_embeddings", 0) or self.tokenizer.model_max_length)
        return min(self.files.longest or window, window)


def found(files: BaseFiles, device: torch.device) -> Base:
    """Look at a base without loading its weights. Raises Untrainable."""
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415 - slow to import

    _check_parts(files, device)
    try:
        size = Size.of(_weights(files.folder))
        config = AutoConfig.from_pretrained(files.folder)
        tokenizer = AutoTokenizer.from_pretrained(files.folder)
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(files, error) from error
    return Base(files, config, tokenizer, size, _dtype(files, device))


def fitted(base: Base, settings: Mapping[str, Any], device: torch.device) -> Any:
    """Load the base and put adapters onto it; only they learn. Raises Untrainable."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - slow to import

    model = _loaded(base, device)
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
    # An adapter is known by its base's name; where that lay when it was trained concerns nobody.
    model.name_or_path = base.files.folder.name
    try:
        made = get_peft_model(model, config)
    except ValueError as error:
        layers = sorted(
            {name.rpartition(".")[2] for name, part in model.named_modules() if _fits(part)}
        )
        raise Untrainable(
            "invalid_hyperparameter",
            "engine-lora-unknown-target",
            "hyperparameters.targets",
            known=", ".join(layers),
        ) from error
    made.peft_config["default"].base_model_name_or_path = base.files.folder.name
    return made


def _loaded(base: Base, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - slow to import

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            base.files.folder,
            dtype=base.dtype,
            use_safetensors=True,
            trust_remote_code=False,
            quantization_config=_quantisation(base.files.quantised, base.dtype),
            device_map={"": device} if base.files.quantised != "none" else None,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _damaged(base.files, error) from error
    if base.files.quantised == "none":
        return model.to(device)
    from peft import prepare_model_for_kbit_training  # noqa: PLC0415 - slow to import

    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def _quantisation(quantised: str, dtype: torch.dtype) -> Any:
    if quantised == "none":
        return None
    from transformers import BitsAndBytesConfig  # noqa: PLC0415 - slow to import

    if quantised == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=True,
    )


def _weights(folder: Path) -> list[Path]:
    """Return the weights' files. Raises Untrainable for pickled ones, which may run anything."""
    found = sorted(folder.glob("*.safetensors"))
    if found:
        return found
    if any(path for pattern in _PICKLED for path in folder.glob(pattern)):
        raise Untrainable("unsafe_base", "engine-lora-pickled", "model", name=folder.name)
    raise Untrainable("base_not_found", "engine-lora-no-base", "model", name=folder.name)


def _check_parts(files: BaseFiles, device: torch.device) -> None:
    if files.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Untrainable("trainer_not_installed", "engine-lora-no-quantisation", "model")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise Untrainable("device_unavailable", "engine-lora-no-device", None, device=str(device))


def _damaged(files: BaseFiles, error: Exception) -> Untrainable:
    reason = str(error).replace(str(files.folder), files.folder.name)[:300]
    name = files.folder.name
    return Untrainable("base_damaged", "engine-lora-damaged", "model", name=name, reason=reason)


def _dtype(files: BaseFiles, device: torch.device) -> torch.dtype:
    if files.dtype == "auto":
        is_able = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if is_able else torch.float32
    return torch.bfloat16 if files.dtype == "bfloat16" else torch.float32


def _fits(part: Any) -> bool:
    return isinstance(part, torch.nn.Linear)
