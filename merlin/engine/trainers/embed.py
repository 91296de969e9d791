"""The `embed` trainer: a `recall` head on a frozen sentence encoder, which handles synonyms.

The encoder is a base with `embeddings: true`; it maps each text to one vector and is not trained.
The base's backend computes the vectors, in a process that is closed afterwards. Vectors are cached
by encoder and text, so a training encodes only new texts.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.core.durable_files import remove_durably, write_durably
from merlin.engine.encoder_files import digest_encoder
from merlin.engine.serving.base import Backend, Busy, Unavailable
from merlin.engine.trainers.base import Progress, ResolvedHyperparameters, Task, Untrainable
from merlin.engine.trainers.recall import RecallTrainer
from merlin.engine.training_file import read_conversations
from merlin.openai_protocol.errors import ApiError

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.draws import Floats

AT_ONCE = 64
# The cache size per encoder: 77 MB with 384 dimensions.
MAX_CACHED = 100_000


class EmbedTrainer(RecallTrainer):
    """The Trainer for one encoder; `name` is the base's, `folder` is the vector cache."""

    def __init__(self, name: str, backend: Callable[[], Backend], folder: Path) -> None:
        self._name = name
        self._backend = backend
        self._folder = folder

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Encode new texts, then train the head; see `recall.train`. Raises Untrainable."""
        from merlin.engine.trainers.recall.train import collect_texts, train  # noqa: PLC0415 - loads numpy

        if task.base is None:
            raise TypeError("an encoder has files")
        conversations = list(read_conversations(task.train))
        test = list(read_conversations(task.test, least=1)) if task.test else []
        yield ResolvedHyperparameters(task.hyperparameters)
        encoder = digest_encoder(task.base.folder)
        path = self._folder / f"{encoder}.npz"
        cached, texts = read_vectors(path), collect_texts(conversations, test)
        missing = sorted((text for text in texts if digest_text(text) not in cached), key=len)
        try:
            for part, vectors in self._encode(missing):
                cached.update(zip(map(digest_text, part), vectors, strict=True))
                yield None
        finally:  # a stopped job resumes from the cache
            if missing and cached:
                write_vectors(path, cached)
        encoded = encoder, {text: cached[digest_text(text)] for text in texts}
        yield from train(conversations, test, task.hyperparameters, task.seed, encoded)

    def _encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Floats]]:
        """Yield batches of texts with their vectors, one row per text. Raises Untrainable."""
        import numpy as np  # noqa: PLC0415 - at the first training

        if not texts:
            return
        with asyncio.Runner() as runner:
            backend = self._backend()
            try:
                for first in range(0, len(texts), AT_ONCE):
                    part = texts[first : first + AT_ONCE]
                    vectors, _tokens = runner.run(backend.embed(part))
                    # float16 as in the cache: removes differences due to the batch.
                    yield part, np.array(vectors, np.float16)
            except (ApiError, Busy, Unavailable) as error:
                arguments = {"name": self._name, "reason": str(error)}
                raise Untrainable(
                    "base_unusable", "engine-encoder-fails", "model", **arguments
                ) from error
            finally:
                runner.run(backend.close())


def digest_text(text: str) -> bytes:
    """Return the cache key of a text: 16 bytes of its sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def read_vectors(path: Path) -> dict[bytes, Floats]:
    """Return the cached vectors, oldest first; empty if the file cannot be read."""
    import numpy as np  # noqa: PLC0415 - at the first training

    try:
        with np.load(path, allow_pickle=False) as arrays:
            keys = map(bytes, arrays["keys"])
            return dict(zip(keys, arrays["vectors"], strict=True))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}


def write_vectors(path: Path, vectors: Mapping[bytes, Floats]) -> None:
    """Write the newest vectors to the cache; delete the files of earlier encoders."""
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
