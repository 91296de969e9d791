"""Simulate a month of use of `recall`, in which people's presses become wordings.

`python -m bench month FOLDER`: the folder is that of `bench understanding`. Each intent begins with
one wording. Every week people ask questions of the training split: of those that are offered, 85 %
press the right one if it is there, 5 % another one, and 10 % none. At the week's end an editor
ticks those of the presses that are right. Then the test split is asked. Seeds are fixed.
"""

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.recall import AskFunction, train_recall

WEEKS = 4
QUESTIONS = 10  # of each intent in the month
RIGHT = 0.85
SEEDS = (1, 2, 3)
Pairs = Sequence[tuple[str, str]]


def run(arguments: Sequence[str]) -> None:
    """Print a row for each set and seed. `arguments`: the folder, then names of sets."""
    if not arguments:
        sys.exit("usage: python -m bench month FOLDER [SET…]")
    print("set, seed | week | wordings | right | wrong | offered | right against 0")
    total = Counter[str]()
    for name, (taught, test) in _read_sets(Path(arguments[0])).items():
        if not arguments[1:] or name in arguments[1:]:
            for seed in SEEDS:
                total += _live_month(f"{name}, {seed}", taught, test, seed)
    times = total["right"] / total["right at first"]
    wrong = total["wrong"] / total["asked"]
    print(f"all | {WEEKS} | – | {times:.2f} times as many right | {wrong:.3f} wrong")


def _read_sets(folder: Path) -> Mapping[str, tuple[Mapping[str, Sequence[str]], Pairs]]:
    """Return of each set its training split by intent, and its test questions of an intent."""
    hint3 = json.loads((folder / "hint3.json").read_text("utf-8"))["sets"]
    hwu64 = json.loads((folder / "hwu64.json").read_text("utf-8"))
    tested = [
        (text, intent) for intent, texts in hwu64["test"].items() for text in texts
    ]
    sets = {name: (each["train"], each["test"]) for name, each in hint3.items()}
    return {**sets, "hwu64": (hwu64["train_10"], tested)}


def _live_month(
    title: str, taught: Mapping[str, Sequence[str]], test: Pairs, seed: int
) -> Counter[str]:
    """Print a row a week; return what the test questions came to at the end."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    drawn = {
        intent: chance.sample([*texts], min(len(texts), QUESTIONS + 1))
        for intent, texts in taught.items()
    }
    wordings = {texts[0]: intent for intent, texts in drawn.items()}
    asked = [(text, intent) for intent, texts in drawn.items() for text in texts[1:]]
    chance.shuffle(asked)
    related = [(text, intent) for text, intent in test if intent in taught]
    total = Counter(asked=len(related))
    counts = Counter[str]()
    for week in range(WEEKS + 1):
        ask = _train(wordings)
        counts = _measure(ask, wordings, related)
        total["right at first"] = total["right at first"] or counts["right"]
        shares = [counts[name] / len(related) for name in ("right", "wrong", "offered")]
        cells = [f"{share:.3f}" for share in shares]
        times = counts["right"] / total["right at first"]
        print(title, week, len(wordings), *cells, f"{times:.2f}", sep=" | ", flush=True)
        wordings |= _press(ask, wordings, asked[week::WEEKS], chance)
    return total + counts


def _train(wordings: Mapping[str, str]) -> AskFunction:
    numbers = {
        each: f"Answer {n}" for n, each in enumerate(sorted({*wordings.values()}))
    }
    with tempfile.TemporaryDirectory() as folder:
        ask, _ = train_recall(
            [
                [{"user": text}, {"assistant": numbers[intent]}]
                for text, intent in wordings.items()
            ],
            Path(folder) / "model",
        )
    names = {answer: intent for intent, answer in numbers.items()}

    def ask_for_intent(question: str) -> tuple[str | None, Sequence[str]]:
        found = ask(question)
        return names.get(found.text), found.nearest

    return ask_for_intent


def _measure(
    ask: AskFunction, wordings: Mapping[str, str], related: Pairs
) -> Counter[str]:
    """Return how many questions get the right answer, a wrong one, or the right offer."""
    counts = Counter[str]()
    for question, intent in related:
        answered, nearest = ask(question)
        if answered is not None:
            counts["right" if answered == intent else "wrong"] += 1
        elif intent in map(wordings.get, nearest):
            counts["offered"] += 1
    return counts


def _press(
    ask: AskFunction, wordings: Mapping[str, str], asked: Pairs, chance: random.Random
) -> Mapping[str, str]:
    """Return the pressed wordings that the editor accepts, with their intents."""
    accepted = {}
    for question, intent in asked:
        _, nearest = ask(question)
        is_pressed = chance.random() < RIGHT
        # wrong presses and none come to the same: nothing is ticked
        if is_pressed and intent in map(wordings.get, nearest):
            accepted[question] = intent
    return accepted
