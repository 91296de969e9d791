"""How the processes that train, answer and convert work with torch: types, threads, weights' files.

How many threads are free only a try can tell: two threads on two cores, one of them busy with
another process, took five times as long as one, for every small operation waits for the slower
thread (docs/adr/0017).
"""

from __future__ import annotations

import os
import re
import timeit
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

# How safetensors tells of a disk that refuses: "I/O error: … (os error 28)".
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """Return the type of a base's weights: "float32", "bfloat16", or "auto" by the device."""
    if name == "auto":
        is_able = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if is_able else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def quantisation_of(quantised: str, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """Return how weights are made smaller, the same in training and answers; None for "none"."""
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


def cores() -> int:
    """Return how many threads this process may take of the machine's."""
    requested = os.environ.get("OMP_NUM_THREADS", "")
    own = len(os.sched_getaffinity(0))
    return min(own, int(requested)) if requested.isdigit() and int(requested) else own


def choose_threads(step: Callable[[], object], tries: int) -> int:
    """Return whether all cores or one fewer make `step` quicker, each timed so many times."""
    most = cores()
    if most < 2:  # noqa: PLR2004 - there is nothing to choose
        return 1
    step()
    return min((most, most - 1), key=lambda count: _least_s(count, step, tries))


def _least_s(threads: int, step: Callable[[], object], tries: int) -> float:
    torch.set_num_threads(threads)
    return min(timeit.repeat(step, number=1, repeat=tries))


def save_weights(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write weights as safetensors. Raises OSError when the disk refuses."""
    try:
        save_file(dict(weights), path, metadata={"format": "pt"})
    except SafetensorError as error:
        # Only its words say what the disk refused.
        found = _OS_ERROR.search(str(error))
        raise OSError(int(found[1]), os.strerror(int(found[1]))) if found else error from error
