"""Measure whether training is stable, and whether a model learns, on a CPU.

`python -m bench learning [--seeds 42,43,44] [--epochs 6]`; `--seeds none` ends after the rows of
`recall`: how many answers change with seven orders of the examples, or with one unrelated example
more. Then the real engine trains SmolLM2 on the sample English dataset. Jobs and questions go over
HTTP, answers are greedy. The tuned model is compared with the base, asked the same questions.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.engine_rig import EngineProcess, Messages, build_english, run_engine, unpack_smollm
from bench.learning_judge import beyond_form, mean, similarities
from bench.learning_steady import print_steadiness
from bench.smollm import BASE

SEEDS, EPOCHS, BATCH = "42,43,44", 6, 4
LOSS_SHARE, TAUGHT_GAIN = 0.5, 2.0
HEAD = (
    "seed | loss, first step → last epoch | trained, chrF: base → tuned | exact"
    " | unseen beyond form: base → tuned | gain (95 %) | minutes | verdict"
)


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions and reference answers, of the training examples and of unseen paraphrases."""

    taught: Sequence[Messages]
    taught_answers: Sequence[str]
    unseen: Sequence[Messages]
    unseen_answers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one model: chrF of trained questions, and of paraphrases beyond the form."""

    taught: Sequence[float]
    beyond: Sequence[float]
    exact: int


def run(words: Sequence[str] = ()) -> None:
    """Print a row for each seed with its verdict, and the total time."""
    options = _parse_options(words)
    print_steadiness()
    if options.seeds == "none":
        return
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary, run_engine(unpack_smollm()) as rig:
        train, test = build_english(Path(temporary))
        questions = Questions(*read_conversations(train), *read_conversations(test))
        file, base = rig.upload(train), _score_model(rig, BASE, questions)
        print(HEAD)
        for seed in map(int, options.seeds.split(",")):
            print(_measure_seed(rig, file, seed, options.epochs, questions, base), flush=True)
    print(f"all of it: {(time.monotonic() - started_at) / 60:.1f} min")


def _parse_options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench learning")
    parser.add_argument("--seeds", default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    return parser.parse_args(words)


def read_conversations(path: Path) -> tuple[list[Messages], list[str]]:
    """Return the questions of a training file, and its answers."""
    lines = path.read_text(encoding="utf-8").splitlines()
    conversations = [json.loads(line)["messages"] for line in lines]
    return [messages[:-1] for messages in conversations], [
        messages[-1]["content"] for messages in conversations
    ]


def _measure_seed(
    rig: EngineProcess, file: str, seed: int, epochs: int, questions: Questions, base: Scores
) -> str:
    started_at = time.monotonic()
    job = rig.create_job(BASE, file, seed, {"n_epochs": epochs, "batch_size": BATCH})
    model = rig.wait_for_model(job)
    minutes = (time.monotonic() - started_at) / 60
    first, last = rig.losses(job)
    tuned = _score_model(rig, model, questions)
    before, after = (sum(scores.taught) / len(scores.taught) for scores in (base, tuned))
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


def _score_model(rig: EngineProcess, model: str, questions: Questions) -> Scores:
    taught = rig.ask_all(model, questions.taught)
    unseen = rig.ask_all(model, questions.unseen)
    pairs = zip(taught, questions.taught_answers, strict=True)
    return Scores(
        similarities(taught, questions.taught_answers),
        beyond_form(unseen, questions.unseen_answers, questions.taught_answers),
        sum(answer.strip() == reference for answer, reference in pairs),
    )
