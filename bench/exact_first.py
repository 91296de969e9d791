"""Measure `exact_first`: `recall` before a tuned SmolLM2, and the same model alone, on a CPU.

`python -m bench exact_first` trains the sample English dataset once, and asks its unseen wordings,
and questions of which nothing was taught: by default, with `else: model`, and the model alone.
Takes a quarter of an hour.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.engine_rig import EngineProcess, Messages, build_english, run_engine, unpack_smollm
from bench.learning import BATCH, EPOCHS, read_conversations
from bench.smollm import BASE
from merlin.core.i18n import text
from merlin.engine.trainers.exact_first import CHOICE_FILE, MODEL, OFFER, RECALL_FILE
from merlin.training.scores import likeness, says_the_same

UNTAUGHT = (
    "How do I cook borscht?",
    "Who won the chess match in 1972?",
    "What does a flight to Samarkand cost?",
    "Which tyres fit a tractor?",
    "What is the phone number of the dean's office?",
    "Who teaches computational linguistics here?",
    "How much is the monthly fee for the gym?",
    "What is the Wi-Fi password in the dormitory?",
    "When does the swimming pool open?",
    "Where can I repair my laptop nearby?",
    "Which professor wrote the algebra textbook?",
    "How much does a taxi to the airport cost?",
    "What is the link to the exam timetable?",
    "Can I bring my dog to the lecture?",
    "Which bank gives student loans?",
)


def run() -> None:
    """Print how many answers are right and their chrF, then the answers to untaught questions."""
    with tempfile.TemporaryDirectory() as temporary, run_engine(unpack_smollm()) as rig:
        train, test = build_english(Path(temporary))
        settings = {"n_epochs": EPOCHS, "batch_size": BATCH, "exact_first": True}
        model = rig.wait_for_model(rig.create_job(BASE, rig.upload(train), 42, settings))
        for choice in (OFFER, MODEL):
            for path in rig.folder.rglob(CHOICE_FILE):
                path.write_text(json.dumps({"else": choice}))
            _print_scores(rig, model, f"recall first, else: {choice}", *read_conversations(test))
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
    answers = rig.ask_all(model, questions)
    pairs = list(zip(answers, references, strict=True))
    right = sum(says_the_same(answer, reference) for answer, reference in pairs)
    chrf = sum(likeness(answer, reference) for answer, reference in pairs) / len(pairs)
    print(f"{name}: right {right} of {len(pairs)}, declined {_count(answers)}, chrF {chrf:.1f}")
    asked: list[Messages] = [[{"role": "user", "content": each}] for each in UNTAUGHT]
    untaught = rig.ask_all(model, asked)
    print(f"{name}: untaught answered {len(untaught) - _count(untaught)} of {len(untaught)}")
    for question, answer in zip(UNTAUGHT, untaught, strict=True):
        print(f"  {question} {answer}", flush=True)


def _count(answers: Sequence[str]) -> int:
    """Return how many answers are a refusal of `recall`."""
    refusals = {text("en", key) for key in ("engine-unknown", "engine-follow-up")}
    return sum(answer in refusals for answer in answers)
