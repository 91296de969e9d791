"""Split examples into training and test examples.

An unmarked example is assigned by the hash of its normalised first question, so adding examples
never moves an old one, and equal questions stay on one side. Marks take precedence over the hash.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby

from merlin.dataset.example import Example
from merlin.dataset.spec import SplitRule

TRAIN, TEST = "train", "test"
FEWEST = 10  # providers refuse a job with fewer examples (OpenAI SFT guide)
_BUCKETS = 1 << 64


def split(examples: Sequence[Example], rule: SplitRule) -> dict[str, str]:
    """Return each example's side, train or test, by its id.

    If fewer than `FEWEST` are left to train on, test questions are moved to train: those with the
    highest hash first, as with a smaller share; marked ones last.
    """
    marked = {example.facts.question for example in examples if example.split == TRAIN}
    sides = {
        example.id: choose_side(
            example.split or "",
            example.facts.question,
            rule,
            is_taught=example.facts.question in marked,
        )
        for example in examples
    }
    tests = [
        (example.id, example.split or "", example.facts.question)
        for example in examples
        if sides[example.id] == TEST
    ]
    moved = tests_for_training(tests, len(examples) - len(tests), rule)
    sides.update(dict.fromkeys(moved, TRAIN))
    return sides


def choose_side(mark: str, question: str, rule: SplitRule, *, is_taught: bool) -> str:
    """Return the side of an example by its own mark ("" for none) or by its question's hash.

    `is_taught`: another example with this question is marked as train.
    """
    if mark or is_taught:
        return mark or TRAIN
    return TEST if split_bucket(question, rule.salt) < rule.test else TRAIN


def split_bucket(question: str, salt: str) -> float:
    """Return the bucket of a normalised question, 0 <= bucket < 1, uniformly distributed.

    Source: the first 64 bits of sha256 of "<salt>:<question>".
    """
    digest = hashlib.sha256(f"{salt}:{question}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _BUCKETS


def tests_for_training(
    tests: Iterable[tuple[str, str, str]], train_count: int, rule: SplitRule
) -> Sequence[str]:
    """Return the `tests` (id, mark, question) to move to train, so that it has enough examples.

    All examples of a question move together; `train_count` is the number of training examples.
    """
    if train_count >= FEWEST:
        return ()
    ordered = sorted(
        (mark == TEST, -split_bucket(question, rule.salt), question, example_id)
        for example_id, mark, question in tests
    )
    moved: list[str] = []
    for _, same_question in groupby(ordered, key=lambda row: row[:3]):
        if train_count + len(moved) >= FEWEST:
            break
        moved += [row[3] for row in same_question]
    return moved


def has_gate(tests: int, rule: SplitRule) -> bool:
    """Return whether this number of test examples is enough to judge a model."""
    return tests >= max(rule.min_test, 1)
