"""Compare eight concurrent answers of four adapters with sequential plain transformers.

SmolLM2, greedy, 64 tokens per answer. Each side loads its base before the measurement.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.engine_adapters import make_adapters
from bench.engine_asking import SYSTEM, ask, run_backend
from bench.engine_rig import DEVICE, DTYPE, build_english, unpack_smollm
from bench.smollm import BASE
from merlin.engine.serving.base import Adapter

ROUNDS, STREAMS, ADAPTERS, TOKENS, WARM = 3, 8, 4, 64, 4


def run(_: Sequence[str] = ()) -> None:
    """Print the tokens per second of both sides for each round, and the median of the ratios."""
    base = Path(str(unpack_smollm()[BASE]["path"]))
    with tempfile.TemporaryDirectory() as temporary:
        adapters = make_adapters(base, Path(temporary) / "adapters", ADAPTERS)
        questions = _questions(Path(temporary))
        ratios = []
        print("ours, tokens/s | sequential transformers, tokens/s | ratio")
        for _round in range(ROUNDS):
            ours = asyncio.run(_measure_ours(base, adapters, questions, Path(temporary) / "log"))
            plain = _measure_plain(base, adapters, questions)
            ratios.append(ours / plain)
            print(f"{ours:.1f} | {plain:.1f} | {ours / plain:.2f}", flush=True)
    print(f"median: {statistics.median(ratios):.2f}")


def _questions(temporary: Path) -> list[str]:
    train, _test = build_english(temporary)
    lines = train.read_text(encoding="utf-8").splitlines()[:STREAMS]
    return [json.loads(line)["messages"][-2]["content"] for line in lines]


async def _measure_ours(
    base: Path, adapters: Sequence[Adapter], questions: Sequence[str], log: Path
) -> float:
    async with run_backend(base, log) as backend:

        async def all_at_once(max_tokens: int) -> int:
            requests = [
                ask(backend, adapters[number % ADAPTERS], question, max_tokens)
                for number, question in enumerate(questions)
            ]
            return sum(answer.tokens for answer in await asyncio.gather(*requests))

        await all_at_once(WARM)
        started_at = time.perf_counter()
        tokens = await all_at_once(TOKENS)
        return tokens / (time.perf_counter() - started_at)


def _measure_plain(base: Path, adapters: Sequence[Adapter], questions: Sequence[str]) -> float:
    settings = {
        "base": str(base),
        "device": DEVICE,
        "dtype": DTYPE,
        "adapters": [str(adapter.path) for adapter in adapters],
        "questions": questions,
    }
    command = [sys.executable, "-m", "bench.engine_generate", json.dumps(settings)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(process.stdout.splitlines()[-1])


def measure_plain(settings: dict[str, object]) -> float:
    """Return the tokens per second of plain transformers and PEFT, one answer after another."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(settings["base"])
    dtype = getattr(torch, str(settings["dtype"]))
    loaded = AutoModelForCausalLM.from_pretrained(settings["base"], dtype=dtype)
    paths: list[str] = settings["adapters"]  # type: ignore[assignment]
    questions: list[str] = settings["questions"]  # type: ignore[assignment]
    model = PeftModel.from_pretrained(loaded.to(settings["device"]), paths[0], adapter_name="0")
    for number, path in enumerate(paths[1:], 1):
        model.load_adapter(path, adapter_name=str(number))

    def generate(number: int, max_tokens: int) -> int:
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": questions[number]},
        ]
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(settings["device"])
        model.set_adapter(str(number % ADAPTERS))
        with torch.inference_mode():
            output = model.generate(**prompt, max_new_tokens=max_tokens, do_sample=False)
        return int(output.shape[1] - prompt["input_ids"].shape[1])

    for number in range(len(questions)):
        generate(number, WARM)
    started_at = time.perf_counter()
    tokens = sum(generate(number, TOKENS) for number in range(len(questions)))
    return tokens / (time.perf_counter() - started_at)


if __name__ == "__main__":
    print(measure_plain(json.loads(sys.argv[1])))
