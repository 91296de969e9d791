"""Score answers to decide whether a model has learnt.

chrF of sentences (0..100, sacrebleu's defaults). A model may only imitate the form of the trained
answers, so the score of an answer is its similarity to its own reference minus the average
similarity to the other trained answers. Confidence intervals are bootstrapped over the questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sacrebleu.metrics.chrf import CHRF

RESAMPLES, CONFIDENCE = 10_000, 0.95
_CHRF = CHRF()


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


def similarity(answer: str, reference: str) -> float:
    """Return the chrF of one answer."""
    return float(_CHRF.sentence_score(answer.strip(), [reference]).score)


def similarities(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the chrF of each answer to its own reference."""
    return [similarity(*pair) for pair in zip(answers, references, strict=True)]


def beyond_form(
    answers: Sequence[str], references: Sequence[str], taught: Sequence[str]
) -> list[float]:
    """Return each answer's similarity to its own reference minus that to other answers."""
    return [
        similarity(answer, reference)
        - float(np.mean([similarity(answer, other) for other in taught if other != reference]))
        for answer, reference in zip(answers, references, strict=True)
    ]


def mean(values: Sequence[float], seed: int = 1) -> Mean:
    """Return the mean of values with its bootstrap interval."""
    values_array = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, len(values_array), size=(RESAMPLES, len(values_array)))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values_array[indices].mean(axis=1), [tail, 100 - tail])
    return Mean(float(values_array.mean()), float(low), float(high))
