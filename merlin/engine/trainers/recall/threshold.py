"""The confidence under which the model says that it does not know.

Set on the training file alone: what a taught question scores among the other answers is what a
near but untaught question gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merlin.engine.trainers.recall.exam import Exam
from merlin.engine.trainers.recall.features import Whole
from merlin.engine.trainers.recall.weights import Weights

# Raises what is rejected and lowers what is answered; chosen on the three shipped sets.
QUANTILE = 0.8
FEW_ANSWERS = 20
LEAST_OF_FEW = 0.2
_ASKED = 1_000
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold, and whether it had to go down to the lowest taught question."""

    score: float
    is_lowered: bool


def threshold(weights: Weights, exam: Exam, turns: Whole) -> Threshold:
    """Return the threshold of these weights; at most 1,000 taught questions are asked for it.

    It is the QUANTILE of the best other score. With few answers that says little, so it is at
    least 0.2. No question that is answered as taught may lie under it, and it is above 0.
    """
    asked = np.unique(np.linspace(0, len(exam) - 1, min(len(exam), _ASKED)).astype(np.int64))
    result = exam.ask(weights, turns, asked)
    score = float(np.quantile(result.other, QUANTILE))
    if len(turns) < FEW_ANSWERS:
        score = max(score, LEAST_OF_FEW)
    own = result.own[result.chosen == exam.right[asked]]
    lowest = float(own.min()) if len(own) else 1.0
    return Threshold(max(min(score, lowest - _LEAST), _LEAST), lowest < score)
