"""Exact first: a taught answer word for word where `recall` is sure.

Any other question is declined with similar taught ones; or, where the dataset chose it, answered by
the language model if that adds nothing to a similar taught answer. For adapters whose job trained
`recall` beside them (`trainers.exact_first`); any other is asked as it is.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import chain
from typing import TypeGuard

from starlette.concurrency import run_in_threadpool

from merlin.core.facts import read_tokens
from merlin.core.wordings import adds_nothing, list_new
from merlin.engine.serving.base import (
    Adapter,
    Backend,
    Finish,
    GenerationRequest,
    RelayedRequest,
)
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.exact_first import MODEL, RECALL_FILE, read_choice
from merlin.openai_protocol.errors import Json

# The least share of each sentence's words that stand in the taught answer or its question (`bench
# judge`). chrF tells nothing: a shortened answer has 10, another one up to 47.
MIN_SHARE = 0.7
# With that many taught answers is a written one compared.
MAX_NEAR = 4


class ExactFirstBackend:
    """The Backend of a language model, with `recall` before it."""

    def __init__(self, recall: RecallBackend, model: Backend) -> None:
        self._recall = recall
        self._model = model

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield a taught answer or a refusal, `known` in its extension; see Backend.

        The language model's own answers have `composed` and `composed_from` instead, a taught
        question.
        """
        if not _has_recall(adapter):
            parts = self._model.ask(adapter, request)
        else:
            parts = self._ask_recall(adapter, request)
        async with aclosing(parts):
            async for part in parts:
                yield part

    async def _ask_recall(
        self, adapter: Adapter, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        recall = Adapter(adapter.digest, adapter.path / RECALL_FILE)
        answer = await self._recall.answer(recall, request.messages)
        if not answer.known and answer.nearest and read_choice(adapter.path) == MODEL:
            text = ""
            async with aclosing(self._model.ask(adapter, request)) as parts:
                async for part in parts:
                    if isinstance(part, str):
                        text += part
                        yield ""  # the caller would take half a minute of silence for an end
                    elif near := await self._find_near(
                        recall,
                        text,
                        request.messages[-1].content,
                        answer.nearest[:MAX_NEAR],
                    ):
                        signs = {"composed": True, "composed_from": near[:1]}
                        signs["nearest"] = list(answer.nearest)
                        yield text
                        yield replace(part, extension={**part.extension, **signs})
                        return
        for part in self._recall.speak(answer, request):
            yield part

    async def _find_near(
        self, recall: Adapter, text: str, asked: str, questions: Sequence[str]
    ) -> list[str]:
        """Return those of the questions to a taught answer of which a written one adds nothing."""
        model = await run_in_threadpool(self._recall.load, recall)
        near = [
            (question, answer)
            for question in questions
            for wordings, answer in zip(model.asked, model.answers, strict=True)
            if question in wordings
        ]
        if asks_for_another_thing(asked, [*chain.from_iterable(near)]):
            return []
        return [
            question
            for question, answer in near
            if adds_nothing(text, question, answer, least=MIN_SHARE)
        ]

    def relay(
        self, adapter: Adapter | None, request: RelayedRequest
    ) -> AsyncGenerator[Json, None]:
        """Pass on what no taught answer can be; refuse what asks past the taught answers."""
        if _has_recall(adapter) and not request.is_formed:
            raise request.refusal
        return self._model.relay(adapter, request)

    def figures(self) -> Mapping[str, float]:
        """Return the language model's figures."""
        return self._model.figures()

    async def close(self) -> None:
        """Close both."""
        await self._recall.close()
        await self._model.close()


def _has_recall(adapter: Adapter | None) -> TypeGuard[Adapter]:
    return adapter is not None and (adapter.path / RECALL_FILE).is_file()


def asks_for_another_thing(asked: str, near: Sequence[str]) -> bool:
    """Return whether a question has a word that no near question or answer has.

    Whatever is answered then, «yes» with a taught answer's words, would be an invention.
    """
    known = [*chain.from_iterable(chain.from_iterable(map(read_tokens, near)))]
    said = [*chain.from_iterable(read_tokens(asked))]
    return bool(list_new(said, known))
