"""What a folder of a base must hold, and what can be told of it without loading it."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from merlin.core.errors import Refused

WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
TEMPLATES = ("chat_template.jinja", "chat_template.json")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
# Source: safetensors' format: eight bytes of length, little-endian, then a header in JSON.
LENGTH = struct.Struct("<Q")
LONGEST_HEADER = 100_000_000


def check(folder: Path, *, is_embedding: bool = False) -> None:
    """Raise Refused, saying what is missing and what to do, unless the folder can be loaded."""
    if not folder.is_dir():
        raise _refused("library-no-folder", folder)
    if not (folder / "config.json").is_file():
        raise _refused("library-no-config", folder)
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise _refused("library-no-tokenizer", folder)
    if not is_embedding and not _has_template(folder):
        raise _refused("library-no-template", folder)


def parameters_of(folder: Path) -> int:
    """Return how many weights all safetensors of a folder hold. Raises Refused for a broken one."""
    return sum(_parameters(path) for path in sorted(folder.glob("*.safetensors")))


def context_of(folder: Path) -> int:
    """Return the window in tokens that config.json tells, 0 where it tells none."""
    said = _json(folder / "config.json")
    inside = said.get("text_config")
    both = {**said, **inside} if isinstance(inside, dict) else said
    windows = (both.get(name) for name in WINDOWS)
    return next((window for window in windows if isinstance(window, int)), 0)


def _check_weights(folder: Path) -> None:
    if (folder / SHARDS).is_file():
        named = _json(folder / SHARDS).get("weight_map")
        shards = set(named.values()) if isinstance(named, dict) else set()
        missing = sorted(name for name in shards if not (folder / str(name)).is_file())
        if missing or not shards:
            raise _refused("library-no-shard", folder, file=", ".join(missing) or SHARDS)
    elif not (folder / WEIGHTS).is_file():
        pickled = any(True for pattern in PICKLED for _ in folder.glob(pattern))
        raise _refused("library-pickled" if pickled else "library-no-weights", folder)


def _has_template(folder: Path) -> bool:
    inside = _json(folder / "tokenizer_config.json").get("chat_template")
    return bool(inside) or any((folder / name).is_file() for name in TEMPLATES)


def _parameters(path: Path) -> int:
    try:
        with path.open("rb") as file:
            (length,) = LENGTH.unpack(file.read(LENGTH.size))
            header = json.loads(file.read(min(length, LONGEST_HEADER)))
        shapes = [each["shape"] for name, each in header.items() if name != "__metadata__"]
        return sum(math.prod(shape) for shape in shapes)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("library-broken-weights", path.parent, file=path.name) from error


def _json(path: Path) -> dict[str, object]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _refused(key: str, folder: Path, **told: object) -> Refused:
    return Refused(f"{folder}: {key} {told or ''}", key, folder=str(folder), **told)
