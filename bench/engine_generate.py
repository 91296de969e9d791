"""Eight answers at once from four adapters, against plain transformers one after another.

SmolLM2, greedy, 64 tokens an answer. Each side loads its base before its clock starts.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.engine_adapters import adapters
from bench.engine_asking import SYSTEM, answering, ask
from bench.engine_rig import DEVICE, english, smollm
from merlin.engine.serving.base import Adapter
from merlin.sandbox.demo.place import BASE

ROUNDS, STREAMS, ADAPTERS, TOKENS, WARM = 3, 8, 4, 64, 4


def run(_: Sequence[str] = ()) -> None:
    """Print tokens a second of both sides, a row a round, and the median of the ratios."""
    base = Path(str(smollm()[BASE]["path"]))
    with tempfile.TemporaryDirectory() as place:
        made = adapters(base, Path(place) / "adapters", ADAPTERS)
        questions = _questions(Path(place))
        ratios = []
        print("ours, tokens/s | transformers one after another, tokens/s | ratio")
        for _round in range(ROUNDS):
            ours = asyncio.run(_ours(base, made, questions, Path(place) / "log"))
            plain = _plain(base, made, questions)
            ratios.append(ours / plain)
            print(f"{ours:.1f} | {plain:.1f} | {ours / plain:.2f}", flush=True)
    print(f"median: {statistics.median(ratios):.2f}")


def _questions(place: Path) -> list[str]:
    train, _test = english(place)
    lines = train.read_text(encoding="utf-8").splitlines()[:STREAMS]
    return [json.loads(line)["messages"][-2]["content"] for line in lines]


async def _ours(base: Path, made: Sequence[Adapter], questions: Sequence[str], log: Path) -> float:
    async with answering(base, log) as backend:

        async def all_at_once(most: int) -> int:
            asked = [
                ask(backend, made[number % ADAPTERS], question, most)
                for number, question in enumerate(questions)
            ]
            return sum(each.tokens for each in await asyncio.gather(*asked))

        await all_at_once(WARM)
        started_at = time.perf_counter()
        tokens = await all_at_once(TOKENS)
        return tokens / (time.perf_counter() - started_at)


def _plain(base: Path, made: Sequence[Adapter], questions: Sequence[str]) -> float:
    order = {
        "base": str(base),
        "device": DEVICE,
        "adapters": [str(each.path) for each in made],
        "questions": questions,
    }
    command = [sys.executable, "-m", "bench.engine_generate", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def plain(order: dict[str, object]) -> float:
    """Return tokens a second of plain transformers and peft: one answer after another."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(order["base"])
    loaded = AutoModelForCausalLM.from_pretrained(order["base"], dtype=torch.float32)
    paths: list[str] = order["adapters"]  # type: ignore[assignment]
    questions: list[str] = order["questions"]  # type: ignore[assignment]
    model = PeftModel.from_pretrained(loaded.to(order["device"]), paths[0], adapter_name="0")
    for number, path in enumerate(paths[1:], 1):
        model.load_adapter(path, adapter_name=str(number))

    def one(number: int, most: int) -> int:
        said = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": questions[number]},
        ]
        asked = tokenizer.apply_chat_template(
            said, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(order["device"])
        model.set_adapter(str(number % ADAPTERS))
        with torch.inference_mode():
            made = model.generate(**asked, max_new_tokens=most, do_sample=False)
        return int(made.shape[1] - asked["input_ids"].shape[1])

    for number in range(len(questions)):
        one(number, WARM)
    started_at = time.perf_counter()
    tokens = sum(one(number, TOKENS) for number in range(len(questions)))
    return tokens / (time.perf_counter() - started_at)


if __name__ == "__main__":
    print(plain(json.loads(sys.argv[1])))
