"""Asking questions of weights in training: which answer each gets, by what score.

The same reading as in serving: alone and with earlier turns, the highest score wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merlin.engine.trainers.recall.documents import Documents
from merlin.engine.trainers.recall.features import Floats, Whole
from merlin.engine.trainers.recall.question import LEAST_ALONE, Taught
from merlin.engine.trainers.recall.weights import Weights, cross_entropy

UNKNOWN_ANSWER = -1
_SCORES_AT_A_TIME = 4_000_000


@dataclass(frozen=True)
class Result:
    """Per question: the chosen answer, and the scores of the right one and of the best other.

    The scores, and which is the best other, are of the reading that is taught; the score of a
    right answer that was never taught is -1.
    """

    chosen: Whole
    own: Floats
    other: Floats
    other_answer: Whole


class Exam:
    """Questions with their right answers; `right` is UNKNOWN_ANSWER for one never taught."""

    def __init__(
        self, taught: Sequence[Taught], numbers: dict[str, int], answers: dict[str, int]
    ) -> None:
        readings = [reading for turn in taught for reading in turn.readings]
        self._documents = Documents.of(readings, numbers)
        self._starts = np.cumsum([0, *(len(turn.readings) for turn in taught)])
        self._back = np.concatenate([np.arange(len(turn.readings)) for turn in taught])
        self.right = np.array([answers.get(turn.answer, UNKNOWN_ANSWER) for turn in taught])

    def __len__(self) -> int:
        return len(self.right)

    def ask(self, weights: Weights, turns: Whole, asked: Whole) -> Result:
        """Ask the questions `asked` (their numbers), some at a time to bound the memory."""
        units = weights.unit_rows()
        size = max(1, _SCORES_AT_A_TIME // len(units))
        parts = [
            self._ask(weights, units, turns, asked[first : first + size])
            for first in range(0, len(asked), size)
        ]
        return Result(
            np.concatenate([part.chosen for part in parts]),
            np.concatenate([part.own for part in parts]),
            np.concatenate([part.other for part in parts]),
            np.concatenate([part.other_answer for part in parts]),
        )

    def _ask(self, weights: Weights, units: Floats, turns: Whole, asked: Whole) -> Result:
        counts = self._starts[asked + 1] - self._starts[asked]
        lasts = np.cumsum(counts) - 1
        readings = np.repeat(self._starts[asked + 1] - 1 - lasts, counts) + np.arange(counts.sum())
        scores = weights.points(self._documents, readings) @ units.T
        back = self._back[readings]
        rows = np.repeat(np.arange(len(asked)), counts)
        deep = back > 0
        alone = scores[(lasts - counts + 1)[rows[deep]]]
        may_follow = (turns >> back[deep, None] & 1) & (alone >= LEAST_ALONE)
        scores[deep] = np.where(may_follow, scores[deep], -1.0)
        nearest = scores.argmax(1)
        best = scores[np.arange(len(scores)), nearest]
        # the reading of the highest score, per question; the deeper one when two are equal
        winners = np.lexsort((back, best, rows))[lasts]
        chosen = nearest[winners]
        right = self.right[asked]
        own = np.where(right >= 0, scores[lasts, right], -1.0)
        scores[lasts[right >= 0], right[right >= 0]] = -1.0
        other = scores.argmax(1)[lasts]
        return Result(chosen, own, scores[lasts, other], other)

    def loss(self, weights: Weights, asked: Whole) -> float | None:
        """Return the mean cross-entropy over those questions whose answer was taught."""
        asked = asked[self.right[asked] >= 0]
        if not len(asked):
            return None
        points = weights.points(self._documents, self._starts[asked + 1] - 1)
        scores = points @ weights.unit_rows().T
        total, _slope = cross_entropy(scores, self.right[asked], np.ones(len(asked), np.float32))
        return total / len(asked)
