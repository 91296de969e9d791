"""Training speed and memory: our child against a plain TRL script, on the same base and file.

SmolLM2 and the shipped English set, LoRA of rank 16 on every linear layer, batches of 4, the same
learning rate, loss on the answers alone. Each run is a process of its own; the sides alternate.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.engine_rig import DEVICE, english, smollm
from merlin.sandbox.demo.place import BASE

ROUNDS, EPOCHS = 3, 2
SIDES = ("ours", "trl")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What both sides train, and where they may write."""

    base: str
    train: str
    place: str
    device: str = DEVICE
    epochs: int = EPOCHS
    batch: int = 4
    rank: int = 16
    rate: float = 1e-3
    seed: int = 42


def run(_: Sequence[str] = ()) -> None:
    """Print a row a run, then the medians of the ratios."""
    with tempfile.TemporaryDirectory() as place:
        train, _test = english(Path(place))
        base = str(smollm()[BASE]["path"])
        print("side | tokens/s | peak MiB | loss of the last epoch")
        rounds = [_round(base, train, Path(place) / str(number)) for number in range(ROUNDS)]
    for what, unit in (("tokens_s", "tokens/s"), ("peak_mib", "peak memory")):
        ratios = [each["ours"][what] / each["trl"][what] for each in rounds]
        told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{unit}, ours to TRL: {statistics.median(ratios):.2f} (of {told})")


def _round(base: str, train: Path, place: Path) -> Mapping[str, Mapping[str, float]]:
    return {side: _side(side, base, train, place / side) for side in SIDES}


def _side(side: str, base: str, train: Path, place: Path) -> Mapping[str, float]:
    place.mkdir(parents=True)
    lesson = Lesson(base, str(train), str(place))
    done = subprocess.run(
        [sys.executable, "-m", f"bench.engine_train_{side}", json.dumps(asdict(lesson))],
        stdout=subprocess.PIPE,
        stderr=(place / "log").open("wb"),
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit((place / "log").read_text(errors="replace")[-2000:])
    values: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{side} | {values['tokens_s']:.0f} | {values['peak_mib']:.0f} | {values['loss']:.3f}",
        flush=True,
    )
    return values


def tokens_in(lesson: Lesson) -> int:
    """Return how many tokens of the base's own all examples have together, in the chat template."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(lesson.base)
    lines = Path(lesson.train).read_text(encoding="utf-8").splitlines()
    return sum(
        len(
            tokenizer.apply_chat_template(json.loads(line)["messages"], return_dict=True)[
                "input_ids"
            ]
        )
        for line in lines
    )


def told(lesson: Lesson, marks: Sequence[tuple[int, float]], peak_kib: int, loss: float) -> str:
    """Return a side's line; `marks` are steps with the time when they were done.

    The first step, which warms up, is not counted.
    """
    (first, started_at), (last, ended) = marks[0], marks[-1]
    share = (last - first) / last
    speed = lesson.epochs * tokens_in(lesson) * share / (ended - started_at)
    return json.dumps({"tokens_s": speed, "peak_mib": peak_kib / 1024, "loss": loss})
