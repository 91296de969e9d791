"""Measure whether switching between twenty adapters delays an answer under load.

Four answers are generated all the time. Besides, questions go in turn to the adapter of the
previous question and to the next of the twenty. The base is loaded once, each adapter read once.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.engine_adapters import make_adapters
from bench.engine_asking import ask, run_backend
from bench.engine_rig import unpack_smollm
from bench.figures import line
from bench.smollm import BASE
from merlin.engine.serving.base import Adapter
from merlin.engine.serving.transformers import TransformersBackend

ADAPTERS, TURNS, TOKENS = 20, 40, 4
QUESTION = "What is a stack?"


def run(_: Sequence[str] = ()) -> None:
    """Print the times of first tokens with and without a switch, their ratio, and the loads."""
    base = Path(str(unpack_smollm()[BASE]["path"]))
    with tempfile.TemporaryDirectory() as temporary:
        adapters = make_adapters(base, Path(temporary) / "adapters", ADAPTERS)
        asyncio.run(_measure(base, adapters, Path(temporary) / "log"))


async def _measure(base: Path, adapters: Sequence[Adapter], log: Path) -> None:
    async with run_backend(base, log) as backend:
        for adapter in adapters:
            await ask(backend, adapter, QUESTION, TOKENS)
        workers = psutil.Process().children()
        same, other = await _measure_turns(backend, adapters)
        figures, is_same_process = backend.figures(), workers == psutil.Process().children()
    print(line("first token, same adapter", [1000 * value for value in same], "ms"))
    print(line("first token, another adapter", [1000 * value for value in other], "ms"))
    print(f"ratio of medians: {statistics.median(other) / statistics.median(same):.2f}")
    loads = 1 + int(figures["restarts"]) if is_same_process else "more than one"
    print(f"base loads: {loads}; adapters in memory: {figures['adapters']:.0f} of {ADAPTERS}")


async def _measure_turns(
    backend: TransformersBackend, adapters: Sequence[Adapter]
) -> tuple[list[float], list[float]]:
    same, other = list[float](), list[float]()
    for turn in range(TURNS):
        adapter = adapters[turn % ADAPTERS]
        other.append((await ask(backend, adapter, QUESTION, TOKENS)).first_s)
        same.append((await ask(backend, adapter, QUESTION, TOKENS)).first_s)
    return same, other
