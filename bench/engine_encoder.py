"""Compare `embed` on a real encoder with `recall`, on the sample English datasets.

The variable BENCH_ENCODER names the folder of an encoder (safetensors, or ONNX with `model.onnx`).
The questions are those of the test examples, whose wordings are never trained, and everyday
questions, which should be refused.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.engine_rig import EngineProcess, build_files, run_engine

ENCODER = "encoder"
DATASETS = (("datasets-lora", "english"), ("datasets-en", "algorithms"))
EVERYDAY = (
    *("What's the weather tomorrow?", "Recommend a good film", "How do I bake bread?"),
    *("Who won the match yesterday?", "Translate this into French", "What time is it?"),
    *("Tell me a joke", "Where can I buy shoes?", "How do I renew a passport?"),
    *("What is the capital of Peru?", "My phone does not charge", "How long do cats live?"),
    *("What is inflation?", "Which train goes to Berlin?", "How do I tie a tie?"),
)


def run(_: Sequence[str] = ()) -> None:
    """Print a row per dataset and base."""
    folder = os.environ.get("BENCH_ENCODER")
    if not folder:
        print("skipped: BENCH_ENCODER does not name the folder of an encoder")
        return
    backend = "onnx" if any(Path(folder).rglob("model.onnx")) else "transformers"
    models = {ENCODER: {"path": folder, "backend": backend, "embeddings": True}}
    with tempfile.TemporaryDirectory() as temporary, run_engine(models) as rig:
        print("| dataset | base | right | wrong | refused | everyday refused |")
        print("|---|---|---|---|---|---|")
        for source, name in DATASETS:
            train, test = build_files(Path(temporary) / name, source, name)
            file = rig.upload(train)
            for base in ("recall", ENCODER):
                model = rig.wait_for_model(rig.create_job(base, file, 42, {}))
                counts = _count_answers(rig, model, test)
                refused = sum(_ask(rig, model, [_user_message(text)]) is None for text in EVERYDAY)
                cells = (*(counts[key] for key in ("right", "wrong", "refused")), refused)
                print(f"| {name} | {base} | {' | '.join(map(str, cells))} |", flush=True)


def _count_answers(rig: EngineProcess, model: str, test: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line in test.read_text("utf-8").splitlines():
        *messages, expected = json.loads(line)["messages"]
        answer = _ask(rig, model, messages)
        is_right = answer == expected["content"]
        counts["refused" if answer is None else "right" if is_right else "wrong"] += 1
    return counts


def _user_message(text: str) -> Mapping[str, str]:
    return {"role": "user", "content": text}


def _ask(rig: EngineProcess, model: str, messages: Sequence[Mapping[str, str]]) -> str | None:
    """Return the answer to a conversation's last question, or None if the model does not know."""
    untyped_messages: Any = messages
    reply = rig.client.chat.completions.create(model=model, messages=untyped_messages)
    is_known = (reply.model_extra or {})["merlin"]["known"]
    return reply.choices[0].message.content if is_known else None
