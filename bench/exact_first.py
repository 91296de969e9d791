"""Measure `exact_first`: `recall` before a tuned SmolLM2, and the same model alone, on a CPU.

`python -m bench exact_first` trains the sample English dataset once, and asks its unseen wordings
both ways; then questions of which nothing was taught. Takes a quarter of an hour.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.engine_rig import EngineProcess, Messages, build_english, run_engine, unpack_smollm
from bench.learning import BATCH, EPOCHS, read_conversations
from bench.smollm import BASE
from merlin.engine.trainers.exact_first import RECALL_FILE
from merlin.training.scores import likeness, says_the_same

UNTAUGHT = (
    *("How do I cook borscht?", "Who won the chess match in 1972?"),
    *("What does a flight to Samarkand cost?", "Which tyres fit a tractor?"),
)


def run() -> None:
    """Print how many answers are right and their chrF, then the answers to untaught questions."""
    with tempfile.TemporaryDirectory() as temporary, run_engine(unpack_smollm()) as rig:
        train, test = build_english(Path(temporary))
        settings = {"n_epochs": EPOCHS, "batch_size": BATCH, "exact_first": True}
        model = rig.wait_for_model(rig.create_job(BASE, rig.upload(train), 42, settings))
        _print_scores(rig, model, "recall first", *read_conversations(test))
        asked: list[Messages] = [[{"role": "user", "content": text}] for text in UNTAUGHT]
        for question, answer in zip(UNTAUGHT, rig.ask_all(model, asked), strict=True):
            print(f"untaught: {question} {answer}")
        for path in rig.folder.rglob(RECALL_FILE):
            path.unlink()
        _print_scores(rig, model, "model alone", *read_conversations(test))


def _print_scores(
    rig: EngineProcess,
    model: str,
    name: str,
    questions: Sequence[Messages],
    references: Sequence[str],
) -> None:
    pairs = list(zip(rig.ask_all(model, questions), references, strict=True))
    right = sum(says_the_same(answer, reference) for answer, reference in pairs)
    chrf = sum(likeness(answer, reference) for answer, reference in pairs) / len(pairs)
    print(f"{name}: right {right} of {len(pairs)}, chrF {chrf:.1f}", flush=True)
