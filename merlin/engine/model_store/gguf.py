"""A .gguf file made into a folder that trains: its weights as safetensors, and its tokenizer.

Source: transformers' guide "GGUF and interaction with Transformers"; what it leaves to us is to
forget the quantisation, which the weights no longer have, and to leave tied weights out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from merlin.core.errors import Refused
from merlin.engine.model_store.store import Progress

STAGES = ("tokenizer", "weights", "writing")
DISK_ERROR = re.compile(r"os error (\d+)")
# Above this many bytes of quantised weights their exact values would fill memory and disk.
LARGE = 10**9


def convert(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """Fill the folder `draft` from the file `source`; return nothing to remember.

    Raises Refused for a file that is no model we can read, OSError when the disk refuses.
    """
    source, draft = Path(order["source"]), Path(order["draft"])
    try:
        _stage(progress, "tokenizer")
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        _stage(progress, "weights")
        dtype = torch.bfloat16 if source.stat().st_size > LARGE else torch.float32
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=dtype
        )
    except (MemoryError, ModuleNotFoundError):
        raise
    except Exception as error:
        words = {"path": str(source), "reason": str(error)}
        raise Refused(str(error), "library-gguf-unreadable", **words) from error
    _stage(progress, "writing")
    _write(model, draft)
    tokenizer.save_pretrained(draft)
    _stage(progress, None)
    return {}


def _stage(progress: Progress, name: str | None) -> None:
    """Tell that a stage begins, and so that those before it are done."""
    current = STAGES.index(name) if name else len(STAGES)
    for number, stage in enumerate(STAGES[: current + 1]):
        progress(stage, int(number < current), 1)


def _write(model: torch.nn.Module, draft: Path) -> None:
    # Its own save_pretrained refuses a model that was read from a .gguf file.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config.save_pretrained(draft)
    if model.generation_config is not None:
        model.generation_config.save_pretrained(draft)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    try:
        save_file(weights, draft / "model.safetensors", metadata={"format": "pt"})
    except SafetensorError as error:
        # Only its words say what the disk refused.
        found = DISK_ERROR.search(str(error))
        raise (OSError(int(found[1]), str(error)) if found else error) from error
