"""Measure whether switching between twenty adapters delays an answer under load.

Four answers are generated all the time. Besides, questions go in turn to the adapter of the
previous question and to the next of the twenty. The base is loaded once, each adapter read once.
"""

import asyncio
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bench.engine_rig import DEVICE, DTYPE, unpack_smollm
from bench.figures import line
from bench.smollm import BASE
from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.proof import Proof, ProofQuestion, write_proof
from merlin.engine.serving.base import Adapter, Backend, GenerationRequest
from merlin.engine.serving.transformers import TransformersBackend

ADAPTERS = 20
TURNS = 40
TOKENS = 4
RANK = 16
SPREAD = 0.002
QUESTION = (
    Message("system", "Answer in one sentence."),
    Message("user", "What is a stack?"),
)


def run(_: Sequence[str] = ()) -> None:
    """Print the times of first tokens with and without a switch, their ratio, and the loads."""
    base = Path(str(unpack_smollm()[BASE]["path"]))
    with tempfile.TemporaryDirectory() as temporary:
        adapters = make_adapters(base, Path(temporary) / "adapters", ADAPTERS)
        asyncio.run(_measure(base, adapters, Path(temporary) / "log"))


async def _measure(base: Path, adapters: Sequence[Adapter], log: Path) -> None:
    async with run_backend(base, log) as backend:
        for adapter in adapters:
            await ask(backend, adapter)
        workers = psutil.Process().children()
        same, other = await _measure_turns(backend, adapters)
        figures = backend.figures()
        is_same_process = workers == psutil.Process().children()
    print(line("first token, same adapter", [1000 * value for value in same], "ms"))
    print(line("first token, another adapter", [1000 * value for value in other], "ms"))
    print(f"ratio of medians: {statistics.median(other) / statistics.median(same):.2f}")
    loads = 1 + int(figures["restarts"]) if is_same_process else "more than one"
    print(
        f"base loads: {loads}; adapters in memory: {figures['adapters']:.0f} of {ADAPTERS}"
    )


async def _measure_turns(
    backend: TransformersBackend, adapters: Sequence[Adapter]
) -> tuple[list[float], list[float]]:
    same = list[float]()
    other = list[float]()
    for turn in range(TURNS):
        adapter = adapters[turn % ADAPTERS]
        other.append(await ask(backend, adapter))
        same.append(await ask(backend, adapter))
    return same, other


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


async def ask(backend: Backend, adapter: Adapter) -> float:
    """Read a complete answer; return the seconds to its first piece."""
    started_at = time.perf_counter()
    first_s = 0.0
    async for _ in backend.ask(
        adapter, GenerationRequest(QUESTION, TOKENS, temperature=0.0)
    ):
        first_s = first_s or time.perf_counter() - started_at
    return first_s


def make_adapters(base: Path, folder: Path, count: int) -> Sequence[Adapter]:
    """Create different adapters of a base model in `folder`, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "bench.engine_switch",
        str(base),
        str(folder),
        str(count),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    folders = [folder / str(number) for number in range(count)]
    return [
        Adapter(
            hashlib.sha256(
                (folder / "adapter_model.safetensors").read_bytes()
            ).hexdigest(),
            folder,
        )
        for folder in folders
    ]


def main(base: str, folder: str, count: int) -> None:
    """Write adapters with random weights, each from its own seed."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from merlin.engine.torch_loading import score_tokens

    model = AutoModelForCausalLM.from_pretrained(base)
    lora_config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model_with_adapters = get_peft_model(model, lora_config)
    for number in range(count):
        torch.manual_seed(number)
        for name, weights in model_with_adapters.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=SPREAD)
        model_with_adapters.save_pretrained(f"{folder}/{number}")
        questions = [ProofQuestion([*range(8, 40)], 8)]
        with model_with_adapters.disable_adapter():
            base_scores = score_tokens(model_with_adapters, questions)
        tuned = score_tokens(model_with_adapters, questions)
        write_proof(
            Proof(questions, base_scores, tuned, "none"), Path(folder, str(number))
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
