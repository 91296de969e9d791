"""Exact first: a taught answer word for word where `recall` is sure, else the language model's.

For adapters whose job trained `recall` beside them (`trainers.exact_first`); any other is asked as
it is.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from merlin.engine.serving.base import Adapter, Backend, Finish, GenerationRequest
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.exact_first import RECALL_FILE


class ExactFirstBackend:
    """The Backend of a language model, with `recall` before it."""

    def __init__(self, recall: RecallBackend, model: Backend) -> None:
        self._recall, self._model = recall, model

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield a taught answer, `known` in its extension, or the language model's without it.

        The latter has the similar taught questions, `nearest`; see Backend.
        """
        nearest: Mapping[str, object] = {}
        path = adapter.path / RECALL_FILE if adapter else None
        # A taught answer is no JSON.
        if adapter and path and path.is_file() and not request.is_json:
            answer = await self._recall.answer(Adapter(adapter.digest, path), request.messages)
            if answer.known:
                for part in self._recall.speak(answer, request):
                    yield part
                return
            nearest = {"nearest": list(answer.nearest)} if answer.nearest else {}
        async with aclosing(self._model.ask(adapter, request)) as parts:
            async for part in parts:
                if isinstance(part, Finish):
                    yield replace(part, extension={**part.extension, **nearest})
                else:
                    yield part

    def figures(self) -> Mapping[str, float]:
        """Return the language model's figures."""
        return self._model.figures()

    async def close(self) -> None:
        """Close both."""
        await self._recall.close()
        await self._model.close()
