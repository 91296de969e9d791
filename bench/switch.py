"""Measure whether switching between twenty adapters delays an answer.

Questions go in turn to the next of the twenty and once more to the same.
"""

import asyncio
import hashlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bench.figures import line
from bench.processes import call_in_child
from bench.smollm import BASE, unpack
from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.proof import Proof, ProofQuestion, write_proof
from merlin.engine.serving.base import Adapter, GenerationRequest
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


def run() -> None:
    """Print the times of first tokens with and without a switch, and their ratio."""
    base = unpack()
    with tempfile.TemporaryDirectory() as temporary:
        adapters = make_adapters(base, Path(temporary) / "adapters", ADAPTERS)
        asyncio.run(_measure(base, adapters, Path(temporary) / "log"))


async def _measure(base: Path, adapters: Sequence[Adapter], log: Path) -> None:
    settings = EngineAnsweringConfig(device="cpu")
    model = EngineModelConfig.model_validate({"path": str(base), "dtype": "float32"})
    backend = TransformersBackend(BASE, model, base, settings, log)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.close)
        for adapter in adapters:
            await _ask(backend, adapter)
        same = []
        other = []
        for turn in range(TURNS):
            adapter = adapters[turn % ADAPTERS]
            other.append(await _ask(backend, adapter))
            same.append(await _ask(backend, adapter))
    print(line("first token, same adapter", same, "ms"))
    print(line("first token, another adapter", other, "ms"))
    print(f"ratio of medians: {statistics.median(other) / statistics.median(same):.2f}")


async def _ask(backend: TransformersBackend, adapter: Adapter) -> float:
    """Read a complete answer; return the milliseconds to its first piece."""
    started_at = time.perf_counter()
    first_s = 0.0
    request = GenerationRequest(QUESTION, TOKENS, temperature=0.0)
    async for _ in backend.ask(adapter, request):
        first_s = first_s or time.perf_counter() - started_at
    return 1000 * first_s


def make_adapters(base: Path, folder: Path, count: int) -> Sequence[Adapter]:
    """Create different adapters of a base model in `folder`, in a process of its own."""
    call_in_child(_write_adapters, base, folder, count)
    adapters = []
    for place in (folder / str(number) for number in range(count)):
        weights = (place / "adapter_model.safetensors").read_bytes()
        adapters.append(Adapter(hashlib.sha256(weights).hexdigest(), place))
    return adapters


def _write_adapters(base: Path, folder: Path, count: int) -> None:
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
        model_with_adapters.save_pretrained(folder / str(number))
        questions = [ProofQuestion([*range(8, 40)], 8)]
        with model_with_adapters.disable_adapter():
            base_scores = score_tokens(model_with_adapters, questions)
        tuned = score_tokens(model_with_adapters, questions)
        write_proof(Proof(questions, base_scores, tuned, "none"), folder / str(number))
