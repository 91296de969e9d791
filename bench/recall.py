"""How well `recall` answers other people's wording, and how long 10,000 examples take."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.figures import line

ROOT = Path(__file__).parents[1]
SETS = ("neurotypology", "algorithms", "python")
EXAMPLES, RUNS = 10_000, 3
Ask = Callable[[str], Any]


def run() -> None:
    """Print a row a set, then the time of 10,000 examples and of one answer."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    questions = {name: read_yaml(ROOT / f"tests/engine/questions/{name}.yaml") for name in SETS}
    print("set | taught | paraphrases | hard | everyday | other sets | near | trained in s")
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            print(" | ".join(_row(name, questions, Path(folder))))
        times = [_big(Path(folder)) for _ in range(RUNS)]
    for place, what in enumerate((f"train on {EXAMPLES}", "one answer", "one refusal")):
        factor, unit = (1000, "ms") if place else (1, "s")
        print(line(what, [factor * each[place] for each in times], unit))


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def example_files(name: str, *, test: bool) -> dict[str, Any]:
    """Return {example id: example} of a shipped set: its test examples, or what it teaches."""
    folder = ROOT / "datasets" / name / "examples"
    read = {path: read_yaml(path) for path in sorted(folder.rglob("*.yaml"))}
    return {
        path.relative_to(folder).with_suffix("").as_posix(): example
        for path, example in read.items()
        if (example.get("split") == "test") == test
    }


def _taught(name: str) -> Mapping[str, list[dict[str, str]]]:
    taught = example_files(name, test=False)
    return {key: example["messages"] for key, example in taught.items()}


def teach(talks: list[list[dict[str, str]]], path: Path) -> tuple[Ask, float]:
    """Teach by `recall` and write the model to `path`; return how to ask it, and the seconds."""
    from merlin.core.messages import Message
    from merlin.engine.trainers.base import Epoch
    from merlin.engine.trainers.recall import RecallTrainer
    from merlin.engine.trainers.recall.model import load
    from merlin.engine.trainers.recall.train import train

    wanted = RecallTrainer().hyperparameters("supervised", {})
    said = [[Message(*pair) for one in talk for pair in one.items()] for talk in talks]
    started_at = time.perf_counter()
    steps = train(said, [], wanted, 42)
    *_, last = (step for step in steps if isinstance(step, Epoch))
    seconds = time.perf_counter() - started_at
    last.save(path)
    model = load(path)
    return lambda question: model.answer([Message("user", question)]), seconds


def _row(name: str, questions: Mapping[str, Any], folder: Path) -> list[str]:
    taught = _taught(name)
    ask, seconds = teach(list(taught.values()), folder / name)
    own = questions[name]
    pairs = [
        (talk[0]["user"], talk[1]["assistant"]) for talk in taught.values() if "user" in talk[0]
    ]
    others = [
        one["ask"] for other in SETS if other != name for one in questions[other]["paraphrases"]
    ]
    return [
        name,
        _right(ask, pairs),
        _right(ask, [(one["ask"], _first(taught[one["expect"]])) for one in own["paraphrases"]]),
        _right(ask, [(one["ask"], _first(taught[one["expect"]])) for one in own["hard"]]),
        _refused(ask, own["everyday"]),
        _refused(ask, others),
        _refused(ask, own["near"]),
        f"{seconds:.2f}",
    ]


def _first(talk: list[dict[str, str]]) -> str:
    return next(one["assistant"] for one in talk if "assistant" in one)


def _right(ask: Ask, pairs: list[tuple[str, str]]) -> str:
    right = sum(ask(question).text.strip() == answer.strip() for question, answer in pairs)
    return f"{100 * right / len(pairs):.0f} % of {len(pairs)}"


def _refused(ask: Ask, questions: list[str]) -> str:
    refused = sum(not ask(question).known for question in questions)
    return f"{100 * refused / len(questions):.0f} % of {len(questions)}"


def made_up() -> list[list[dict[str, str]]]:
    """Return 10,000 questions of real words in chance order, each with an answer of its own."""
    rng = random.Random(1)  # noqa: S311 - the same corpus every time
    known = [word.strip("«»,.?!:;()").lower() for name in SETS for word in _words(name)]
    words = sorted({word for word in known if word.isalpha()})
    return [
        [
            {"user": " ".join(rng.choices(words, k=rng.randint(4, 8))) + f" {number}?"},
            {"assistant": f"Ответ {number}."},
        ]
        for number in range(EXAMPLES)
    ]


def _big(folder: Path) -> tuple[float, float, float]:
    """Return the seconds of training on made-up questions, of one answer and of one refusal."""
    talks = made_up()
    ask, seconds = teach(talks, folder / "big")
    started_at = time.perf_counter()
    for talk in talks[:100]:
        ask(talk[0]["user"])
    answered = (time.perf_counter() - started_at) / 100
    rng = random.Random(2)  # noqa: S311 - the same questions every time
    words = [word for talk in talks[:3000] for word in talk[0]["user"].split()]
    refused = [took for took in (_refusal(ask, rng, words) for _ in range(300)) if took]
    return seconds, answered, sum(refused) / len(refused)


def _refusal(ask: Ask, rng: random.Random, words: list[str]) -> float:
    """Return the seconds of a refusal with its offers, 0 for a question that is answered."""
    question = " ".join(rng.choices(words, k=6)) + "?"
    started_at = time.perf_counter()
    return 0.0 if ask(question).known else time.perf_counter() - started_at


def _words(name: str) -> list[str]:
    return [
        word
        for talk in _taught(name).values()
        for one in talk
        for text in one.values()
        for word in text.split()
    ]
