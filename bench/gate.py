"""Measure whether the gate holds injected regressions and passes harmless changes.

Each try trains a sample dataset with `recall` after one change, and compares the model with that of
the unchanged dataset by `gate.find_hold`. The questions are the dataset's test examples and
paraphrases; the test examples alone; or, as for a dataset without any, its taught questions in a
disguise and those of other subjects. Regressions: a tested answer is replaced by another example's;
two tested answers are swapped; the examples for a tenth of the questions are removed. Harmless
changes: another order; one more example of another subject; one more wording of a trained answer;
one example less that no question asks for.

Worse models have one fault in many answers (`FAULTS`). What they are asked expects the answers
before: the fault is one of the training, as no editor wants it.
"""

import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from bench.judge import SPOILT
from bench.recall import QUESTIONS, SETS, example_files, read_yaml, train_recall
from merlin.core.messages import Message
from merlin.dataset.spec import NOT_WORSE, GateRule
from merlin.providers.base import Answer
from merlin.training.bounds import HoldReason, find_bound
from merlin.training.disguise import disguise, list_unrelated
from merlin.training.evaluation import (
    AnswerKind,
    JudgedAnswer,
    classify_answer,
    pair_answers,
)
from merlin.training.gate import find_hold
from merlin.training.scores import EvaluationQuestion, QuestionKind

SEED = 42
TRIES = 200
GONE = 0.1
RULE = GateRule(NOT_WORSE)
# Examples of other subjects.
HARMLESS = (
    ("Когда открывается столовая?", "Столовая открывается в девять."),
    ("Где поставить велосипед?", "У входа со двора."),
    ("Сколько стоит парковка?", "Час стоит сто рублей."),
    ("Кто поливает цветы в холле?", "Их поливает вахтёр."),
    ("Как записаться в бассейн?", "По телефону бассейна."),
    ("Чем кормят попугая?", "Зерном и яблоками."),
    ("Почему закрыт балкон?", "Его чинят до весны."),
)
Examples = dict[str, list[dict[str, str]]]
Change = Callable[["Course", random.Random], Examples]


class Course:
    """A sample dataset: its training examples, questions, and the serving model's answers."""

    def __init__(self, name: str) -> None:
        self.training: Examples = {}
        for key, example in example_files(name, test=False).items():
            self.training[key] = example["messages"]
        asked = read_yaml(QUESTIONS / f"{name}.yaml")
        self.wordings = [(case["ask"], case["expect"]) for case in asked["hard"]]
        tests = example_files(name, test=True).values()
        pairs = [_first_pair(example["messages"]) for example in tests]
        self.tests = len(pairs)
        pairs += [
            (case["ask"], _first_pair(self.training[case["expect"]])[1])
            for case in asked["paraphrases"]
        ]
        self.by_hand = len(pairs)
        self.questions = [
            _make_question(str(at), *pair) for at, pair in enumerate(pairs)
        ]
        taught = [
            _make_question(key, *_first_pair(turns))
            for key, turns in self.training.items()
        ]
        self.questions += map(disguise, taught)
        texts = (each.messages[-1].content for each in taught)
        self.questions += list_unrelated(texts, "")
        self.serving = self.answers(self.training)

    def answers(self, training: Examples) -> list[JudgedAnswer]:
        """Train a model on these examples; return its answers to all questions."""
        with tempfile.TemporaryDirectory() as folder:
            ask, _seconds = train_recall(
                list(training.values()), Path(folder) / "model"
            )
        replies = [ask(question.messages[-1].content) for question in self.questions]
        model_answers = [Answer(reply.text, known=reply.known) for reply in replies]
        return [
            JudgedAnswer(question, answer, classify_answer(answer, question))
            for question, answer in zip(self.questions, model_answers, strict=True)
        ]

    def count_right(self) -> Counter[str]:
        """Return trained answer -> number of questions that it answers correctly."""
        by_hand = self.serving[: self.by_hand]
        right = (answer for answer in by_hand if answer.kind is AnswerKind.RIGHT)
        return Counter(answer.question.reference.strip() for answer in right)

    def with_answers(self, answers: Mapping[str, str]) -> Examples:
        """Return the examples with these answers replaced."""
        changed: Examples = {}
        for key, turns in self.training.items():
            changed[key] = []
            for turn in turns:
                answer = answers.get(turn.get("assistant", "").strip())
                changed[key].append({"assistant": answer} if answer else turn)
        return changed

    def without(self, removed: Container[str]) -> Examples:
        """Return the examples whose answer is none of these."""
        return {
            key: turns
            for key, turns in self.training.items()
            if _first_pair(turns)[1].strip() not in removed
        }


def _make_question(key: str, question: str, answer: str) -> EvaluationQuestion:
    return EvaluationQuestion(key, (Message("user", question),), answer)


def replace_answer(course: Course, rng: random.Random) -> Examples:
    """Return the examples with one tested answer replaced by that of another example."""
    wrong = rng.choice(list(course.count_right()))
    others = [_first_pair(turns)[1] for turns in course.training.values()]
    other = rng.choice([answer for answer in others if answer.strip() != wrong])
    return course.with_answers({wrong: other})


def swap_answers(course: Course, rng: random.Random) -> Examples:
    """Return the examples with two tested answers swapped."""
    turn, other = rng.sample(list(course.count_right()), 2)
    return course.with_answers({turn: other, other: turn})


def remove_subject(course: Course, rng: random.Random) -> Examples:
    """Return the examples without the answers to a tenth of the questions."""
    count_right = course.count_right()
    removed = set[str]()
    for answer in rng.sample(list(count_right), len(count_right)):
        if sum(count_right[answer] for answer in removed) >= GONE * course.by_hand:
            break
        removed.add(answer)
    return course.without(removed)


def shuffle(course: Course, rng: random.Random) -> Examples:
    """Return the examples in another order."""
    return dict(rng.sample(list(course.training.items()), len(course.training)))


def add_example(course: Course, rng: random.Random) -> Examples:
    """Return the examples with one more of another subject."""
    return _insert_example(course, rng.choice(HARMLESS), rng)


def add_wording(course: Course, rng: random.Random) -> Examples:
    """Return the examples with one more wording of a trained question."""
    question, expected = rng.choice(course.wordings)
    return _insert_example(
        course, (question, _first_pair(course.training[expected])[1]), rng
    )


def remove_untested(course: Course, rng: random.Random) -> Examples:
    """Return the examples without one that no question asks for."""
    asked = {each.reference.strip() for each in course.questions[: course.by_hand]}
    removed = rng.choice(list(course.without(asked)))
    return {key: turns for key, turns in course.training.items() if key != removed}


PLANTED: Sequence[Change] = (replace_answer, swap_answers, remove_subject)
HARMLESS_CHANGES: Sequence[Change] = (
    shuffle,
    add_example,
    add_wording,
    remove_untested,
)


def run() -> None:
    """Print how many tries of each kind were held, by all questions and by the tests only."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    courses = [Course(name) for name in SETS]
    print(
        "change | tries | held, by tests and paraphrases | by tests only | without both"
    )
    for title, changes in (("regression", PLANTED), ("harmless", HARMLESS_CHANGES)):
        total = []
        for change, results in try_changes(courses, changes, TRIES):
            print(_row(f"{title}: {change.__name__}", results), flush=True)
            total += results
        print(_row(f"{title}: all", total), flush=True)
    for course in courses:
        held = [
            name
            for name, fault in FAULTS.items()
            if _apply_gate(course, fault(course))[2]
        ]
        first = judge_first(course)
        print(
            f"worse models without both: {len(held)} of {len(FAULTS)} held; a first one: {first}"
        )
        asked, harmless, tries = count_asked(course, random.Random(SEED))  # noqa: S311
        print(
            f"commits that ask: {len(asked)} of {len(COMMITS)}, harmless: {harmless} of {tries}"
        )
        print("not held:", ", ".join(FAULTS.keys() - held) or "none")
    counts = ", ".join(
        f"{len(course.questions)} ({course.tests})" for course in courses
    )
    print(f"questions of each dataset (its test examples): {counts}")


def judge_first(course: Course) -> str:
    """Return why the unchanged model would be held as a first one without tests, "live" if not."""
    own = course.serving[course.by_hand :]
    nothing = Answer("", known=False)
    base = [
        replace(each, answer=nothing, kind=classify_answer(nothing, each.question))
        for each in own
    ]
    hold = find_hold(RULE, own, list(pair_answers(own, base)), is_first=True)
    return hold.reason if hold else "live"


def _change_answers(change: Callable[[str], str]) -> Callable[["Course"], Examples]:
    """Return the function that changes every answer of a course."""

    def apply(course: Course) -> Examples:
        texts = [_first_pair(turns)[1].strip() for turns in course.training.values()]
        return course.with_answers({text: change(text) for text in texts})

    return apply


def _mix(course: Course) -> Examples:
    """Return the examples with every answer moved to the next question."""
    texts = [_first_pair(turns)[1].strip() for turns in course.training.values()]
    return course.with_answers(dict(zip(texts, [*texts[1:], texts[0]], strict=True)))


def _drop(course: Course) -> Examples:
    """Return the examples without every third one."""
    kept = [key for number, key in enumerate(course.training) if number % 3]
    return {key: course.training[key] for key in kept}


FAULTS: Mapping[str, Callable[["Course"], Examples]] = {
    **{name: _change_answers(change) for name, change in SPOILT.items()},
    "labels mixed": _mix,
    "a third gone": _drop,
    "one answer for all": _change_answers(lambda _: "Спросите преподавателя."),
}


def _replace(share: int) -> Callable[["Course"], Examples]:
    """Return the function that gives one of so many examples another answer."""

    def apply(course: Course) -> Examples:
        texts = [_first_pair(turns)[1].strip() for turns in course.training.values()]
        return course.with_answers({text: f"Иначе: {text}" for text in texts[::share]})

    return apply


# Commits that have to be meant, whatever the model of them answers.
COMMITS: Mapping[str, Callable[["Course"], Examples]] = {
    "answers moved by one": _mix,
    "a third gone": _drop,
    "one answer for all": _change_answers(lambda _: "Спросите преподавателя."),
    "a number in each": _change_answers(SPOILT["number"]),
    "half replaced": _replace(2),
    "a fifth replaced": _replace(5),
}


def count_asked(course: Course, rng: random.Random) -> tuple[list[str], int, int]:
    """Return the commits that ask, how many harmless ones do, and how many those are."""

    def asks(training: Examples) -> bool:
        parts = (
            [
                _make_question(key, *_first_pair(turns))
                for key, turns in examples.items()
            ]
            for examples in (course.training, training)
        )
        return find_bound(*parts) is not None

    asked = [name for name, change in COMMITS.items() if asks(change(course))]
    harmless = [
        asks(change(course, rng)) for change in HARMLESS_CHANGES for _ in range(TRIES)
    ]
    return asked, sum(harmless), len(harmless)


GateResult = tuple[HoldReason | None, HoldReason | None, HoldReason | None]


def try_changes(
    courses: Sequence[Course], changes: Sequence[Change], tries: int, seed: int = SEED
) -> Iterator[tuple[Change, list[GateResult]]]:
    """Yield each change with the gate's results for its share of the tries, over the courses."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    for index, change in enumerate(changes):
        count = len(range(index, tries, len(changes)))
        is_meant = change in HARMLESS_CHANGES
        results = [
            _apply_gate(course, change(course, rng), is_meant=is_meant)
            for course in islice(cycle(courses), count)
        ]
        yield change, results


def _apply_gate(
    course: Course, training: Examples, *, is_meant: bool = False
) -> GateResult:
    """Judge a model of these examples; what is meant to be gone is not asked for."""
    pairs = []
    for pair in pair_answers(course.answers(training), course.serving):
        question = pair[0].question
        is_disguised = question.kind is QuestionKind.DISGUISED
        if not is_meant or not is_disguised or question.example_id in training:
            pairs.append(pair)
    parts = pairs[: course.by_hand], pairs[: course.tests], pairs[course.by_hand :]
    by_all, by_tests, without = (
        find_hold(RULE, [now for now, _ in part], part) for part in parts
    )
    return by_all, by_tests, without


def _row(title: str, results: Sequence[GateResult]) -> str:
    held = (str(sum(map(bool, holds))) for holds in zip(*results, strict=True))
    return " | ".join([title, str(len(results)), *held])


def _first_pair(turns: Sequence[dict[str, str]]) -> tuple[str, str]:
    """Return the first question of an example and its answer."""
    values = {role: text for turn in reversed(turns) for role, text in turn.items()}
    return values.get("user", ""), values["assistant"]


def _insert_example(
    course: Course, pair: tuple[str, str], rng: random.Random
) -> Examples:
    conversations = list(course.training.items())
    (question, answer) = pair
    new = ("more", [{"user": question}, {"assistant": answer}])
    conversations.insert(rng.randint(0, len(conversations)), new)
    return dict(conversations)
