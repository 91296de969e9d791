"""Measure how many answers of a `recall` model change with the order, or with one more example."""

import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.recall import ROOT, SETS, example_files, read_yaml, train_recall

SEED, ORDERS = 42, 7
# The maximum share of changed answers.
MAX_CHANGED = 0.05
HARMLESS = (
    ("Когда открывается столовая?", "Столовая открывается в девять."),
    ("Где поставить велосипед?", "У входа со двора."),
    ("Сколько стоит парковка?", "Час стоит сто рублей."),
    ("Кто поливает цветы в холле?", "Их поливает вахтёр."),
    ("Как записаться в бассейн?", "По телефону бассейна."),
    ("Чем кормят попугая?", "Зерном и яблоками."),
    ("Почему закрыт балкон?", "Его чинят до весны."),
)
STEADY_HEAD = "dataset | questions | answers changed by seven orders | by one more example | "
Turns = list[dict[str, str]]


def measure_steadiness(name: str, orders: int = ORDERS, more: int = ORDERS) -> tuple[int, int, int]:
    """Return the number of questions of a sample dataset, and the maxima of changed answers.

    The first maximum is that of `orders` shuffled files, the second that of `more` files with one
    example of another subject at a random position. The questions are those of the test examples
    and the paraphrases.
    """
    rng = random.Random(SEED)  # noqa: S311 - repeatable
    conversations = [example["messages"] for example in example_files(name, test=False).values()]
    questions = _questions(name)
    before = _ask_trained(conversations, questions)
    shuffled = [rng.sample(conversations, len(conversations)) for _ in range(orders)]
    extended = [
        _insert_example(conversations, pair, rng.randint(0, len(conversations)))
        for pair in HARMLESS[:more]
    ]
    most_changed = [
        max(_count_changed(before, _ask_trained(examples, questions)) for examples in variants)
        for variants in (shuffled, extended)
    ]
    return len(questions), most_changed[0], most_changed[1]


def print_steadiness() -> None:
    """Print a row for each sample dataset; at most one answer in twenty may change."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(STEADY_HEAD + "verdict")
    for name in SETS:
        questions, by_order, by_more = measure_steadiness(name)
        verdict = "steady" if max(by_order, by_more) <= MAX_CHANGED * questions else "NOT STEADY"
        print(f"{name} | {questions} | {by_order} | {by_more} | {verdict}", flush=True)


def _questions(name: str) -> list[str]:
    test = example_files(name, test=True).values()
    paraphrases = read_yaml(ROOT / f"tests/engine/questions/{name}.yaml")["paraphrases"]
    first = [
        next(turn["user"] for turn in example["messages"] if "user" in turn) for example in test
    ]
    return first + [case["ask"] for case in paraphrases]


def _insert_example(
    conversations: Sequence[Turns], pair: tuple[str, str], index: int
) -> list[Turns]:
    example: Turns = [{"user": pair[0]}, {"assistant": pair[1]}]
    return [*conversations[:index], example, *conversations[index:]]


def _ask_trained(conversations: list[Turns], questions: Sequence[str]) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        ask, _seconds = train_recall(conversations, Path(folder) / "model")
    return [ask(question).text for question in questions]


def _count_changed(before: Sequence[Any], after: Sequence[Any]) -> int:
    return sum(old != new for old, new in zip(before, after, strict=True))
