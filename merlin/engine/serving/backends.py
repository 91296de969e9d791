"""A model's name in, the pieces of its answer out. It finds the base and the backend."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from merlin.engine.bases import Bases
from merlin.engine.models import Models
from merlin.engine.serving.base import Adapter, Backend, Chunk, Finish, GenerationRequest
from merlin.openai_protocol.errors import ApiError


class BackendRegistry:
    """Every backend of one engine, each made at the first question to its base."""

    def __init__(self, bases: Bases, models: Models) -> None:
        self._bases = bases
        self._models = models
        self._backends: dict[str, Backend] = {}

    async def ask(
        self, name: str, asking: GenerationRequest
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Let a base, a tuned model or a checkpoint answer; see Backend.ask.

        Raises ApiError 404 for a model that does not exist.
        """
        base, adapter = await run_in_threadpool(self._found, name)
        pieces = self.backend_of(base).ask(adapter, asking)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()

    def backend_of(self, base: str) -> Backend:
        """Return who answers for a base.

        Raises ApiError 404 where the config has it no more, Untrainable where its files are gone.
        """
        if base not in self._bases:
            raise ApiError(404, f"The base `{base}` is no longer in engine.models of the config.")
        if base not in self._backends:
            self._backends[base] = self._bases[base].backend()
        return self._backends[base]

    def figures(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Yield the figures of every base that was asked so far."""
        for base, backend in self._backends.items():
            yield base, backend.figures()

    async def close(self) -> None:
        """Let go of every backend."""
        for backend in self._backends.values():
            await backend.close()

    def _found(self, name: str) -> tuple[str, Adapter | None]:
        if name in self._bases:
            return name, None
        row = self._models.get(name)
        path: Path = self._models.path(row)
        return str(row["base"]), Adapter(str(row["digest"]), path)
