"""Which way a base can be gone through: proven by trying, not read off a list of builds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from merlin.engine.answering.transformers.child.base import Unservable
from merlin.engine.answering.transformers.child.mix import Mix
from merlin.engine.answering.transformers.child.passes import OneByOne, Passes, Together, as_read

# Largest difference from the truth, as a share of how far the logits spread.
_CLOSE, _CLOSE_HALF = 1e-3, 0.05
_SIMPLE = {"full_attention", "sliding_attention"}
# Two rows, and what is read after them.
_ROWS, _MORE = ([1, 2, 3], [4, 3, 2, 1, 0]), ([5], [6])


def passes_of(model: Any, mix: Mix) -> tuple[Passes, str]:
    """Return how to go through this model, and why not with all rows together, if not.

    Either way must say of two rows, the second of which joined later, what the model says when it
    reads each anew. Raises Unservable where none does.
    """
    reasons: list[str] = []
    for kind in (Together, OneByOne):
        why = _why_not(kind, model, mix)
        if not why:
            return kind(model, mix), "; ".join(reasons)
        reasons.append(why)
    raise Unservable(f"this base cannot be answered with: {'; '.join(reasons)}")


def _why_not(kind: type[Together | OneByOne], model: Any, mix: Mix) -> str:
    config = model.config.get_text_config()
    kinds: set[str] = set(getattr(config, "layer_types", None) or ())
    # A window shows in no short text, so layers that forget are known by their name alone.
    is_simple = kinds <= _SIMPLE and not getattr(config, "num_kv_shared_layers", None)
    if kind is Together and not is_simple:
        return "its layers keep more than keys and values"
    try:
        gap = _gap(_read(kind(model, mix)), _read_anew(model))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a model's own code
        return f"{kind.__name__}: {type(error).__name__}: {error}"
    tolerance = _CLOSE if model.dtype == torch.float32 else _CLOSE_HALF
    return "" if gap < tolerance else f"{kind.__name__}: logits differ by {gap:.2g}"


def _gap(told: Tensor, truth: Tensor) -> float:
    return float((told - truth).abs().max() / (truth.max() - truth.min()))


def _read(passes: Passes) -> Tensor:
    memory, joining = passes.memory(1), passes.memory(1)
    first = passes.read(memory, [_ROWS[0]], [None])
    second = passes.read(joining, [_ROWS[1]], [None])
    memory.take(joining)
    return torch.cat([first, second, passes.read(memory, _MORE, [None, None])])


def _read_anew(model: Any) -> Tensor:
    whole = [row + more for row, more in zip(_ROWS, _MORE, strict=True)]
    ids = [torch.tensor([row], device=model.device) for row in (*_ROWS, *whole)]
    return torch.cat([as_read(model(input_ids=row, use_cache=False).logits) for row in ids])
