"""Split examples into training and test examples.

An unmarked example is assigned by the hash of its normalised first question, so adding examples
never moves an old one, and equal questions stay on one side. Marks take precedence over the hash.

`recall` can only give taught answers. For it a question is left out of the training only if another
one with the same answer is in it: an ordinary FAQ, one question an answer, is taught whole.
"""

import hashlib
from collections.abc import Collection, Sequence
from itertools import groupby

from merlin.dataset.example import Example
from merlin.dataset.spec import SplitRule

TRAIN = "train"
TEST = "test"
FEWEST = 10  # providers refuse a job with fewer examples (OpenAI SFT guide)
_BUCKETS = 1 << 64


def split(
    examples: Sequence[Example], rule: SplitRule, *, is_recall: bool = False
) -> dict[str, str]:
    """Return each example's side, train or test, by its id.

    If fewer than `FEWEST` are left to train on, test questions are moved to train, all examples of
    a question together: those with the highest hash first, as with a smaller share; marked ones
    last.
    """
    taught = {example.normal_question for example in examples if example.split == TRAIN}
    sides = {example.id: _choose_side(example, taught, rule) for example in examples}
    if is_recall:
        _teach_each_answer(examples, sides, rule)
    tests = sorted(
        (example for example in examples if sides[example.id] == TEST),
        key=lambda each: (
            each.split == TEST,
            -split_bucket(each.normal_question, rule.salt),
            each.normal_question,
        ),
    )
    train_count = len(examples) - len(tests)
    of_question = groupby(
        tests, key=lambda each: (each.split == TEST, each.normal_question)
    )
    for _, moved in of_question:
        if train_count >= FEWEST:
            break
        ids = [example.id for example in moved]
        sides.update(dict.fromkeys(ids, TRAIN))
        train_count += len(ids)
    return sides


def _teach_each_answer(
    examples: Sequence[Example], sides: dict[str, str], rule: SplitRule
) -> None:
    """Move unmarked test questions to train whose answer no training example has."""
    answers = {each.last_answer_digest for each in examples if sides[each.id] == TRAIN}
    tested = [
        each for each in examples if sides[each.id] == TEST and each.split != TEST
    ]
    tested.sort(
        key=lambda each: (
            -split_bucket(each.normal_question, rule.salt),
            each.normal_question,
        )
    )
    for _, same_question in groupby(tested, key=lambda each: each.normal_question):
        moved = list(same_question)
        own = {example.last_answer_digest for example in moved}
        if not own <= answers:
            sides.update((example.id, TRAIN) for example in moved)
            answers |= own


def _choose_side(example: Example, taught: Collection[str], rule: SplitRule) -> str:
    """Return the side of an example by its own mark, by that of its question, or by its hash."""
    question = example.normal_question
    if example.split or question in taught:
        return example.split or TRAIN
    return TEST if is_of_test(example, rule) else TRAIN


def is_of_test(example: Example, rule: SplitRule) -> bool:
    """Return whether the hash of an example's question assigns it to the test part."""
    return split_bucket(example.normal_question, rule.salt) < rule.test


def split_bucket(question: str, salt: str) -> float:
    """Return the bucket of a normalised question, 0 <= bucket < 1, uniformly distributed.

    Source: the first 64 bits of sha256 of "<salt>:<question>".
    """
    digest = hashlib.sha256(f"{salt}:{question}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _BUCKETS
