"""Asking a backend from tests: a loop a test, adapters as folders."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import aclosing

from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter, Finish, GenerationRequest


def adapter_in(folder, name):
    """Lay down an adapter's folder in PEFT's layout, with weights of no meaning."""
    path = folder / name
    path.mkdir()
    (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
    (path / "adapter_model.safetensors").write_bytes(name.encode())
    return Adapter(hashlib.sha256(name.encode()).hexdigest(), path)


def asking(question="What is a queue?", **options):
    return GenerationRequest([Message("user", question)], **options)


async def answer_of(backend, adapter=None, question="What is a queue?", **options):
    """Return the answer's text, all its pieces, and its ending."""
    async with aclosing(backend.ask(adapter, asking(question, **options))) as pieces:
        *said, ending = [piece async for piece in pieces]
    assert isinstance(ending, Finish)
    return "".join(piece.text for piece in said), said, ending


def in_loop(backend, work):
    """Run `await work(backend)` in a loop of its own, and close the backend in it."""

    async def run():
        try:
            return await work(backend)
        finally:
            await backend.close()

    return asyncio.run(run())


def ask(backend, *arguments, **options):
    """Ask once in a loop of its own."""
    return in_loop(backend, lambda there: answer_of(there, *arguments, **options))
