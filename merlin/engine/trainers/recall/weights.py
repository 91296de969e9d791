"""What `recall` learns, and one step of learning it.

A softmax over the taught answers with cosine-like scores, and a gain for every term; Adagrad with
one rate per row, word dropout as the only augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from merlin.engine.trainers.recall.documents import Documents
from merlin.engine.trainers.recall.features import Floats, Space, Whole

SHARPNESS = np.float32(14.0)
DROPOUT = 0.3
GAIN_RATE = 0.05
LEAST_GAIN, MOST_GAIN = 0.1, 3.0
START_SPREAD = 0.001
# So much at the start keeps an answer's first, still random steps small.
START_MEMORY = 0.2
# Above so many answers, each step tells the batch's answers from some random others only.
MOST_TOLD_APART = 1_000
RANDOM_OTHERS = 500
_TINY = np.float32(1e-12)


@dataclass(frozen=True)
class Batch:
    """Documents to learn from in one step: their numbers, right answers, and how much each counts.

    `beside` names answers that these must be told apart from in any case.
    """

    chosen: Whole
    classes: Whole
    weights: Floats
    beside: Whole | None = None


class Weights:
    """Gains and rows, the random numbers of their training, and Adagrad's memory.

    The first `trained` terms have gains that may move; later ones are test words and keep 1.
    """

    def __init__(self, space: Space, terms: Sequence[str], answers: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.vectors, self.masses = space.place(terms)
        self.gains = np.ones(len(terms), np.float32)
        spread = self.random.standard_normal((answers, space.dimensions), np.float32)
        self.rows = spread * np.float32(START_SPREAD)
        self._gain_memory = np.zeros(len(terms), np.float32)
        self._row_memory = np.full(answers, START_MEMORY, np.float32)

    def frozen(self) -> Weights:
        """Return these weights as they are now; training goes on in the original."""
        frozen = copy(self)
        frozen.rows = self.unit_rows()  # the gains are replaced at each step, never changed
        return frozen

    def points(self, documents: Documents, chosen: Whole) -> Floats:
        """Return the places of the chosen documents, shape (len(chosen), dimensions)."""
        terms, begins = documents.flat(chosen)
        gains = self.gains[terms]
        sums = np.add.reduceat(self.vectors[terms] * gains[:, None], begins, axis=0)
        return np.asarray(sums / self._lengths(terms, gains, begins), np.float32)

    def unit_rows(self) -> Floats:
        """Return the answers' rows at length 1; a row of zeros stays zero."""
        return _unit(self.rows)

    def learn(self, documents: Documents, batch: Batch, rate: float) -> float:
        """Take one step on a batch; return the sum of its weighted losses."""
        flat, begins = documents.flat(batch.chosen)
        counts = np.diff(np.append(begins, len(flat)))
        gains = self.gains[flat] * self._kept(begins, counts)
        # one small matrix, documents by terms, makes the rest of the step matrix products
        terms, columns = np.unique(flat, return_inverse=True)
        rows = np.repeat(np.arange(len(counts)), counts)
        mixing = np.zeros((len(counts), len(terms)), np.float32)
        mixing[rows, columns] = gains
        vectors = self.vectors[terms]
        sums = mixing @ vectors
        lengths = self._lengths(flat, gains, begins)
        points: Floats = sums / lengths

        told_apart = self._told_apart(batch)
        units = _unit(self.rows[told_apart])
        right = np.searchsorted(told_apart, batch.classes)
        loss, slope = cross_entropy(points @ units.T, right, batch.weights)

        toward_points = slope @ units
        toward_sums = toward_points / lengths
        pull = (toward_points * sums).sum(1) / lengths[:, 0] ** 3
        along = (toward_sums @ vectors.T)[rows, columns]
        along = along - pull[rows] * gains * self.masses[flat]
        self._step_rows(told_apart, units, slope.T @ points, rate)
        self._step_gains(flat, np.where(gains > 0, along, np.float32(0)))
        return loss

    def _lengths(self, terms: Whole, gains: Floats, begins: Whole) -> Floats:
        mass = np.add.reduceat(gains * gains * self.masses[terms], begins)
        return np.asarray(np.sqrt(np.maximum(mass, _TINY))[:, None], np.float32)

    def _kept(self, begins: Whole, counts: Whole) -> Floats:
        """Drop words at random, but never all words of a text."""
        kept = self.random.random(int(counts.sum()), np.float32) >= DROPOUT
        empty = ~np.logical_or.reduceat(kept, begins)
        return np.asarray(kept | np.repeat(empty, counts), np.float32)

    def _told_apart(self, batch: Batch) -> Whole:
        if len(self.rows) <= MOST_TOLD_APART:
            return np.arange(len(self.rows))
        others = self.random.integers(len(self.rows), size=RANDOM_OTHERS)
        beside = others[:0] if batch.beside is None else batch.beside
        return np.unique(np.concatenate([batch.classes, others, beside]))

    def _step_rows(self, chosen: Whole, units: Floats, slope: Floats, rate: float) -> None:
        # Only the part across the row turns it. The slope is not divided by the row's length:
        # the first step, from almost nothing, would outweigh all later ones in the memory.
        slope = slope - (slope * units).sum(1, keepdims=True) * units
        self._row_memory[chosen] += (slope * slope).mean(1)
        step = rate / np.sqrt(self._row_memory[chosen] + _TINY)
        self.rows[chosen] -= (step[:, None] * slope).astype(np.float32)

    def _step_gains(self, terms: Whole, slope: Floats) -> None:
        total = np.bincount(terms, slope, minlength=len(self.gains)).astype(np.float32)
        self._gain_memory += total * total
        step = GAIN_RATE * total / np.sqrt(self._gain_memory + _TINY)
        self.gains = np.clip(self.gains - step, LEAST_GAIN, MOST_GAIN)


def mean(frozen: Sequence[Weights]) -> Weights:
    """Return the mean of weights of several moments of one training, oldest first."""
    middle = copy(frozen[-1])
    middle.rows = np.mean([weights.rows for weights in frozen], axis=0, dtype=np.float32)
    middle.gains = np.mean([weights.gains for weights in frozen], axis=0, dtype=np.float32)
    return middle


def _unit(rows: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(lengths, _TINY)[:, None], np.float32)


def cross_entropy(scores: Floats, right: Whole, weights: Floats) -> tuple[float, Floats]:
    """Return the weighted softmax loss of all rows together, and its slope by the scores."""
    logits = (scores - scores.max(1, keepdims=True)) * SHARPNESS
    chances = np.exp(logits)
    chances /= chances.sum(1, keepdims=True)
    here = np.arange(len(right))
    loss = -np.log(chances[here, right] + _TINY)
    chances[here, right] -= 1.0
    slope = chances * (weights[:, None] * SHARPNESS)
    return float((loss * weights).sum()), slope
