"""How answers are judged where it is asked whether a model learnt anything.

chrF of sentences (0..100, sacrebleu's defaults). To repeat the manner of the taught answers is not
to know them: so an answer counts for what it is closer to its own reference than, on the average,
to the other taught answers. How sure a mean is tells a bootstrap over the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sacrebleu.metrics.chrf import CHRF

RESAMPLES, SURE = 10_000, 0.95
_CHRF = CHRF()


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


def likeness(answer: str, reference: str) -> float:
    """Return the chrF of one answer."""
    return float(_CHRF.sentence_score(answer.strip(), [reference]).score)


def likenesses(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the chrF of each answer to its own reference."""
    return [likeness(*pair) for pair in zip(answers, references, strict=True)]


def beyond_form(
    answers: Sequence[str], references: Sequence[str], taught: Sequence[str]
) -> list[float]:
    """Return for each answer how much closer it is to its own reference than to other answers."""
    return [
        likeness(answer, own)
        - float(np.mean([likeness(answer, one) for one in taught if one != own]))
        for answer, own in zip(answers, references, strict=True)
    ]


def mean(values: Sequence[float], seed: int = 1) -> Mean:
    """Return the mean of values that were drawn together, with its interval."""
    drawn = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    places = rng.integers(0, len(drawn), size=(RESAMPLES, len(drawn)))
    tail = 50 * (1 - SURE)
    low, high = np.percentile(drawn[places].mean(axis=1), [tail, 100 - tail])
    return Mean(float(drawn.mean()), float(low), float(high))
