"""How much of a `recall` model's proof another order, or one harmless example more, changes."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.recall import ROOT, SETS, example_files, read_yaml, teach

SEED, ORDERS = 42, 7
# One part in twenty of a proof's answers, at most.
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
STEADY_HEAD = "set | questions | answers changed by seven orders | by one example more | "
Talk = list[dict[str, str]]


def steadiness(name: str, orders: int = ORDERS, more: int = ORDERS) -> tuple[int, int, int]:
    """Return how many questions are asked of a shipped set, and the most changed answers of a try.

    First of `orders` shuffled files, then of `more` files with one example of another subject in a
    chance place. The questions are the set's test examples and its paraphrases.
    """
    rng = random.Random(SEED)  # noqa: S311 - the same tries every time
    talks = [example["messages"] for example in example_files(name, test=False).values()]
    asked = _asked(name)
    before = _answers(talks, asked)
    shuffled = [rng.sample(talks, len(talks)) for _ in range(orders)]
    extended = [_with(talks, pair, rng.randint(0, len(talks))) for pair in HARMLESS[:more]]
    worst = [
        max(_changed(before, _answers(tried, asked)) for tried in tries)
        for tries in (shuffled, extended)
    ]
    return len(asked), worst[0], worst[1]


def steady_rows() -> None:
    """Print a row a shipped set; at most one answer of twenty may change."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(STEADY_HEAD + "verdict")
    for name in SETS:
        asked, by_order, by_more = steadiness(name)
        verdict = "steady" if max(by_order, by_more) <= MAX_CHANGED * asked else "NOT STEADY"
        print(f"{name} | {asked} | {by_order} | {by_more} | {verdict}", flush=True)


def _asked(name: str) -> list[str]:
    test = example_files(name, test=True).values()
    own = read_yaml(ROOT / f"tests/engine/questions/{name}.yaml")["paraphrases"]
    first = [next(one["user"] for one in each["messages"] if "user" in one) for each in test]
    return first + [one["ask"] for one in own]


def _with(talks: Sequence[Talk], pair: tuple[str, str], place: int) -> list[Talk]:
    example: Talk = [{"user": pair[0]}, {"assistant": pair[1]}]
    return [*talks[:place], example, *talks[place:]]


def _answers(talks: list[Talk], asked: Sequence[str]) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        ask, _seconds = teach(talks, Path(folder) / "model")
    return [ask(question).text for question in asked]


def _changed(before: Sequence[Any], after: Sequence[Any]) -> int:
    return sum(old != new for old, new in zip(before, after, strict=True))
