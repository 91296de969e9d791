"""Measure how well `recall` answers paraphrases, and the time of its trainings.

Trainings are measured in processor time; OPENBLAS_NUM_THREADS=1 keeps that of waiting threads out.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SETS = ("neurotypology", "algorithms", "python")
QUESTIONS = ROOT / "tests/engine/questions"
BLIND = sorted((QUESTIONS / "blind").glob("*.yaml"))
AskFunction = Callable[..., Any]


def run() -> None:
    """Print a row for each sample dataset and each blind set."""
    print("dataset | paraphrases | everyday | near | seconds")
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            asked = read_yaml(QUESTIONS / f"{name}.yaml")
            print(" | ".join(_make_row(name, asked, Path(folder))))
        print("blind set | paraphrases | colloquial | near, unrelated")
        for path in BLIND:
            for row in _make_blind_rows(path.stem, read_yaml(path), Path(folder)):
                print(" | ".join(row))


def read_yaml(path: Path) -> Any:
    """Return the value of a YAML file."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def example_files(name: str, *, test: bool) -> dict[str, Any]:
    """Return id -> example of a sample dataset: its test examples, or its training examples."""
    folder = ROOT / "datasets" / name / "examples"
    examples = {path: read_yaml(path) for path in sorted(folder.rglob("*.yaml"))}
    return {
        path.relative_to(folder).with_suffix("").as_posix(): example
        for path, example in examples.items()
        if (example.get("split") == "test") == test
    }


def train_recall(
    examples: list[list[dict[str, str]]], path: Path
) -> tuple[AskFunction, float]:
    """Train a `recall` model and save it; return a function that asks it, and processor seconds."""
    from merlin.core.encoder import digest_encoder, encode
    from merlin.core.messages import Message
    from merlin.engine.trainers.base import (
        Epoch,
        Hyperparameters,
        check_hyperparameters,
    )
    from merlin.engine.trainers.recall.model import load_model
    from merlin.engine.trainers.recall.train import collect_texts, train

    hyperparameters = check_hyperparameters("supervised", Hyperparameters, {})
    conversations = [
        [Message(*pair) for turn in turns for pair in turn.items()]
        for turns in examples
    ]
    encode([""])  # loads the encoder
    started_at = time.process_time()
    texts = collect_texts(conversations, [])
    encoder = digest_encoder(), dict(zip(texts, encode(texts), strict=True))
    steps = train(conversations, [], hyperparameters, 42, encoder)
    *_, last = (step for step in steps if isinstance(step, Epoch))
    seconds = time.process_time() - started_at
    last.save(path)
    model = load_model(path)

    def ask(question: str, *before: str) -> Any:
        turn = [
            Message(*each) for each in zip(("user", "assistant"), before, strict=False)
        ]
        return model.answer([*turn, Message("user", question)])

    return ask, seconds


def _make_row(name: str, asked: Mapping[str, Any], folder: Path) -> list[str]:
    """Return of a sample dataset how many paraphrases are right, and how many others refused."""
    examples = example_files(name, test=False)
    training = {key: example["messages"] for key, example in examples.items()}
    ask, seconds = train_recall(list(training.values()), folder / name)
    pairs = [
        (case["ask"], _first_answer(training[case["expect"]]))
        for case in asked["paraphrases"]
    ]
    refused = [_refused_share(ask, asked[kind]) for kind in ("everyday", "near")]
    return [name, _right_share(ask, pairs), *refused, f"{seconds:.2f}"]


def _make_blind_rows(
    name: str, asked: Mapping[str, Any], folder: Path
) -> Iterator[list[str]]:
    """Yield how questions of a set are answered or offered that chose none of the limits.

    They are asked alone, and then after a taught question with its answer.
    """
    answers = dict[str, str]()
    for each in asked["taught"]:
        answers |= dict.fromkeys(each["questions"], each["answer"])
    examples = [
        [{"user": question}, {"assistant": answer}]
        for question, answer in answers.items()
    ]
    ask, _ = train_recall(examples, folder / name)
    first = next(iter(answers.items()))
    for title, before in ((name, ()), (f"{name}, second turn", first)):
        cells = [title]
        for kind in ("paraphrases", "colloquial"):
            pairs = [
                (ask(question, *before), each["answer"])
                for each in asked["taught"]
                for question in each[kind]
            ]
            right = sum(found.text == answer for found, answer in pairs)
            wrong = sum(found.known for found, _ in pairs) - right
            near = [
                ({*map(answers.get, found.nearest)}, answer) for found, answer in pairs
            ]
            offered = sum(answer in offers for offers, answer in near)
            counts = f"right {right}, offered {offered}, wrong {wrong}"
            cells.append(f"{counts} of {len(pairs)}")
        others = [*asked["near"], *asked["unrelated"]]
        answered = sum(ask(question, *before).known for question in others)
        yield [*cells, f"answered {answered} of {len(others)}"]


def _first_answer(turns: list[dict[str, str]]) -> str:
    return next(turn["assistant"] for turn in turns if "assistant" in turn)


def _right_share(ask: AskFunction, pairs: list[tuple[str, str]]) -> str:
    right = sum(
        ask(question).text.strip() == answer.strip() for question, answer in pairs
    )
    return f"{100 * right / len(pairs):.0f} % of {len(pairs)}"


def _refused_share(ask: AskFunction, questions: list[str]) -> str:
    refusals = sum(not ask(question).known for question in questions)
    return f"{100 * refusals / len(questions):.0f} % of {len(questions)}"
