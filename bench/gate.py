"""Whether the gate holds planted regressions, and lets harmless changes through.

Each try teaches a shipped set anew by `recall`, with one change, and sets the model beside that of
the set as it is, by `gate.find_hold`. The questions are the set's test examples and paraphrases.
A regression: an answer that is asked for is that of another example; two such answers are swapped;
the examples of a tenth of the questions are gone. A harmless change: another order; one example of
another subject, or one wording of a taught answer, more; one example less that nothing asks for.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

from bench.learning_steady import HARMLESS
from bench.recall import ROOT, SETS, example_files, read_yaml, train_recall
from merlin.core.messages import Message
from merlin.dataset.spec import NOT_WORSE, GateRule
from merlin.providers.base import Answer
from merlin.training.evaluation import AnswerKind, JudgedAnswer, kind_of, pair_answers
from merlin.training.gate import HoldReason, find_hold
from merlin.training.models import Question

SEED, TRIES, GONE = 42, 200, 0.1
RULE = GateRule(NOT_WORSE)
Examples = dict[str, list[dict[str, str]]]
Change = Callable[["Course", random.Random], Examples]


class Course:
    """A shipped set: what it teaches, its questions, and the answers of the model that serves."""

    def __init__(self, name: str) -> None:
        self.taught: Examples = {
            key: example["messages"] for key, example in example_files(name, test=False).items()
        }
        own = read_yaml(ROOT / f"tests/engine/questions/{name}.yaml")
        self.wordings = [(one["ask"], one["expect"]) for one in own["hard"]]
        tests = [
            _pair(example_file["messages"])
            for example_file in example_files(name, test=True).values()
        ]
        taught = [(one["ask"], _pair(self.taught[one["expect"]])[1]) for one in own["paraphrases"]]
        self.tests = len(tests)
        self.questions = [
            Question(str(place), (Message("user", asked),), answer)
            for place, (asked, answer) in enumerate([*tests, *taught])
        ]
        self.serving = self.answers(self.taught)

    def answers(self, taught: Examples) -> list[JudgedAnswer]:
        """Return what a model that was taught so answers to every question."""
        with tempfile.TemporaryDirectory() as folder:
            ask, _seconds = train_recall(list(taught.values()), Path(folder) / "model")
        replies = [ask(question.messages[-1].content) for question in self.questions]
        said = [Answer(reply.text, known=reply.known) for reply in replies]
        return [
            JudgedAnswer(question, answer, kind_of(answer, question))
            for question, answer in zip(self.questions, said, strict=True)
        ]

    def tested(self) -> Counter[str]:
        """Return how many questions the serving model answers by each taught answer, rightly."""
        right = (each for each in self.serving if each.kind is AnswerKind.RIGHT)
        return Counter(each.question.reference.strip() for each in right)

    def answered(self, answers: Mapping[str, str]) -> Examples:
        """Return the examples with other answers in the place of some."""
        return {
            key: [
                {"assistant": answers.get(one["assistant"].strip(), one["assistant"])}
                if "assistant" in one
                else one
                for one in talk
            ]
            for key, talk in self.taught.items()
        }


def replace_answer(course: Course, rng: random.Random) -> Examples:
    """Return the examples with one tested answer replaced by that of another example."""
    wrong = rng.choice(list(course.tested()))
    others = [_pair(talk)[1] for talk in course.taught.values()]
    other = rng.choice([each for each in others if each.strip() != wrong])
    return course.answered({wrong: other})


def swap_answers(course: Course, rng: random.Random) -> Examples:
    """Return the examples with two tested answers swapped."""
    one, other = rng.sample(list(course.tested()), 2)
    return course.answered({one: other, other: one})


def remove_subject(course: Course, rng: random.Random) -> Examples:
    """Return the examples without the answers that a tenth of the questions ask for."""
    tested, gone = course.tested(), set[str]()
    for answer in rng.sample(list(tested), len(tested)):
        if sum(tested[each] for each in gone) >= GONE * len(course.questions):
            break
        gone.add(answer)
    return {key: talk for key, talk in course.taught.items() if _pair(talk)[1].strip() not in gone}


def shuffle(course: Course, rng: random.Random) -> Examples:
    """Return the examples in another order."""
    return dict(rng.sample(list(course.taught.items()), len(course.taught)))


def add_example(course: Course, rng: random.Random) -> Examples:
    """Return the examples with one of another subject."""
    return _with_one(course, rng.choice(HARMLESS), rng)


def add_wording(course: Course, rng: random.Random) -> Examples:
    """Return the examples with another wording of a taught question."""
    asked, expected = rng.choice(course.wordings)
    return _with_one(course, (asked, _pair(course.taught[expected])[1]), rng)


def remove_untested(course: Course, rng: random.Random) -> Examples:
    """Return the examples without one that no question asks for."""
    asked = {question.reference.strip() for question in course.questions}
    unasked = [key for key, talk in course.taught.items() if _pair(talk)[1].strip() not in asked]
    gone = rng.choice(unasked)
    return {key: talk for key, talk in course.taught.items() if key != gone}


PLANTED: Sequence[Change] = (replace_answer, swap_answers, remove_subject)
HARMLESS_CHANGES: Sequence[Change] = (shuffle, add_example, add_wording, remove_untested)


def run() -> None:
    """Print a row a kind of change: how many were held, by all questions and by the tests alone."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    courses = [Course(name) for name in SETS]
    print("change | tries | held, by all questions | held, by the test examples alone")
    for title, changes in (("planted", PLANTED), ("harmless", HARMLESS_CHANGES)):
        total = []
        for change, found in try_changes(courses, changes, TRIES):
            print(_row(f"{title}: {change.__name__}", found), flush=True)
            total += found
        print(_row(f"{title}: all", total), flush=True)
    asked = ", ".join(f"{len(course.questions)} ({course.tests})" for course in courses)
    print(f"questions a set (its test examples): {asked}")


Found = tuple[HoldReason | None, HoldReason | None]


def try_changes(
    courses: Sequence[Course], changes: Sequence[Change], tries: int, seed: int = SEED
) -> Iterator[tuple[Change, list[Found]]]:
    """Yield each change with what the gate said of its share of the tries, over the courses."""
    rng = random.Random(seed)  # noqa: S311 - the same tries every time
    for place, change in enumerate(changes):
        share = len(range(place, tries, len(changes)))
        tried = islice(cycle(courses), share)
        yield change, [_judge(course, change(course, rng)) for course in tried]


def _judge(course: Course, taught: Examples) -> Found:
    answers = course.answers(taught)
    pairs = list(pair_answers(answers, course.serving))
    few = pairs[: course.tests]
    return find_hold(RULE, answers, pairs), find_hold(RULE, [now for now, _ in few], few)


def _row(title: str, founds: Sequence[Found]) -> str:
    by_all, by_tests = (sum(map(bool, holds)) for holds in zip(*founds, strict=True))
    return f"{title} | {len(founds)} | {by_all} | {by_tests}"


def _pair(talk: Sequence[dict[str, str]]) -> tuple[str, str]:
    """Return the first question of an example and its answer."""
    values = {role: text for one in reversed(talk) for role, text in one.items()}
    return values.get("user", ""), values["assistant"]


def _with_one(course: Course, pair: tuple[str, str], rng: random.Random) -> Examples:
    talks, (asked, answer) = list(course.taught.items()), pair
    new = ("more", [{"user": asked}, {"assistant": answer}])
    talks.insert(rng.randint(0, len(talks)), new)
    return dict(talks)
