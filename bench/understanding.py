"""Measure `recall` on public question sets, beside the published figures of other systems.

`python -m bench understanding FOLDER`: the folder has `hint3.json` and `hwu64.json`, made of
hellohaptik/HINT3 (real users' questions to two shops, Open Database License 1.0) and
xliuhw/NLU-Evaluation-Data (HWU64, CC BY 4.0; the rows of jianguoz/Few-Shot-Intent-Detection).
An intent's answer is "Answer 17", so nothing of its name is learned.

"Forced" is the share of questions of an intent for which it has the highest score. Of the others,
each system's threshold is moved until it refuses as many unrelated questions as `recall` does.
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.recall import train_recall
from merlin.core.encoder import encode
from merlin.engine.trainers.recall.model import RecallModel, load_model
from merlin.engine.trainers.recall.text import extract_terms, select_encoded

UNRELATED = "NO_NODES_DETECTED"
# Casanueva et al., arXiv:2003.04807; Lin et al., arXiv:2302.05096: forced.
HWU64 = {"train_5": "USE 77.8, ICDA 82.5", "train_10": "USE 83.8, ICDA 87.4"}
# Question's intent, chosen intent, score.
Predictions = Sequence[tuple[str, str, float]]


def run(arguments: Sequence[str]) -> None:
    """Print a row for each set, size of training and system. `arguments`: the folder."""
    if len(arguments) != 1:
        sys.exit("usage: python -m bench understanding FOLDER")
    folder = Path(arguments[0])
    print(
        "set | system | forced | right | wrong | right or offered | unrelated refused"
    )
    for name, found in json.loads((folder / "hint3.json").read_text("utf-8"))[
        "sets"
    ].items():
        for part, ending in (("subset", "_subset"), ("train", "")):
            refused = _print_ours(f"{name} {part}", found[part], found["test"])
            for peer, predictions in found["peers"].items():
                if peer.endswith("_subset") == bool(ending):
                    row = _measure_peer(predictions, refused)
                    print(f"{name} {part} | {peer.removesuffix(ending)} | {row}")
    hwu64 = json.loads((folder / "hwu64.json").read_text("utf-8"))
    tested = [
        (text, intent) for intent, texts in hwu64["test"].items() for text in texts
    ]
    for part, published in HWU64.items():
        _print_ours(f"hwu64 {part}", hwu64[part], tested)
        print(f"hwu64 {part} | published, forced | {published}")


def _print_ours(
    title: str, taught: Mapping[str, Sequence[str]], test: Sequence[tuple[str, str]]
) -> float:
    """Print the row of `recall`; return the share of unrelated questions that it refuses."""
    numbers = {intent: f"Answer {number}" for number, intent in enumerate(taught)}
    pairs = [
        (text, numbers[intent]) for intent, texts in taught.items() for text in texts
    ]
    meant_by = dict(reversed(pairs))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        ask, _ = train_recall(
            [[{"user": text}, {"assistant": answer}] for text, answer in pairs], path
        )
        model = load_model(path)
    asked = [
        (numbers.get(intent), ask(text), _find_first(model, text))
        for text, intent in test
    ]
    related = [each for each in asked if each[0]]
    refused = [not found.known for meant, found, _ in asked if not meant]
    right = sum(found.text == meant for meant, found, _ in related)
    shares = (
        sum((found.text or first) == meant for meant, found, first in related),
        right,
        sum(found.known for _, found, _ in related) - right,
        right
        + sum(meant in map(meant_by.get, found.nearest) for meant, found, _ in related),
    )
    share = sum(refused) / len(refused) if refused else 1.0
    row = " | ".join(_percent(count / len(related)) for count in shares)
    print(f"{title} | recall | {row} | {_percent(share) if refused else '–'}")
    return share


def _find_first(model: RecallModel, text: str) -> str:
    """Return the answer with the highest score, known or not."""
    spelt = model._spelling.correct(text)
    (vector,) = encode([select_encoded(spelt)])
    return model.answers[int(model._score(extract_terms(spelt), vector).argmax())]


def _measure_peer(predictions: Predictions, refused: float) -> str:
    """Return a system's figures at its lowest threshold with that share of refusals."""
    related = [each for each in predictions if each[0] != UNRELATED]
    outside = [each for each in predictions if each[0] == UNRELATED]

    def refuse(limit: float) -> float:
        return sum(
            chosen == UNRELATED or score < limit for _, chosen, score in outside
        ) / len(outside)

    limits = [*sorted({score for *_, score in predictions}), float("inf")]
    limit = next(each for each in limits if refuse(each) >= refused)
    answered = [
        (meant, chosen)
        for meant, chosen, score in related
        if score >= limit and chosen != UNRELATED
    ]
    right = sum(meant == chosen for meant, chosen in answered)
    shares = (
        sum(meant == chosen for meant, chosen, _ in related),
        right,
        len(answered) - right,
    )
    row = " | ".join(_percent(count / len(related)) for count in shares)
    return f"{row} | – | {_percent(refuse(limit))}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
