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
    draw_normal,
    hash_numbers,
    hash_texts,
    splitmix,
    to_uniform,
)
from merlin.engine.trainers.recall.sentences import normalise_rows
from merlin.engine.trainers.recall.text import MIN_ALONE_SCORE, Terms, Turn

SHARPNESS = np.float32(14.0)
DROPOUT = 0.3
GAIN_RATE = 0.05
MIN_GAIN, MAX_GAIN = 0.1, 3.0
INITIAL_SCALE = 0.001
# The initial accumulator of Adagrad keeps the first, still random steps of an answer small.
INITIAL_ACCUMULATOR = 0.2
# Above this number of answers, a step uses a sampled softmax.
MAX_COMPARED = 1_000
SAMPLED_ANSWERS = 500
_TINY = np.float32(1e-12)
UNKNOWN_ANSWER = -1
_MAX_SCORES = 4_000_000
# Higher values reject more questions and answer fewer; chosen on the three shipped sets.
QUANTILE = 0.8
MIN_THRESHOLD = 0.32
_MAX_SAMPLED = 1_000
# Vectors that were computed together with others differ by less than a thousandth.
_MARGIN = 0.002


@dataclass(frozen=True)
class Documents:
    """Texts as rows: `terms[starts[i]:starts[i + 1]]` are the term numbers of text i.

    `keys[i]` is the random key of text i.
    """

    terms: Integers
    starts: Integers
    keys: Bits

    @classmethod
    def from_rows(cls, rows: Sequence[Terms], numbers: dict[str, int]) -> Documents:
        """Return `rows` as term indices, assigning new terms the next ones; no row may be empty."""
        flat = [numbers.setdefault(term, len(numbers)) for row in rows for term in row]
        starts = np.cumsum([0, *(len(row) for row in rows)])
        return cls(np.array(flat, np.int64), starts, hash_texts(rows))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def select(self, chosen: Integers) -> tuple[Integers, Integers]:
        """Return the concatenated terms of the chosen rows, and the start of each row."""
        lengths = self.starts[chosen + 1] - self.starts[chosen]
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        offsets = np.repeat(self.starts[chosen] - begins, lengths)
        return self.terms[offsets + np.arange(len(offsets))], begins


class Weights:
    """The trainable parameters: a gain per term, a row per answer, and Adagrad's accumulators.

    `placed` are the terms' vectors and masses, `terms` and `answers` their hashes. Random numbers
    are a function of the seed, the epoch, and the hash of the text, term or answer, so neither the
    order of a file nor an additional text changes those of the others. Gains are trained only for
    the terms in `words`: the term of a full text occurs only once.
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
        spread = np.float32(INITIAL_SCALE * dimensions**0.5)
        self.rows = draw_normal(splitmix(answers ^ hash_numbers(*seed)), 0, dimensions) * spread
        self._gain_accumulator = np.zeros(len(terms), np.float32)
        self._row_accumulator = np.full(len(answers), INITIAL_ACCUMULATOR, np.float32)

    def draw_order(self, documents: Documents, epoch: int) -> Integers:
        """Return the indices of all documents in this epoch's random order."""
        return np.argsort(splitmix(documents.keys ^ hash_numbers(*self.seed, epoch)), kind="stable")

    def take_snapshot(self) -> Weights:
        """Return a snapshot of the weights."""
        snapshot = copy(self)  # the gains are replaced at each step, never mutated
        snapshot.rows = normalise_rows(self.rows)
        return snapshot

    def compute_points(self, documents: Documents, chosen: Integers) -> Floats:
        """Return the vectors of the chosen documents, shape (len(chosen), dimensions)."""
        terms, begins = documents.select(chosen)
        gains = self.gains[terms]
        sums = np.add.reduceat(self.vectors[terms] * gains[:, None], begins, axis=0)
        return np.asarray(sums / self._compute_lengths(terms, gains, begins), np.float32)

    def learn(
        self,
        documents: Documents,
        chosen: Integers,
        classes: Integers,
        weights: Floats,
        rivals: Integers,
        rate: float,
        draw_key: int,
    ) -> float:
        """Run one step on the chosen documents; return the sum of their weighted losses.

        `classes` are their answers, `weights` the weights of their losses; `rivals` are answers
        that the softmax always includes. `draw_key` is part of the random key.
        """
        flat, begins = documents.select(chosen)
        counts = np.diff(np.append(begins, len(flat)))
        hashes = np.repeat(documents.keys[chosen] ^ hash_numbers(*self.seed, draw_key), counts)
        gains = self.gains[flat] * self._draw_dropout(
            splitmix(hashes ^ self._terms[flat]), begins, counts
        )
        # a small matrix, documents x terms, reduces the rest of the step to matrix products
        terms, columns = np.unique(flat, return_inverse=True)
        rows = np.repeat(np.arange(len(counts)), counts)
        mixing = np.zeros((len(counts), len(terms)), np.float32)
        mixing[rows, columns] = gains
        vectors = self.vectors[terms]
        sums = mixing @ vectors
        lengths = self._compute_lengths(flat, gains, begins)
        points: Floats = sums / lengths

        answers = self._select_answers(classes, rivals, hashes[:1])
        units = normalise_rows(self.rows[answers])
        right = np.searchsorted(answers, classes)
        loss, slope = cross_entropy(points @ units.T, right, weights)

        toward_points = slope @ units
        toward_sums = toward_points / lengths
        pull = (toward_points * sums).sum(1) / lengths[:, 0] ** 3
        along = (toward_sums @ vectors.T)[rows, columns]
        along = along - pull[rows] * gains * self.masses[flat]
        self._step_rows(answers, units, slope.T @ points, rate)
        self._step_gains(flat, np.where(gains > 0, along, np.float32(0)))
        return loss

    def _compute_lengths(self, terms: Integers, gains: Floats, begins: Integers) -> Floats:
        mass = np.add.reduceat(gains * gains * self.masses[terms], begins)
        return np.asarray(np.sqrt(np.maximum(mass, _TINY))[:, None], np.float32)

    def _draw_dropout(self, hashes: Bits, begins: Integers, counts: Integers) -> Floats:
        """Apply word dropout, but never drop all words of a text."""
        is_kept = to_uniform(hashes) >= DROPOUT
        empty = ~np.logical_or.reduceat(is_kept, begins)
        return np.asarray(is_kept | np.repeat(empty, counts), np.float32)

    def _select_answers(self, classes: Integers, rivals: Integers, hashes: Bits) -> Integers:
        if len(self.rows) <= MAX_COMPARED:
            return np.arange(len(self.rows))
        share = SAMPLED_ANSWERS / len(self.rows)
        sampled = np.flatnonzero(to_uniform(splitmix(self._answers ^ hashes)) < share)
        return np.unique(np.concatenate([classes, sampled, rivals]))

    def _step_rows(self, chosen: Integers, units: Floats, slope: Floats, rate: float) -> None:
        # Only the component orthogonal to the row rotates it. The gradient is not divided by the
        # row's length, or the first step, from a tiny row, would dominate the accumulator.
        slope = slope - (slope * units).sum(1, keepdims=True) * units
        self._row_accumulator[chosen] += (slope * slope).mean(1)
        step = rate / np.sqrt(self._row_accumulator[chosen] + _TINY)
        self.rows[chosen] -= (step[:, None] * slope).astype(np.float32)

    def _step_gains(self, terms: Integers, slope: Floats) -> None:
        total = np.bincount(terms, slope, minlength=len(self.gains)).astype(np.float32)
        self._gain_accumulator += total * total
        step = self._gain_rates * total / np.sqrt(self._gain_accumulator + _TINY)
        self.gains = np.clip(self.gains - step, MIN_GAIN, MAX_GAIN)


def average(snapshots: Sequence[Weights], shares: Sequence[float]) -> Weights:
    """Return the weighted mean of several snapshots, oldest first."""
    averaged = copy(snapshots[-1])
    parts = np.array(shares, np.float32) / np.float32(sum(shares))
    averaged.rows, averaged.gains = np.zeros_like(averaged.rows), np.zeros_like(averaged.gains)
    # One by one: numpy's products of all at once would copy them.
    for part, weights in zip(parts, snapshots, strict=True):
        averaged.rows += part * weights.rows
        averaged.gains += part * weights.gains
    return averaged


def cross_entropy(scores: Floats, right: Integers, weights: Floats) -> tuple[float, Floats]:
    """Return the summed weighted softmax loss, and its gradient with respect to the scores.

    A single answer is compared with one that no question resembles: alone it would learn nothing.
    """
    answers = scores.shape[1]
    if answers == 1:
        scores = np.hstack([scores, np.zeros_like(scores)])
    logits = (scores - scores.max(1, keepdims=True)) * SHARPNESS
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(1, keepdims=True)
    here = np.arange(len(right))
    loss = -np.log(probabilities[here, right] + _TINY)
    probabilities[here, right] -= 1.0
    slope = probabilities * (weights[:, None] * SHARPNESS)
    return float((loss * weights).sum()), slope[:, :answers]


class Result(NamedTuple):
    """Per question: the chosen answer, and the scores of the right answer and of the best other.

    Both scores, and the best other answer, are those of the trained reading; the score of a right
    answer that was not trained is -1.
    """

    chosen: Integers
    own: Floats
    other: Floats
    other_answer: Integers


class Evaluation:
    """Questions with their right answers; `right` is UNKNOWN_ANSWER for one not trained."""

    def __init__(
        self, turns: Sequence[Turn], numbers: dict[str, int], answers: dict[str, int]
    ) -> None:
        readings = [reading for turn in turns for reading in turn.readings]
        self._documents = Documents.from_rows(readings, numbers)
        self._starts = np.cumsum([0, *(len(turn.readings) for turn in turns)])
        self._back = np.concatenate([np.arange(len(turn.readings)) for turn in turns])
        self.right = np.array([answers.get(turn.answer, UNKNOWN_ANSWER) for turn in turns])

    def __len__(self) -> int:
        return len(self.right)

    def evaluate(self, weights: Weights, turns: Integers, question_indices: Integers) -> Result:
        """Return the results of the questions `question_indices`, in batches to bound memory."""
        if not len(question_indices):  # every question has several answers
            nothing = np.empty(0, np.float32)
            return Result(question_indices, nothing, nothing, question_indices)
        units = normalise_rows(weights.rows)
        parts = [
            self._evaluate(weights, units, turns, part)
            for part in _split(question_indices, len(units))
        ]
        return Result(*map(np.concatenate, zip(*parts, strict=True)))

    def _evaluate(
        self, weights: Weights, units: Floats, turns: Integers, question_indices: Integers
    ) -> Result:
        counts = self._starts[question_indices + 1] - self._starts[question_indices]
        lasts = np.cumsum(counts) - 1
        readings = np.repeat(self._starts[question_indices + 1] - 1 - lasts, counts) + np.arange(
            counts.sum()
        )
        scores = weights.compute_points(self._documents, readings) @ units.T
        back = self._back[readings]
        rows = np.repeat(np.arange(len(question_indices)), counts)
        deep = back > 0
        alone = scores[(lasts - counts + 1)[rows[deep]]]
        may_follow = (turns >> back[deep, None] & 1) & (alone >= MIN_ALONE_SCORE)
        scores[deep] = np.where(may_follow, scores[deep], -1.0)
        nearest = scores.argmax(1)
        best = scores[np.arange(len(scores)), nearest]
        # the reading with the highest score of each question; of two equal ones the deeper one
        winners = np.lexsort((back, best, rows))[lasts]
        chosen = nearest[winners]
        right = self.right[question_indices]
        own = np.where(right >= 0, scores[lasts, right], -1.0)
        scores[lasts[right >= 0], right[right >= 0]] = -1.0
        runner_up = scores.argmax(1)[lasts]
        return Result(chosen, own, scores[lasts, runner_up], runner_up)

    def find_best_rivals(self, weights: Weights, question_indices: Integers) -> Floats:
        """Return each answer's best score among `question_indices` that are not its own."""
        units = normalise_rows(weights.rows)
        best = np.full(len(units), -1.0, np.float32)
        for part in _split(question_indices, len(units)):
            scores = weights.compute_points(self._documents, self._starts[part + 1] - 1) @ units.T
            scores[np.arange(len(part)), self.right[part]] = -1.0
            best = np.maximum(best, scores.max(0))
        return best

    def compute_loss(self, weights: Weights, question_indices: Integers) -> float | None:
        """Return the mean cross-entropy over the questions whose answer was trained."""
        question_indices = question_indices[self.right[question_indices] >= 0]
        if not len(question_indices):
            return None
        points = weights.compute_points(self._documents, self._starts[question_indices + 1] - 1)
        scores = points @ normalise_rows(weights.rows).T
        total, _slope = cross_entropy(
            scores, self.right[question_indices], np.ones(len(question_indices), np.float32)
        )
        return total / len(question_indices)


def _split(question_indices: Integers, answers: int) -> Iterator[Integers]:
    """Split `question_indices` into batches, to bound the memory of their scores."""
    size = max(1, _MAX_SCORES // answers)
    for first in range(0, len(question_indices), size):
        yield question_indices[first : first + size]


def compute_thresholds(
    weights: Weights, evaluation: Evaluation, turns: Integers
) -> tuple[Floats, bool]:
    """Return the threshold of each answer, and whether one was lowered for a trained question.

    Evaluates at most 1,000 trained questions.

    A threshold is the mean of a global value, the QUANTILE of the best scores with other answers,
    and the best score that a trained question of another answer has with this one, so that a dense
    subject does not suppress a sparse one. Few questions are little evidence, so it is at least
    MIN_THRESHOLD. It is lowered to the score of a correctly answered trained question, but not
    below MIN_ALONE_SCORE, which questions of other subjects reach too.
    """
    question_indices = np.unique(
        np.linspace(0, len(evaluation) - 1, min(len(evaluation), _MAX_SAMPLED)).astype(np.int64)
    )
    result = evaluation.evaluate(weights, turns, question_indices)
    global_threshold = np.quantile(result.other, QUANTILE)
    requested = np.maximum(
        (global_threshold + evaluation.find_best_rivals(weights, question_indices)) / 2,
        MIN_THRESHOLD,
    )
    is_right = result.chosen == evaluation.right[question_indices]
    lowest = np.ones(len(turns))
    np.minimum.at(lowest, result.chosen[is_right], result.own[is_right])
    thresholds = np.clip(lowest - _MARGIN, MIN_ALONE_SCORE, requested).astype(np.float32)
    return thresholds, bool((lowest < requested).any())
