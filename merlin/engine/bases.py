"""Registry of base models: their trainers and serving backends.

`recall` is always available and listed first. The rest of the engine depends only on `Base`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from merlin.config.engine import RECALL, EngineSettings
from merlin.engine.model_store import require_base_folder
from merlin.engine.serving.base import (
    Adapter,
    Backend,
    Finish,
    GenerationRequest,
    RelayedRequest,
)
from merlin.engine.serving.exact_first import ExactFirstBackend
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.serving.transformers import TransformersBackend
from merlin.engine.serving.vllm import VllmBackend
from merlin.engine.trainers.base import BaseFiles, Trainer
from merlin.engine.trainers.exact_first import ExactFirstTrainer
from merlin.engine.trainers.lora.trainer import LoraTrainer
from merlin.engine.trainers.recall import RecallTrainer
from merlin.openai_protocol.errors import ApiError, Json

if TYPE_CHECKING:
    from merlin.engine.storage import Models

# The first release of `recall`, 2026-11-20, in seconds since 1970.
RECALL_CREATED = 1_795_132_800


@dataclass(frozen=True, slots=True)
class Base:
    """One base model.

    `files` returns its location, None if it has no files; it raises Untrainable if they are
    missing. `backend` creates the serving backend. `context` is the window in tokens.
    """

    name: str
    trainer: Trainer
    backend: Callable[[], Backend]
    context: int
    files: Callable[[], BaseFiles | None] = lambda: None
    is_heavy: bool = False


Bases = Mapping[str, Base]


def build_bases(settings: EngineSettings) -> Bases:
    """Return all bases of an engine, `recall` first."""
    backend = partial(RecallBackend, settings.language)
    recall = Base(RECALL, RecallTrainer(), backend, RecallBackend.context)
    models = [_build_base(settings, name) for name in settings.models]
    return {base.name: base for base in (recall, *models)}


def _build_base(settings: EngineSettings, name: str) -> Base:
    """Return a configured base, a language model."""
    model = settings.models[name]

    def files() -> BaseFiles:
        folder = require_base_folder(name, model, settings.folder)
        longest = model.training_example or 0
        return BaseFiles(folder, model.dtype, model.quantised, longest, model.source)

    return Base(
        name=name,
        trainer=ExactFirstTrainer(LoraTrainer()),
        backend=lambda: ExactFirstBackend(
            RecallBackend(settings.language), _build_backend(settings, name, files)
        ),
        context=model.context or 0,
        files=files,
        is_heavy=True,
    )


def _build_backend(
    settings: EngineSettings, name: str, files: Callable[[], BaseFiles]
) -> Backend:
    log = settings.folder / "logs" / f"answering-{name}.log"
    arguments = name, settings.models[name], files().folder, settings.answering, log
    if settings.serving == "vllm":
        return VllmBackend(*arguments)
    return TransformersBackend(*arguments)


class BackendRegistry:
    """The backends of one engine, each created on the first request to its base."""

    def __init__(self, bases: Bases, models: Models) -> None:
        self._bases = bases
        self._models = models
        self._backends: dict[str, Backend] = {}

    async def ask(
        self, name: str, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Send a request to a base, a tuned model or a checkpoint; see Backend.ask.

        Raises ApiError 404 if the model does not exist.
        """
        base, adapter = await run_in_threadpool(self._find, name)
        async with aclosing(self.get_backend(base).ask(adapter, request)) as pieces:
            async for piece in pieces:
                yield piece

    async def relay(self, request: RelayedRequest) -> AsyncGenerator[Json, None]:
        """Pass a request on to the server behind its model; see Backend.relay, and `ask`."""
        base, adapter = await run_in_threadpool(self._find, request.model)
        async with aclosing(self.get_backend(base).relay(adapter, request)) as parts:
            async for part in parts:
                yield part

    def get_backend(self, base: str) -> Backend:
        """Return the backend of a base.

        Raises ApiError 404 if it is no longer configured, Untrainable if its files are missing.
        """
        if base not in self._bases:
            raise ApiError(
                404, f"The base `{base}` is no longer in engine.models of the config."
            )
        if base not in self._backends:
            self._backends[base] = self._bases[base].backend()
        return self._backends[base]

    def figures(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Yield the figures of every base that has a backend."""
        # A copy: threads read the figures while the event loop adds a backend.
        for base, backend in [*self._backends.items()]:
            yield base, backend.figures()

    async def close(self) -> None:
        """Close every backend."""
        for backend in self._backends.values():
            await backend.close()

    def _find(self, name: str) -> tuple[str, Adapter | None]:
        if name in self._bases:
            return name, None
        row = self._models.get(name)
        return row["base"], Adapter(row["digest"], self._models.path(row))
