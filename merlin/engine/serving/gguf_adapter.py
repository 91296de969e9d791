"""Conversion of an adapter in PEFT's layout to a GGUF file for llama.cpp.

Layer names and the order of q and k rows follow llama.cpp. Its RoPE rotates adjacent pairs, that of
transformers' `llama` family rotates halves: the conversion of such a base to GGUF permutes its
rows, so the rows of B must be permuted as well (W + BA stays the sum).
Source: ggml-org/llama.cpp 0c1e570, convert_lora_to_gguf.py, conversion/llama.py (`permute`),
src/llama-adapter.cpp; huggingface/safetensors, README, "Format".

    python -m merlin.engine.serving.gguf_adapter ADAPTER BASE [TARGET]

converts an adapter manually, for an external llama.cpp server.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merlin.core import durable_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

WEIGHTS = "adapter_model.safetensors"
_FLOATS = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}
_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"


# llama.cpp's architecture by `model_type` of the base's config.json.
ARCHITECTURES = {
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma2": "gemma2",
    "gemma3_text": "gemma3",
}
# The architecture with permuted q and k rows.
_PERMUTED_ARCHITECTURE = "llama"


class Inconvertible(Exception):
    """The adapter cannot be converted to GGUF; the message says why."""


def write_adapter(adapter: Path, base: Path, target: Path) -> None:
    """Write the adapter in the folder `adapter`, trained on the base in `base`, to `target`.

    `base` needs only config.json. The file is written atomically. Raises Inconvertible, and
    OSError if the write fails.
    """
    tuning = json.loads((adapter / "adapter_config.json").read_bytes())
    config = json.loads((base / "config.json").read_bytes())
    kind = str(config.get("model_type"))
    if kind not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise Inconvertible(f"adapters of `{kind}` are not converted; of {known} they are")
    architecture = ARCHITECTURES[kind]
    tensors = dict(_read_tensors(adapter / WEIGHTS))
    for name in ("use_dora", "alpha_pattern", "modules_to_save"):
        if tuning.get(name):
            raise Inconvertible(f"llama.cpp has no form for adapters with `{name}`")
    # llama.cpp divides alpha by the rank.
    alpha = float(tuning["lora_alpha"])
    if tuning.get("use_rslora"):
        alpha *= math.sqrt(int(tuning["r"]))
    named = dict(_map_names(tensors, architecture, config))
    durable_files.write_durably(target, lambda path: _write(path, architecture, alpha, named))


def _read_tensors(path: Path) -> Iterator[tuple[str, Matrix]]:
    """Yield the tensors of a safetensors file as float32; numpy does not have bfloat16."""
    import gguf  # noqa: PLC0415 - the extra's; a conversion is rare

    for name, tensor in gguf.SafetensorsLocal(path).tensors.items():
        cells = tensor.mmap_bytes()
        if tensor.dtype == "BF16":
            flat = (cells.view("<u2").astype("<u4") << 16).view("<f4")
        else:
            flat = cells.view(_FLOATS[tensor.dtype]).astype("<f4")
        yield name, flat.reshape(tensor.shape)


def _map_names(
    tensors: Mapping[str, Matrix], architecture: str, config: Mapping[str, Any]
) -> Iterator[tuple[str, Matrix]]:
    """Yield the tensors with llama.cpp's names: A is (rank, in), B is (out, rank)."""
    import gguf  # noqa: PLC0415 - as above

    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    layers = int(config["num_hidden_layers"])
    names = gguf.get_tensor_name_map(kinds[architecture], layers)
    for name, matrix in tensors.items():
        module = name.removeprefix(_PREFIX).removesuffix(_A).removesuffix(_B)
        target = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if target is None or not name.endswith((_A, _B)):
            raise Inconvertible(f"llama.cpp has no place for `{name}`")
        if name.endswith(_A):
            yield f"{target}.lora_a", matrix
        else:
            yield f"{target}.lora_b", _interleave(matrix, module, architecture, config)


def _interleave(
    matrix: Matrix, module: str, architecture: str, config: Mapping[str, Any]
) -> Matrix:
    """Interleave the halves of each head's q and k rows of a `llama`: 0, n/2, 1, n/2 + 1."""
    queries = int(config["num_attention_heads"])
    heads = {"q_proj": queries, "k_proj": int(config.get("num_key_value_heads") or queries)}
    kind = module.rsplit(".", 1)[-1]
    if architecture != _PERMUTED_ARCHITECTURE or kind not in heads:
        return matrix
    split = matrix.reshape(heads[kind], 2, len(matrix) // heads[kind] // 2, *matrix.shape[1:])
    return split.swapaxes(1, 2).reshape(matrix.shape)


def _write(path: Path, architecture: str, alpha: float, tensors: Mapping[str, Matrix]) -> None:
    import gguf  # noqa: PLC0415 - as above
    import numpy as np  # noqa: PLC0415 - as above

    writer = gguf.GGUFWriter(path, architecture)
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for name, matrix in tensors.items():
            writer.add_tensor(name, np.ascontiguousarray(matrix))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def build_file_name(digest: str) -> str:
    """Return the file name of an adapter with this sha256 of its weights."""
    return f"merlin-{digest[:12]}.gguf"


def main(argv: Sequence[str]) -> str:
    """Run the conversion from the command line; return the error message, "" if none."""
    if len(argv) not in (2, 3):
        return "give the adapter's folder, the base's folder and, if you like, the file to write"
    adapter, base, *targets = map(Path, argv)
    try:
        weights = (adapter / WEIGHTS).read_bytes()
        target = (
            targets[0] if targets else Path(build_file_name(hashlib.sha256(weights).hexdigest()))
        )
        write_adapter(adapter, base, target)
    except (OSError, Inconvertible, ImportError) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
