"""Models of `embed` answer as those of `recall` do, once an encoder has read the question.

The encoder is asked for a text that is new to it alone, so a follow-up costs one text as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from merlin.core.messages import Message
from merlin.engine.encoder_files import digest_of
from merlin.engine.serving.base import Adapter, Backend, Embedded
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.base import Untrainable
from merlin.engine.trainers.recall import Answer

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.draws import Floats

MOST_TEXTS = 4_000


class EmbedBackend(RecallBackend):
    """The Backend of one encoder and every head trained onto it.

    `folder` returns where the encoder's files lie; it raises Untrainable where they do not.
    """

    def __init__(
        self, language: str, name: str, folder: Callable[[], Path], encoder: Backend
    ) -> None:
        super().__init__(language)
        self._name = name
        self._folder = folder
        self._encoder = encoder
        self._digest = ""
        self._vectors: dict[str, Floats] = {}

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Return the encoder's own vectors; see Backend."""
        return await self._encoder.embed(texts)

    def figures(self) -> Mapping[str, float]:
        """Return what there is to watch of the encoder and of the answers."""
        return {**self._encoder.figures(), **super().figures()}

    async def close(self) -> None:
        """Let the models and the encoder go."""
        await super().close()
        await self._encoder.close()

    async def answer(self, adapter: Adapter | None, messages: Sequence[Message]) -> Answer:
        """Answer from the encoder's vectors and words; see RecallBackend.

        Raises Untrainable where the encoder is not the one that the model was trained with.
        """
        if adapter is None:
            return await super().answer(adapter, messages)
        model = await run_in_threadpool(self._model, adapter)
        digest = await run_in_threadpool(lambda: digest_of(self._folder()))
        if self._digest not in ("", digest):  # a process that runs has the files of before
            await self._encoder.close()
            self._vectors.clear()
        self._digest = digest
        vectors = await self._vectors_of(messages)
        if not model.fits(digest, vectors):
            raise Untrainable("base_changed", "engine-encoder-changed", "model", name=self._name)
        return await run_in_threadpool(model.answer, messages, vectors)

    async def _vectors_of(self, messages: Sequence[Message]) -> Mapping[str, Floats]:
        import numpy as np  # noqa: PLC0415 - at the first question

        from merlin.engine.trainers.recall.sentences import asked_of  # noqa: PLC0415 - numpy

        texts = asked_of(messages)
        known = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in texts if text not in known]
        if missing:
            vectors, _tokens = await self._encoder.embed(missing)
            told = {
                text: np.array(each, np.float32)
                for text, each in zip(missing, vectors, strict=True)
            }
            known |= told
            if len(self._vectors) > MOST_TEXTS:
                self._vectors.clear()
            self._vectors |= told
        return known
