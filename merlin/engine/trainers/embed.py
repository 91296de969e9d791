"""The `embed` trainer: `recall` with another sentence encoder, frozen.

The encoder is a base with `embeddings: true`; it maps each text to one vector and is not trained.
The base's backend computes the vectors, in a process that is closed afterwards.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.engine.encoder_files import digest_encoder
from merlin.engine.serving.base import Backend
from merlin.engine.trainers.base import Task, Untrainable
from merlin.engine.trainers.recall import TEXTS_AT_ONCE, RecallTrainer
from merlin.openai_protocol.errors import ApiError

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.draws import Floats


class EmbedTrainer(RecallTrainer):
    """The Trainer for one encoder; `name` is the base's, `folder` is for the vectors."""

    max_texts = math.inf

    def __init__(self, name: str, backend: Callable[[], Backend], folder: Path) -> None:
        super().__init__(folder)
        self._name = name
        self._backend = backend

    def _digest_encoder(self, task: Task) -> str:
        if task.base is None:
            raise TypeError("an encoder has files")
        return digest_encoder(task.base.folder)

    def _encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[Floats]]]:
        import numpy as np  # noqa: PLC0415 - at the first training

        if not texts:
            return
        with asyncio.Runner() as runner:
            backend = self._backend()
            try:
                for first in range(0, len(texts), TEXTS_AT_ONCE):
                    part = texts[first : first + TEXTS_AT_ONCE]
                    vectors, _tokens = runner.run(backend.embed(part))
                    # float16 as stored: removes differences due to the batch.
                    yield part, list(np.array(vectors, np.float16))
            except ApiError as error:
                arguments = {"name": self._name, "reason": str(error)}
                raise Untrainable(
                    "base_unusable", "engine-encoder-fails", "model", **arguments
                ) from error
            finally:
                runner.run(backend.close())
