"""Exact first: a taught answer word for word where `recall` is sure.

Any other question is declined with similar taught ones; or, where the dataset chose it, answered by
the language model if that adds nothing to a similar taught answer. For adapters whose job trained
`recall` beside them (`trainers.exact_first`); any other is asked as it is.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeGuard

from starlette.concurrency import run_in_threadpool

from merlin.core.facts import adds_to, list_changed, list_content, split_sentences
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

# The least share of each sentence's content words that stand in the taught answer or its question.
# Measured by `bench judge` on answers of the sample and blind sets: of 1,160 with a changed or
# added fact none is held, of 1,284 honest rewordings 1,279. chrF tells nothing: a shortened answer
# has 10, another one up to 47.
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
                        recall, text, answer.nearest[:MAX_NEAR]
                    ):
                        signs = {"composed": True, "composed_from": near[:1]}
                        signs["nearest"] = list(answer.nearest)
                        yield text
                        yield replace(part, extension={**part.extension, **signs})
                        return
        for part in self._recall.speak(answer, request):
            yield part

    async def _find_near(
        self, recall: Adapter, text: str, questions: Sequence[str]
    ) -> list[str]:
        """Return those of the questions to a taught answer of which a written one adds nothing."""
        model = await run_in_threadpool(self._recall.load, recall)
        return [
            question
            for question in questions
            for wordings, answer in zip(model.asked, model.answers, strict=True)
            if question in wordings and is_held(text, question, answer)
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


def is_held(text: str, question: str, taught: str) -> bool:
    """Return whether a written answer says no more and nothing else than a taught one.

    It may be shorter, in other words, and take up the taught question.
    """
    known = f"{question}\n{taught}"
    words = set(list_content(known))
    said = [set(list_content(sentence)) for sentence in split_sentences(text)]
    is_near = any(said) and all(
        len(each & words) >= MIN_SHARE * len(each) for each in said
    )
    is_turned = {"negation", "opposite", "doubt"} & set(list_changed(text, taught))
    return is_near and not is_turned and not adds_to(text, known)
