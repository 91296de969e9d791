"""Whether the weights of an adapter are numbers, read without torch.

vLLM's cache keeps the NaN that one adapter computed: after one with a single weight NaN, the base
and sound adapters answered questions with the same beginning by garbage (vLLM 0.32.0).
Source of the format: huggingface/safetensors, README.md.
"""

from pathlib import Path
from typing import Any

import numpy as np

from merlin.core.json_fields import parse_object

FILE = "adapter_model.safetensors"
_LENGTH_BYTES = 8
# By the format's names of types: as what a number is read, and the bits of its exponent, which are
# all set in NaN and infinity.
_TYPES = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}


def are_finite(folder: Path) -> bool:
    """Return whether all weights are finite. Raises OSError, ValueError for a damaged file."""
    content = np.memmap(folder / FILE, np.uint8, "r")
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
    header: dict[str, Any] = dict(parse_object(content[_LENGTH_BYTES:begin].tobytes()))
    header.pop("__metadata__", None)
    try:
        return all(_is_finite(content[begin:], tensor) for tensor in header.values())
    except (KeyError, TypeError) as error:
        raise ValueError(f"{FILE} is damaged: {error!r}") from error


def _is_finite(content: Any, tensor: Any) -> bool:
    kind, exponent = _TYPES[tensor["dtype"]]
    start, end = tensor["data_offsets"]
    return not bool((content[start:end].view(kind) & exponent == exponent).any())
