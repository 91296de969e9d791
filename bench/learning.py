"""Whether learning is steady, and whether it is real, on a CPU.

`python -m bench learning [--seeds 42,43,44] [--epochs 6]`; `--seeds none` ends after the rows of
`recall`: how much of a proof seven orders, or one harmless example more, change. Then SmolLM2 on
the shipped English set, by the real engine. A job and all questions go over HTTP, answers are
greedy. The base, asked in the same words, is what the tuned model is held against.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.engine_rig import Rig, Talk, engine, english, smollm
from bench.learning_judge import beyond_form, likenesses, mean
from bench.learning_steady import steady_rows
from merlin.sandbox.demo.place import BASE

SEEDS, EPOCHS, BATCH = "42,43,44", 6, 4
LOSS_SHARE, TAUGHT_GAIN = 0.5, 2.0
HEAD = (
    "seed | loss, first step → last epoch | taught, chrF: base → tuned | exact"
    " | unseen beyond form: base → tuned | gain (95 %) | minutes | verdict"
)


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked and what was taught, of the train part and of the paraphrases."""

    taught: Sequence[Talk]
    taught_answers: Sequence[str]
    unseen: Sequence[Talk]
    unseen_answers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scores:
    """How one model answers: chrF of each taught question, of each paraphrase less the form."""

    taught: Sequence[float]
    beyond: Sequence[float]
    exact: int


def run(words: Sequence[str] = ()) -> None:
    """Print a row a seed, with what must be reached, and how long it took."""
    asked = _asked(words)
    steady_rows()
    if asked.seeds == "none":
        return
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as place, engine(smollm()) as rig:
        train, test = english(Path(place))
        questions = Questions(*_talks(train), *_talks(test))
        file, base = rig.upload(train), _scores(rig, BASE, questions)
        print(HEAD)
        for seed in map(int, asked.seeds.split(",")):
            print(_row(rig, file, seed, asked.epochs, questions, base), flush=True)
    print(f"all of it: {(time.monotonic() - started_at) / 60:.1f} min")


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench learning")
    parser.add_argument("--seeds", default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    return parser.parse_args(words)


def _talks(path: Path) -> tuple[list[Talk], list[str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    talks = [json.loads(line)["messages"] for line in lines]
    return [talk[:-1] for talk in talks], [talk[-1]["content"] for talk in talks]


def _row(rig: Rig, file: str, seed: int, epochs: int, questions: Questions, base: Scores) -> str:
    started_at = time.monotonic()
    job = rig.begin(BASE, file, seed, {"n_epochs": epochs, "batch_size": BATCH})
    model = rig.ended(job)
    minutes = (time.monotonic() - started_at) / 60
    first, last = rig.losses(job)
    tuned = _scores(rig, model, questions)
    before, after = (sum(each.taught) / len(each.taught) for each in (base, tuned))
    gain = mean([new - old for new, old in zip(tuned.beyond, base.beyond, strict=True)])
    is_real = last < LOSS_SHARE * first and after >= TAUGHT_GAIN * before and gain.low > 0
    cells = (
        str(seed),
        f"{first:.2f} → {last:.3f}",
        f"{before:.1f} → {after:.1f} ({after / before:.1f}×)",
        f"{tuned.exact} of {len(questions.taught)}",
        f"{mean(base.beyond)} → {mean(tuned.beyond)}",
        str(gain),
        f"{minutes:.1f}",
        "real" if is_real else "NOT SHOWN",
    )
    return " | ".join(cells)


def _scores(rig: Rig, model: str, questions: Questions) -> Scores:
    taught = rig.answers(model, questions.taught)
    unseen = rig.answers(model, questions.unseen)
    pairs = zip(taught, questions.taught_answers, strict=True)
    return Scores(
        likenesses(taught, questions.taught_answers),
        beyond_form(unseen, questions.unseen_answers, questions.taught_answers),
        sum(answer.strip() == reference for answer, reference in pairs),
    )
