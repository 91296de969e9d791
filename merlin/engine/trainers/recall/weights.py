"""The parameters of `recall`: a gain per term, a vector per answer, and thresholds.

If either is all zero, no question has a score and nothing is answered. A step minimises a softmax
loss over the answers with cosine-like scores, with row-wise Adagrad and word dropout as the only
augmentation. Texts are rows of term indices. The thresholds below which the answer is "unknown" are
computed from the training file only: the score of a trained question with the other answers is an
estimate of the score of a similar but untrained question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merlin.engine.trainers.recall.draws import (
    Bits,
    Floats,
    Integers,
    key,
    keys,
    normal,
    splitmix,
    uniform,
)
from merlin.engine.trainers.recall.text import MIN_ALONE_SCORE, Taught, Terms

SHARPNESS = np.float32(14.0)
DROPOUT = 0.3
GAIN_RATE = 0.05
MIN_GAIN, MAX_GAIN = 0.1, 3.0
START_SPREAD = 0.001
# The initial accumulator of Adagrad keeps the first, still random steps of an answer small.
START_MEMORY = 0.2
# Above this number of answers, a step uses a sampled softmax.
MAX_COMPARED = 1_000
RANDOM_OTHERS = 500
_TINY = np.float32(1e-12)
UNKNOWN_ANSWER = -1
_SCORES_AT_A_TIME = 4_000_000
# Higher values reject more questions and answer fewer; chosen on the three shipped sets.
QUANTILE = 0.8
MIN_THRESHOLD = 0.3
_MAX_SAMPLED = 1_000
_LEAST = 1e-6


@dataclass(frozen=True)
class Documents:
    """Texts as rows: `terms[starts[i]:starts[i + 1]]` are the term numbers of text i.

    `keys[i]` is the random key of text i.
    """

    terms: Integers
    starts: Integers
    keys: Bits

    @classmethod
    def of(cls, rows: Sequence[Terms], numbers: dict[str, int]) -> Documents:
        """Return `rows` as term indices, assigning new terms the next ones; no row may be empty."""
        flat = [numbers.setdefault(term, len(numbers)) for row in rows for term in row]
        starts = np.cumsum([0, *(len(row) for row in rows)])
        return cls(np.array(flat, np.int64), starts, keys(rows))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def flat(self, chosen: Integers) -> tuple[Integers, Integers]:
        """Return the concatenated terms of the chosen rows, and the start of each row."""
        lengths = self.starts[chosen + 1] - self.starts[chosen]
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        offsets = np.repeat(self.starts[chosen] - begins, lengths)
        return self.terms[offsets + np.arange(len(offsets))], begins


class Weights:
    """Gains and rows, the seed of their training, and Adagrad's memory.

    `placed` are the terms' vectors and masses, `terms` and `answers` the numbers by which they
    draw. What is drawn at random depends on the seed, the epoch and the text, term or answer it is
    for: neither the order of a file nor one text more changes what the others draw. Only the terms
    of `words` have gains to learn: a whole text is met once.
    """

    def __init__(
        self,
        placed: tuple[Floats, Floats],
        words: NDArray[np.bool_],
        terms: Bits,
        answers: Bits,
        seed: tuple[int, ...],
    ) -> None:
        self.vectors, self.masses = placed
        self.seed = seed
        self._gain_rates = np.float32(GAIN_RATE) * words
        self._terms, self._answers = terms, answers
        dimensions = self.vectors.shape[1]
        self.gains = np.ones(len(terms), np.float32)
        spread = np.float32(START_SPREAD * dimensions**0.5)
        self.rows = normal(splitmix(answers ^ key(*seed)), 0, dimensions) * spread
        self._gain_memory = np.zeros(len(terms), np.float32)
        self._row_memory = np.full(len(answers), START_MEMORY, np.float32)

    def order(self, documents: Documents, epoch: int) -> Integers:
        """Return the indices of all documents in this epoch's random order."""
        return np.argsort(splitmix(documents.keys ^ key(*self.seed, epoch)), kind="stable")

    def frozen(self) -> Weights:
        """Return a snapshot of the weights."""
        frozen = copy(self)
        frozen.rows = self.unit_rows()  # the gains are replaced at each step, never mutated
        return frozen

    def points(self, documents: Documents, chosen: Integers) -> Floats:
        """Return the vectors of the chosen documents, shape (len(chosen), dimensions)."""
        terms, begins = documents.flat(chosen)
        gains = self.gains[terms]
        sums = np.add.reduceat(self.vectors[terms] * gains[:, None], begins, axis=0)
        return np.asarray(sums / self._lengths(terms, gains, begins), np.float32)

    def unit_rows(self) -> Floats:
        """Return the answers' rows normalised to length 1; a row of zeros stays zero."""
        return _unit(self.rows)

    def learn(
        self,
        documents: Documents,
        chosen: Integers,
        classes: Integers,
        weights: Floats,
        rivals: Integers,
        rate: float,
        moment: int,
    ) -> float:
        """Run one step on the chosen documents; return the sum of their weighted losses.

        `classes` are their answers, `weights` the weights of their losses; `beside` are answers
        that the softmax always includes. `moment` is part of the random key.
        """
        flat, begins = documents.flat(chosen)
        counts = np.diff(np.append(begins, len(flat)))
        drawn = np.repeat(documents.keys[chosen] ^ key(*self.seed, moment), counts)
        gains = self.gains[flat] * self._dropout(
            splitmix(drawn ^ self._terms[flat]), begins, counts
        )
        # one small matrix, documents by terms, makes the rest of the step matrix products
        terms, columns = np.unique(flat, return_inverse=True)
        rows = np.repeat(np.arange(len(counts)), counts)
        mixing = np.zeros((len(counts), len(terms)), np.float32)
        mixing[rows, columns] = gains
        vectors = self.vectors[terms]
        sums = mixing @ vectors
        lengths = self._lengths(flat, gains, begins)
        points: Floats = sums / lengths

        compared = self._compared(classes, rivals, drawn[:1])
        units = _unit(self.rows[compared])
        right = np.searchsorted(compared, classes)
        loss, slope = cross_entropy(points @ units.T, right, weights)

        toward_points = slope @ units
        toward_sums = toward_points / lengths
        pull = (toward_points * sums).sum(1) / lengths[:, 0] ** 3
        along = (toward_sums @ vectors.T)[rows, columns]
        along = along - pull[rows] * gains * self.masses[flat]
        self._step_rows(compared, units, slope.T @ points, rate)
        self._step_gains(flat, np.where(gains > 0, along, np.float32(0)))
        return loss

    def _lengths(self, terms: Integers, gains: Floats, begins: Integers) -> Floats:
        mass = np.add.reduceat(gains * gains * self.masses[terms], begins)
        return np.asarray(np.sqrt(np.maximum(mass, _TINY))[:, None], np.float32)

    def _dropout(self, drawn: Bits, begins: Integers, counts: Integers) -> Floats:
        """Apply word dropout, but never drop all words of a text."""
        is_kept = uniform(drawn) >= DROPOUT
        empty = ~np.logical_or.reduceat(is_kept, begins)
        return np.asarray(is_kept | np.repeat(empty, counts), np.float32)

    def _compared(self, classes: Integers, rivals: Integers, drawn: Bits) -> Integers:
        if len(self.rows) <= MAX_COMPARED:
            return np.arange(len(self.rows))
        share = RANDOM_OTHERS / len(self.rows)
        sampled = np.flatnonzero(uniform(splitmix(self._answers ^ drawn)) < share)
        return np.unique(np.concatenate([classes, sampled, rivals]))

    def _step_rows(self, chosen: Integers, units: Floats, slope: Floats, rate: float) -> None:
        # Only the component orthogonal to the row rotates it. The gradient is not divided by the
        # row's length, or the first step, from a tiny row, would dominate the accumulator.
        slope = slope - (slope * units).sum(1, keepdims=True) * units
        self._row_memory[chosen] += (slope * slope).mean(1)
        step = rate / np.sqrt(self._row_memory[chosen] + _TINY)
        self.rows[chosen] -= (step[:, None] * slope).astype(np.float32)

    def _step_gains(self, terms: Integers, slope: Floats) -> None:
        total = np.bincount(terms, slope, minlength=len(self.gains)).astype(np.float32)
        self._gain_memory += total * total
        step = self._gain_rates * total / np.sqrt(self._gain_memory + _TINY)
        self.gains = np.clip(self.gains - step, MIN_GAIN, MAX_GAIN)


def mean(frozen: Sequence[Weights]) -> Weights:
    """Return the mean of several snapshots, oldest first."""
    middle = copy(frozen[-1])
    middle.rows = np.mean([weights.rows for weights in frozen], axis=0, dtype=np.float32)
    middle.gains = np.mean([weights.gains for weights in frozen], axis=0, dtype=np.float32)
    return middle


def _unit(rows: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(lengths, _TINY)[:, None], np.float32)


def cross_entropy(scores: Floats, right: Integers, weights: Floats) -> tuple[float, Floats]:
    """Return the summed weighted softmax loss, and its gradient with respect to the scores."""
    logits = (scores - scores.max(1, keepdims=True)) * SHARPNESS
    chances = np.exp(logits)
    chances /= chances.sum(1, keepdims=True)
    here = np.arange(len(right))
    loss = -np.log(chances[here, right] + _TINY)
    chances[here, right] -= 1.0
    slope = chances * (weights[:, None] * SHARPNESS)
    return float((loss * weights).sum()), slope


class Result(NamedTuple):
    """Per question: the chosen answer, and the scores of the right one and of the best other.

    The scores, and which is the best other, are of the reading that is taught; the score of a
    right answer that was never taught is -1.
    """

    chosen: Integers
    own: Floats
    other: Floats
    other_answer: Integers


class Evaluation:
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

    def ask(self, weights: Weights, turns: Integers, question_indices: Integers) -> Result:
        """Return the results of the questions `question_indices`, in batches to bound memory."""
        if not len(question_indices):  # every question contradicts another
            nothing = np.empty(0, np.float32)
            return Result(question_indices, nothing, nothing, question_indices)
        units = weights.unit_rows()
        parts = [
            self._ask(weights, units, turns, part) for part in _parts(question_indices, len(units))
        ]
        return Result(*map(np.concatenate, zip(*parts, strict=True)))

    def _ask(
        self, weights: Weights, units: Floats, turns: Integers, question_indices: Integers
    ) -> Result:
        counts = self._starts[question_indices + 1] - self._starts[question_indices]
        lasts = np.cumsum(counts) - 1
        readings = np.repeat(self._starts[question_indices + 1] - 1 - lasts, counts) + np.arange(
            counts.sum()
        )
        scores = weights.points(self._documents, readings) @ units.T
        back = self._back[readings]
        rows = np.repeat(np.arange(len(question_indices)), counts)
        deep = back > 0
        alone = scores[(lasts - counts + 1)[rows[deep]]]
        may_follow = (turns >> back[deep, None] & 1) & (alone >= MIN_ALONE_SCORE)
        scores[deep] = np.where(may_follow, scores[deep], -1.0)
        nearest = scores.argmax(1)
        best = scores[np.arange(len(scores)), nearest]
        # the reading of the highest score, per question; the deeper one when two are equal
        winners = np.lexsort((back, best, rows))[lasts]
        chosen = nearest[winners]
        right = self.right[question_indices]
        own = np.where(right >= 0, scores[lasts, right], -1.0)
        scores[lasts[right >= 0], right[right >= 0]] = -1.0
        runner_up = scores.argmax(1)[lasts]
        return Result(chosen, own, scores[lasts, runner_up], runner_up)

    def nearest(self, weights: Weights, question_indices: Integers) -> Floats:
        """Return each answer's best score among `question_indices` that are not its own."""
        units = weights.unit_rows()
        best = np.full(len(units), -1.0, np.float32)
        for part in _parts(question_indices, len(units)):
            scores = weights.points(self._documents, self._starts[part + 1] - 1) @ units.T
            scores[np.arange(len(part)), self.right[part]] = -1.0
            best = np.maximum(best, scores.max(0))
        return best

    def loss(self, weights: Weights, question_indices: Integers) -> float | None:
        """Return the mean cross-entropy over the questions whose answer was trained."""
        question_indices = question_indices[self.right[question_indices] >= 0]
        if not len(question_indices):
            return None
        points = weights.points(self._documents, self._starts[question_indices + 1] - 1)
        scores = points @ weights.unit_rows().T
        total, _slope = cross_entropy(
            scores, self.right[question_indices], np.ones(len(question_indices), np.float32)
        )
        return total / len(question_indices)


def _parts(question_indices: Integers, answers: int) -> Iterator[Integers]:
    """Yield `question_indices` some at a time, to bound the memory of their scores."""
    size = max(1, _SCORES_AT_A_TIME // answers)
    for first in range(0, len(question_indices), size):
        yield question_indices[first : first + size]


def thresholds(weights: Weights, evaluation: Evaluation, turns: Integers) -> tuple[Floats, bool]:
    """Return the threshold of each answer, and whether one went down to its own taught question.

    Evaluates at most 1,000 trained questions.

    A threshold is the mean of a global value, the QUANTILE of the best scores with other answers,
    and the best score that a trained question of another answer has with this one, so that a dense
    subject does not suppress a sparse one. Few questions are little evidence, so it is at least
    MIN_THRESHOLD. It is never above the score of a correctly answered trained question, and is
    above 0.
    """
    question_indices = np.unique(
        np.linspace(0, len(evaluation) - 1, min(len(evaluation), _MAX_SAMPLED)).astype(np.int64)
    )
    result = evaluation.ask(weights, turns, question_indices)
    usual = np.quantile(result.other, QUANTILE)
    requested = np.maximum(
        (usual + evaluation.nearest(weights, question_indices)) / 2, MIN_THRESHOLD
    )
    is_right = result.chosen == evaluation.right[question_indices]
    lowest = np.ones(len(turns))
    np.minimum.at(lowest, result.chosen[is_right], result.own[is_right])
    margins = np.maximum(np.minimum(requested, lowest - _LEAST), _LEAST).astype(np.float32)
    return margins, bool((lowest < requested).any())
