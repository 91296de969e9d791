"""Files of a sentence encoder, read without torch or transformers.

An encoder is a transformer as safetensors, or an ONNX file, with `tokenizer.json`. The pooling is
configured in `1_Pooling/config.json`, in the format of sentence-transformers; the default is mean
pooling.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from merlin.core.durable_files import sha256_of
from merlin.core.json_fields import read_json_object

ONNX, POOLING = ("onnx/model.onnx", "model.onnx"), "1_Pooling/config.json"
# The files that the vectors depend on.
_SIGNIFICANT_FILES = (
    *("*.safetensors", "*.onnx", "*.onnx_data", "onnx/model.onnx*", "config.json", POOLING),
    *("weights.npz", "sp.model"),  # of the encoder that comes with Merlin
    *("tokenizer*", "vocab.*", "merges.txt", "spiece.model", "sentencepiece*", "*_tokens*.json"),
)


def find_onnx(folder: Path) -> Path | None:
    """Return the ONNX file of an encoder's folder, None if it has none."""
    return next((folder / name for name in ONNX if (folder / name).is_file()), None)


def takes_first_token(folder: Path) -> bool:
    """Return whether the pooling takes the first token (CLS) instead of the mean."""
    config = read_json_object(folder / POOLING)
    # the format of sentence-transformers from 6 on, and the older one
    return config.get("pooling_mode") == "cls" or config.get("pooling_mode_cls_token") is True


def digest_encoder(folder: Path) -> str:
    """Return the hex sha256 of the files that an encoder's vectors depend on.

    Cached by file size and modification time.
    """
    paths = sorted({path for pattern in _SIGNIFICANT_FILES for path in folder.glob(pattern)})
    stats = [(path, path.stat()) for path in paths if path.is_file()]
    return _digest_files(
        tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats), folder
    )


@lru_cache(maxsize=16)
def _digest_files(files: tuple[tuple[Path, int, int], ...], folder: Path) -> str:
    digest = hashlib.sha256()
    for path, _size, _time in files:
        digest.update(f"{path.relative_to(folder)} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
