"""Taught turns as numbers: terms and answers numbered, texts as rows of term numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merlin.engine.trainers.recall.features import Floats, Whole
from merlin.engine.trainers.recall.question import Taught, Terms
from merlin.engine.trainers.recall.text import terms

QUESTION_WEIGHT = 1.0
ANSWER_WEIGHT = 0.5
MOST_WITH_ANSWERS = 2_000


@dataclass(frozen=True)
class Documents:
    """Texts as rows: `terms[starts[i]:starts[i + 1]]` are the term numbers of text i."""

    terms: Whole
    starts: Whole

    @classmethod
    def of(cls, rows: Sequence[Terms], numbers: dict[str, int]) -> Documents:
        """Return `rows` as numbers, giving new terms the next ones; no row may be empty."""
        flat = [numbers.setdefault(term, len(numbers)) for row in rows for term in row]
        starts = np.cumsum([0, *(len(row) for row in rows)])
        return cls(np.array(flat, np.int64), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def flat(self, chosen: Whole) -> tuple[Whole, Whole]:
        """Return the terms of the chosen rows one after another, and where each row starts."""
        lengths = self.starts[chosen + 1] - self.starts[chosen]
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        offsets = np.repeat(self.starts[chosen] - begins, lengths)
        return self.terms[offsets + np.arange(len(offsets))], begins


@dataclass(frozen=True)
class Lesson:
    """What one training file teaches.

    `texts` are the questions as taught and, in a small file, the answers as a second and weaker
    view of themselves; `classes` and `weights` belong to them. `turns` has bit d set for an
    answer that was taught d turns after its conversation's first question.
    """

    taught: Sequence[Taught]
    answers: Sequence[str]
    rows: Sequence[Terms]
    classes: Whole
    weights: Floats
    turns: Whole


def lesson(taught: Sequence[Taught]) -> Lesson:
    """Return the texts to train on, with the distinct answers numbered in order."""
    numbers: dict[str, int] = {}
    classes = [numbers.setdefault(turn.answer, len(numbers)) for turn in taught]
    rows = [turn.readings[-1] for turn in taught]
    turns = np.zeros(len(numbers), np.int64)
    for turn, number in zip(taught, classes, strict=True):
        turns[number] |= 1 << turn.back
    weights = [QUESTION_WEIGHT] * len(rows)
    if len(taught) <= MOST_WITH_ANSWERS:
        rows += [terms(answer, question=False) for answer in numbers]
        classes += numbers.values()
        weights += [ANSWER_WEIGHT] * len(numbers)
    return Lesson(
        taught, list(numbers), rows, np.array(classes), np.array(weights, np.float32), turns
    )
