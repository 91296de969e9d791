"""When training with `n_epochs: auto` is enough: every taught question gets its taught answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merlin.engine.trainers.recall.exam import Exam
from merlin.engine.trainers.recall.features import Whole
from merlin.engine.trainers.recall.weights import Weights

LEAST_EPOCHS = 25
RIGHT_IN_A_ROW = 5
_SAMPLE = 1_000
_NEARLY = 0.01
_NARROW, _WATCHED = 0.05, 0.15


@dataclass(frozen=True)
class Mistakes:
    """Questions that are answered wrong or nearly so, and the wrong answers they come near."""

    asked: Whole
    answers: Whole


NO_MISTAKES = Mistakes(np.empty(0, np.int64), np.empty(0, np.int64))


class Enough:
    """Asks the taught questions after each epoch.

    All of a small file. Of a large one a sample of 1,000; once that is nearly right, all of them,
    and from then on those that won by little: asking all costs more than an epoch. `hopeless` are
    the questions taught with several answers, which no training makes right.
    """

    def __init__(
        self, exam: Exam, turns: Whole, hopeless: Sequence[int], *, is_large: bool
    ) -> None:
        self.mistakes = NO_MISTAKES
        self.is_near = False  # only ever with a large file: time to settle
        self.is_all_right = False
        self._exam = exam
        self._turns = turns
        self._learnable = np.setdiff1d(np.arange(len(exam)), hopeless)
        self._is_large = is_large
        places = np.linspace(0, len(exam) - 1, min(len(exam), _SAMPLE)).astype(np.int64)
        self._sample = places if is_large else np.arange(len(exam))
        self._watched = self._learnable
        self._in_a_row = 0

    def accuracy(self, weights: Weights) -> float:
        """Return the share of (sampled) taught questions answered right."""
        wrong = self._wrong(weights, self._sample)
        avoidable = int(np.isin(wrong, self._learnable).sum())
        self._in_a_row = 0 if avoidable else self._in_a_row + 1
        is_nearly_right = avoidable <= _NEARLY * len(self._sample)
        self.is_near = self.is_near or (self._is_large and is_nearly_right)
        return 1.0 - len(wrong) / len(self._sample)

    def is_reached(self, weights: Weights, epoch: int) -> bool:
        """Return whether training may end; call it after `accuracy` of the same epoch."""
        if self._is_large:
            self.is_all_right = self._is_all_right(weights)
        else:
            self.is_all_right = self._in_a_row >= RIGHT_IN_A_ROW and epoch >= LEAST_EPOCHS
        return self.is_all_right

    def _is_all_right(self, weights: Weights) -> bool:
        asked = self._watched
        if not self.is_near or not self._is_right(weights, asked):
            return False
        return len(asked) == len(self._learnable) or self._is_right(weights, self._learnable)

    def _is_right(self, weights: Weights, asked: Whole) -> bool:
        """Ask these; watch those that win by little, repeat those that win by almost nothing."""
        result = self._exam.ask(weights, self._turns, asked)
        lead = result.own - result.other
        is_wrong = result.chosen != self._exam.right[asked]
        is_close = is_wrong | (lead < _NARROW)
        self.mistakes = Mistakes(asked[is_close], result.other_answer[is_close])
        self._watched = asked[is_wrong | (lead < _WATCHED)]
        return not is_wrong.any()

    def left(self, weights: Weights) -> list[int]:
        """Return which learnable questions are not answered as taught."""
        wrong: list[int] = self._wrong(weights, self._learnable).tolist()
        return wrong

    def _wrong(self, weights: Weights, asked: Whole) -> Whole:
        chosen = self._exam.ask(weights, self._turns, asked).chosen
        return np.asarray(asked[chosen != self._exam.right[asked]], np.int64)
