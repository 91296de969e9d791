"""Whether a question to another of twenty adapters, under load, waits longer for its answer.

Four streams are answered all the while. In turns, a question goes to the adapter of the question
before it, and to the next of the twenty. The base is loaded once, and each adapter read once.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.engine_adapters import adapters
from bench.engine_asking import answering, ask
from bench.engine_rig import smollm
from bench.figures import line
from merlin.engine.serving.base import Adapter
from merlin.engine.serving.transformers import TransformersBackend
from merlin.sandbox.demo.place import BASE

ADAPTERS, STREAMS, TURNS, TOKENS = 20, 4, 40, 4
QUESTION, LONG = "What is a stack?", 64


def run(_: Sequence[str] = ()) -> None:
    """Print first tokens with a switch and without, their ratio, and what was loaded."""
    base = Path(str(smollm()[BASE]["path"]))
    with tempfile.TemporaryDirectory() as place:
        made = adapters(base, Path(place) / "adapters", ADAPTERS)
        asyncio.run(_measured(base, made, Path(place) / "log"))


async def _measured(base: Path, made: Sequence[Adapter], log: Path) -> None:
    async with answering(base, log) as backend:
        for adapter in made:
            await ask(backend, adapter, QUESTION, TOKENS)
        pid = backend.pid
        load = [asyncio.ensure_future(_stream(backend, made[each])) for each in range(STREAMS)]
        same, other = await _turns(backend, made)
        for each in load:
            each.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        figures, is_one = backend.figures(), pid == backend.pid
    print(line("first token, same adapter", [1000 * each for each in same], "ms"))
    print(line("first token, another adapter", [1000 * each for each in other], "ms"))
    print(f"ratio of medians: {statistics.median(other) / statistics.median(same):.2f}")
    loads = 1 + int(figures["restarts"]) if is_one else "more than one"
    print(f"base loads: {loads}; adapters read: {figures['adapters_read']:.0f} of {ADAPTERS}")


async def _stream(backend: TransformersBackend, adapter: Adapter) -> None:
    while True:
        await ask(backend, adapter, QUESTION, LONG)


async def _turns(
    backend: TransformersBackend, made: Sequence[Adapter]
) -> tuple[list[float], list[float]]:
    same, other = list[float](), list[float]()
    for turn in range(TURNS):
        adapter = made[turn % ADAPTERS]
        other.append((await ask(backend, adapter, QUESTION, TOKENS)).first_s)
        same.append((await ask(backend, adapter, QUESTION, TOKENS)).first_s)
    return same, other
