"""Split: which examples teach and which test; a pure function of examples and salt.

An unmarked example goes by the hash of its normalised first question, so adding examples never
moves an old one, and twins of a question stay on one side. Marks go before the hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merlin.dataset.check import FEWEST
from merlin.dataset.example import Example
from merlin.dataset.sameness import question_key
from merlin.dataset.spec import SplitRule

TRAIN, TEST = "train", "test"
_BUCKETS = 1 << 64


@dataclass(frozen=True, slots=True)
class Split:
    """`sides`: example id -> train | test. `taken_back` test examples teach after all.

    `has_gate`: there are enough test examples (`min_test`) to judge a model by.
    """

    sides: Mapping[str, str]
    taken_back: int
    has_gate: bool


def split(examples: Sequence[Example], rule: SplitRule) -> Split:
    """Return each example's side.

    Train is never left under `FEWEST`: test questions go back, those with the highest hash
    first, which is what a smaller share would have done; marked ones last.
    """
    sides = _sides(examples, rule)
    taken_back = _take_back(examples, rule, sides)
    tests = sum(side == TEST for side in sides.values())
    return Split(sides, taken_back, has_gate=tests >= max(rule.min_test, 1))


def bucket(question: str, salt: str) -> float:
    """Return where a normalised question falls, 0 <= bucket < 1, evenly over questions.

    Source: the first 64 bits of sha256 of "<salt>:<question>".
    """
    digest = hashlib.sha256(f"{salt}:{question}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _BUCKETS


def _sides(examples: Sequence[Example], rule: SplitRule) -> dict[str, str]:
    # A question that somebody marked as taught is taught wherever it is asked.
    taught = {question_key(each) for each in examples if each.split == TRAIN}
    return {each.id: each.split or _by_hash(each, rule, taught) for each in examples}


def _by_hash(example: Example, rule: SplitRule, taught: set[str]) -> str:
    question = question_key(example)
    if question in taught:
        return TRAIN
    return TEST if bucket(question, rule.salt) < rule.test else TRAIN


def _take_back(examples: Sequence[Example], rule: SplitRule, sides: dict[str, str]) -> int:
    """Move whole questions from test to train until train has enough; return how many examples."""
    tests: dict[tuple[bool, float, str], list[str]] = {}
    for example in examples:
        if sides[example.id] == TEST:
            question = question_key(example)
            place = (example.split == TEST, -bucket(question, rule.salt), question)
            tests.setdefault(place, []).append(example.id)
    lacking = FEWEST - (len(examples) - sum(map(len, tests.values())))
    moved = 0
    for place in sorted(tests):
        if moved >= lacking:
            break
        sides.update(dict.fromkeys(tests[place], TRAIN))
        moved += len(tests[place])
    return moved
