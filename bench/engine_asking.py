"""Ask our transformers backend directly, without HTTP and without the engine."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.engine_rig import DEVICE, DTYPE
from bench.smollm import BASE
from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter, Backend, Finish, GenerationRequest
from merlin.engine.serving.transformers import TransformersBackend

SYSTEM = "Answer in one sentence."


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """One answer: seconds to its first piece, and its number of tokens."""

    first_s: float
    tokens: int


@asynccontextmanager
async def run_backend(base: Path, log: Path) -> AsyncIterator[TransformersBackend]:
    """Yield a backend for a base model and stop it afterwards."""
    settings = EngineAnsweringConfig(device=DEVICE)
    model = EngineModelConfig(path=str(base), dtype=DTYPE)  # type: ignore[arg-type]
    backend = TransformersBackend(BASE, model, base, settings, log)
    try:
        yield backend
    finally:
        await backend.close()


async def ask(backend: Backend, adapter: Adapter, question: str, max_tokens: int) -> TimedAnswer:
    """Ask with greedy decoding and read the complete answer."""
    messages = (Message("system", SYSTEM), Message("user", question))
    started_at, first_piece_s = time.perf_counter(), 0.0
    tokens = 0
    async for event in backend.ask(
        adapter, GenerationRequest(messages, max_tokens, temperature=0.0)
    ):
        first_piece_s = first_piece_s or time.perf_counter() - started_at
        if isinstance(event, Finish):
            tokens = event.completion_tokens
    return TimedAnswer(first_piece_s, tokens)
