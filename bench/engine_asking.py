"""Our own backend, asked directly: what answering costs without HTTP and without the engine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.engine_rig import DEVICE
from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter, Finish, GenerationRequest
from merlin.engine.serving.transformers import TransformersBackend
from merlin.sandbox.demo.place import BASE

SYSTEM = "Answer in one sentence."


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: seconds to its first piece, and how many tokens it has."""

    first_s: float
    tokens: int


@asynccontextmanager
async def answering(base: Path, log: Path) -> AsyncIterator[TransformersBackend]:
    """Yield a backend for a base; its process ends with it."""
    settings = EngineAnsweringConfig(device=DEVICE, idle_s=0)
    model = EngineModelConfig(path=str(base))
    backend = TransformersBackend(BASE, model, base, settings, log)
    try:
        yield backend
    finally:
        await backend.close()


async def ask(
    backend: TransformersBackend, adapter: Adapter, question: str, most_tokens: int
) -> Answered:
    """Ask greedily, and read to the end."""
    said = (Message("system", SYSTEM), Message("user", question))
    started_at, first = time.perf_counter(), 0.0
    tokens = 0
    async for each in backend.ask(adapter, GenerationRequest(said, most_tokens, temperature=0.0)):
        first = first or time.perf_counter() - started_at
        if isinstance(each, Finish):
            tokens = each.completion_tokens
    return Answered(first, tokens)
