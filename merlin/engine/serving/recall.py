"""Serving of `recall` models, with an LRU cache of loaded models.

`recall` selects a trained answer, so sampling parameters (temperature, top_p, seed) are accepted
without effect; parameters that it cannot support are rejected.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from merlin.core.encoder import digest_encoder
from merlin.core.i18n import detect_language, text
from merlin.core.messages import Message
from merlin.engine import training_file
from merlin.engine.serving import base
from merlin.engine.serving.base import (
    Adapter,
    Finish,
    GenerationRequest,
    RelayedRequest,
)
from merlin.engine.trainers.base import Untrainable
from merlin.engine.trainers.recall import RecallAnswer
from merlin.openai_protocol.errors import Json, context_length_error

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.model import RecallModel

# Models that stay loaded; one takes about three times the size of its file.
CAPACITY = 16
_PIECES = re.compile(r"\s*(?:\S+\s*){1,3}")


class RecallBackend:
    """The Backend of `recall`; models run in a thread for a few milliseconds."""

    context = 8192

    def __init__(self, language: str) -> None:
        self._language = language
        self.load = lru_cache(CAPACITY)(_load)

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield chunks of three words; see Backend."""
        prompt_tokens = training_file.count_messages(request.messages)
        if prompt_tokens > self.context:
            raise context_length_error(prompt_tokens, self.context)
        for part in self.speak(await self.answer(adapter, request.messages), request):
            yield part

    def speak(
        self, answer: RecallAnswer, request: GenerationRequest
    ) -> Iterator[str | Finish]:
        """Yield the chunks of an answer, and its Finish."""
        message = answer.text if answer.known else self._refuse(answer, request)
        content, reason = _cut(message, request)
        yield from _PIECES.findall(content) or [content]
        prompt_tokens = training_file.count_messages(request.messages)
        tokens = training_file.count_tokens(content)
        extension: dict[str, object] = {
            "known": answer.known,
            "confidence": answer.confidence,
        }
        if answer.nearest:
            extension["nearest"] = list(answer.nearest)
        if answer.if_meant:
            extension["if_meant"] = True
        yield Finish(reason, prompt_tokens, tokens, extension)

    def _refuse(self, answer: RecallAnswer, request: GenerationRequest) -> str:
        """Return the refusal; under it the answer that may be meant, by its question's name."""
        language = self._find_language(request)
        key = "engine-follow-up" if answer.is_follow_up else "engine-unknown"
        if not answer.if_meant:
            return text(language, key)
        meant = text(language, "engine-if-meant", question=answer.nearest[0])
        return f"{text(language, 'engine-not-taught')}\n\n{meant}\n\n{answer.if_meant}"

    def relay(
        self, _adapter: Adapter | None, request: RelayedRequest
    ) -> AsyncGenerator[Json, None]:
        """Refuse the request; see Backend.relay."""
        raise request.refusal

    def figures(self) -> Mapping[str, float]:
        """Return the number of loaded models."""
        return {"adapters": self.load.cache_info().currsize}

    async def close(self) -> None:
        """Clear the model cache."""
        self.load.cache_clear()

    async def answer(
        self, adapter: Adapter | None, messages: Sequence[Message]
    ) -> RecallAnswer:
        """Return a model's answer; the untrained base always answers "unknown".

        Raises Untrainable if the model was trained with another encoder.
        """
        if adapter is None:
            return RecallAnswer("", 0.0, known=False)
        model = await run_in_threadpool(self.load, adapter)
        if model.space.encoder not in (
            "",
            digest_encoder(),
        ):  # "": trained on words alone
            raise Untrainable("base_changed", "engine-encoder-changed", "model")
        return await run_in_threadpool(model.answer, messages)

    def _find_language(self, request: GenerationRequest) -> str:
        """Return the language of the newest question that tells one, else the requested one."""
        asked = (
            each.content for each in reversed(request.messages) if each.role == "user"
        )
        told = next(filter(None, map(detect_language, asked)), "")
        return told or request.language or self._language


def _load(adapter: Adapter) -> RecallModel:
    """Return a model. Raises ApiError 400 if it cannot be read."""
    from merlin.engine.trainers.recall.model import load_model  # noqa: PLC0415 - numpy

    try:
        return load_model(adapter.path)
    except Exception as error:
        raise base.damaged_model_error(f"its files cannot be read: {error}") from error


def _cut(content: str, request: GenerationRequest) -> tuple[str, str]:
    for stop in request.stops:
        content = content.split(stop, 1)[0]
    if (
        request.most_tokens
        and training_file.count_tokens(content) > request.most_tokens
    ):
        return training_file.truncate(content, request.most_tokens), "length"
    return content, "stop"
