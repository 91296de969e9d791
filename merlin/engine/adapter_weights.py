"""Whether an adapter's numbers can be computed with, read without torch.

vLLM's cache keeps the NaN that one adapter computed: after one with a single weight NaN, or with
finite weights times 1e18, the base and sound adapters answered questions with the same beginning by
garbage (vLLM 0.32.0). Source of the format: huggingface/safetensors, README.md.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, FiniteFloat, Strict, TypeAdapter

from merlin.core.json_fields import parse_object

FILE = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_LENGTH_BYTES = 8
# By the format's names of types: as what the bits and the number are read, and how many bits the
# number has more. Without its sign, the larger of two numbers has the larger bits; NaN the largest.
_TYPES = {
    "F32": ("<u4", "<f4", 0),
    "F16": ("<u2", "<f2", 0),
    "BF16": ("<u2", "<f4", 16),
}
# The most that an adapter may add to a weight, by its largest numbers. Trained ones add less than
# 1, and what layers multiply stays a number up to here.
_MOST_ADDED = 1e4

_Number = Annotated[FiniteFloat, Strict()]
_SIZES = TypeAdapter[tuple[int, float]](
    tuple[Annotated[int, Strict(), Field(ge=1, le=2**16)], _Number]
)


def read_sizes(config: Mapping[str, object]) -> tuple[int, float]:
    """Return `r` and `lora_alpha` of an adapter's configuration. Raises ValueError."""
    return _SIZES.validate_python((config.get("r"), config.get("lora_alpha")))


def are_sound(folder: Path) -> bool:
    """Return whether an adapter in PEFT's layout has finite numbers that are small enough.

    Raises OSError, ValueError for damaged files.
    """
    _, alpha = read_sizes(parse_object((folder / _CONFIG).read_bytes()))
    content = np.memmap(folder / FILE, np.uint8, "r")
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
    header: dict[str, Any] = dict(parse_object(content[_LENGTH_BYTES:begin].tobytes()))
    header.pop("__metadata__", None)
    largest = {True: 0.0, False: 0.0}
    try:
        for name, tensor in header.items():
            found = _find_largest(content[begin:], tensor)
            if not math.isfinite(found):
                return False
            largest[".lora_B." in name] = max(largest[".lora_B." in name], found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{FILE} is damaged: {error!r}") from error
    # A sum of r products of A and B, times alpha/r.
    return abs(alpha) * largest[True] * largest[False] <= _MOST_ADDED


def _find_largest(content: Any, tensor: Any) -> float:
    """Return the largest absolute value of a tensor; NaN and infinity are larger than all."""
    bits, number, shift = _TYPES[tensor["dtype"]]
    start, end = tensor["data_offsets"]
    unsigned = content[start:end].view(bits) & (np.iinfo(bits).max >> 1)
    largest = int(unsigned.max(initial=0)) << shift
    size = np.dtype(number).itemsize
    return float(np.frombuffer(largest.to_bytes(size, "little"), number)[0])
