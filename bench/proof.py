"""Measure the proof that trained weights are applied: planted faults found, sound loads refused.

An adapter of the tests' tiny base is spoilt in each way, then asked through our own worker and
through the tests' stand-in of vLLM, which really serves the base. Sound are loads of two adapters,
also with a base in bfloat16 or rounded to 8 bits. `tests/real/test_vllm.py` asks a real vLLM.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter, Backend, GenerationRequest
from merlin.engine.serving.transformers import TransformersBackend
from merlin.engine.serving.vllm import VllmBackend
from merlin.engine.trainers.base import BaseFiles
from merlin.openai_protocol.errors import NOT_APPLIED, ApiError
from tests.engine import tiny_base, vllm_standin
from tests.engine.lora_tasks import build_task, run_training
from tests.engine.planted_adapters import OTHER_FACTS, plant

SOUND_LOADS = 100
QUESTION = GenerationRequest(
    [Message("user", tiny_base.make_question("Anna"))], most_tokens=1
)


SERVER_FAULTS = ("base", "stale", "name")


def train(folder: Path, facts: Mapping[str, int]) -> Path:
    """Train an adapter of these facts; return the folder of its epochs."""
    rows = tiny_base.write_examples(folder.with_suffix(".jsonl"), facts)
    base = BaseFiles(tiny_base.get_tiny_base())
    task = build_task(folder, rows, test=rows, base=base, **tiny_base.LEARNING)
    list(run_training(task))
    return folder / "epochs"


def spoil_base(folder: Path, change: Callable[[Any], Any]) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_base.get_tiny_base(), folder)
    weights = load_file(folder / "model.safetensors")
    changed = {
        name: change(value) if value.ndim > 1 else value
        for name, value in weights.items()
    }
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def round_to(bits: int) -> Callable[[Any], Any]:
    most = 2 ** (bits - 1) - 1
    return lambda value: (
        (value / (step := value.abs().amax(-1, keepdim=True) / most)).round() * step
    )


@asynccontextmanager
async def serve(
    kind: str, base: Path, *options: str, dtype: str = "float32"
) -> AsyncIterator[Backend]:
    model = EngineModelConfig.model_validate({"path": str(base), "dtype": dtype})
    log = base.parent / "log"
    backend: Backend
    if kind == "vllm":
        answering = EngineAnsweringConfig(vllm=("--weights", "yes", *options))
        backend = VllmBackend("tiny", model, base, answering, log)
        backend.patience_s = 600.0  # it imports torch
    else:
        backend = TransformersBackend("tiny", model, base, EngineAnsweringConfig(), log)
        TransformersBackend.max_adapters = 1  # each question loads its adapter
    try:
        yield backend
    finally:
        await backend.close()


async def is_refused(backend: Backend, path: Path, digest: str) -> bool:
    """Return whether the first question to an adapter is refused by its proof."""
    name = hashlib.sha256(digest.encode()).hexdigest()
    try:
        async for _ in backend.ask(Adapter(name, path), QUESTION):
            pass
    except ApiError as error:
        if error.code not in NOT_APPLIED:
            raise
        return True
    return False


async def measure(kind: str, folder: Path, epochs: Path, other: Path) -> None:
    """Print which faults a backend finds, and how many sound loads it refuses."""
    found: dict[str, bool] = {}
    sound = epochs / "40"
    tiny = tiny_base.get_tiny_base()
    bases = {
        "another base": tiny_base.get_random_base(),
        "another revision of the base": spoil_base(
            folder / "revision", lambda value: value * 1.3
        ),
        "a base rounded to 2 bits": spoil_base(folder / "bits2", round_to(2)),
    }
    async with serve(kind, tiny) as backend:
        for name, path in plant(folder, sound, other / "40", epochs / "10"):
            found[name] = await is_refused(backend, path, path.name)
    for name, base in bases.items():
        async with serve(kind, base) as backend:
            found[name] = await is_refused(backend, sound, "sound")
    for fault in SERVER_FAULTS if kind == "vllm" else ():
        async with serve(kind, tiny, "--fault", fault) as backend:
            await is_refused(backend, other / "40", "other")
            found[f"server: {fault}"] = await is_refused(backend, sound, "sound")
    print(f"{kind}: {sum(found.values())} of {len(found)} planted faults found")
    print(f"  not found: {[name for name, is_found in found.items() if not is_found]}")
    refused = 0
    for base in (tiny, spoil_base(folder / "bits8", round_to(8))):
        for dtype in ("float32", "bfloat16"):
            async with serve(kind, base, dtype=dtype) as backend:
                for number in range(SOUND_LOADS // 4):
                    path = (sound, other / "40")[number % 2]
                    refused += await is_refused(backend, path, f"{number:012}")
    print(f"{kind}: {refused} of {SOUND_LOADS} sound loads refused")


def run() -> None:
    """Print a row for each backend."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "bin").mkdir()
        vllm_standin.install(folder / "bin")
        os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        sound = train(folder / "sound", tiny_base.FACTS)
        other = train(folder / "other", OTHER_FACTS)
        for kind in ("worker", "vllm"):
            (folder / kind).mkdir()
            asyncio.run(measure(kind, folder / kind, sound, other))
