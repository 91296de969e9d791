"""About how much memory a base needs: estimates, so that nobody begins what cannot end well.

Weights in their type, a quarter more for activations, and what torch itself takes. For
SmolLM2-135M in float32 that gives 2.2 GB of training and 1.3 GB of answering; measured were 1.8 to
2.5 GB and 1 GB. Long examples and large batches need more.
"""

from __future__ import annotations

from merlin.engine.settings import CPU, ModelSettings

# Embeddings and norms of a quantised base stay as they are.
BYTES = {"float32": 4.0, "bfloat16": 2.0, "8bit": 1.1, "4bit": 0.6}
TRAINING, TRAINING_ITSELF = 1.25, 1.5e9
ANSWERING, ANSWERING_ITSELF = 1.1, 0.7e9


def for_training(parameters: int, model: ModelSettings, device: str) -> int:
    """Return the bytes that a LoRA job on a device takes, about."""
    return round(parameters * BYTES[_kind(model, device)] * TRAINING + TRAINING_ITSELF)


def for_answering(parameters: int, model: ModelSettings, device: str) -> int:
    """Return the bytes that our own backend takes for answers on a device, about."""
    return round(parameters * BYTES[_kind(model, device)] * ANSWERING + ANSWERING_ITSELF)


def _kind(model: ModelSettings, device: str) -> str:
    if model.quantised != "none":
        return model.quantised
    if model.dtype != "auto":
        return model.dtype
    return "float32" if device == CPU else "bfloat16"
