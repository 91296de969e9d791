"""Vectors of `recall`: from the terms of a text to its point.

Words separate similar questions and make the vector of an unrelated question short; the encoder's
vector of the whole text matches paraphrases. So the first columns are those of the words and the
last ones those of the text, which weighs as much as about three words.

A word has the feature `w:<term>` and, if it is a content word of more than three letters, its
character n-grams of 3 to 5, which together weigh as much as the word. The kinds of words have
weights, because otherwise "what", "is" and "create" would match unrelated questions; words of
earlier turns weigh less. Vectors of features are random, seeded by the feature's hash and a seed,
and neither learned nor stored. The vector of a text is the encoder's minus the mean of the trained
ones, along the principal axes of these; what lies outside of these is lost, as an unknown word is.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from merlin.engine.trainers.recall.draws import Floats, Integers, draw_normal
from merlin.engine.trainers.recall.text import EARLIER, SENTENCE, Terms, drop_sentences

WEIGHTS = {"f": 0.2, "v": 0.35, "n": 1.0, "i": 0.7}
TEXT_WEIGHT = 2.5
MAX_AXES = 256
_HASH_MASK = (1 << 20) - 1
_MIN_WITH_NGRAMS_LENGTH = 4
# What follows has none: a file in base64 or hex in a question would take seconds and gigabytes.
_MAX_WITH_NGRAMS_LENGTH = 100
_NGRAMS = (3, 4, 5)
# The weight of earlier turns relative to the follow-up question.
EARLIER_WEIGHT = 0.5
# A term has 20 features on average.
_TERMS_AT_ONCE = 32
_MIN_LENGTH = 1e-6
Vectors = Mapping[str, Floats]


@lru_cache(maxsize=30_000)  # a kilobyte each
def build_features(term: str) -> tuple[Integers, Floats]:
    """Return the hashes and the weights of one word's features.

    A word of an earlier turn has one prefix `<` per turn back: `<n:дуал`.
    """
    bare = term.lstrip(EARLIER)
    back = len(term) - len(bare)
    kind, stem = bare.split(":", 1)
    weight = WEIGHTS[kind] * EARLIER_WEIGHT**back
    names = [f"w:{bare}"]
    values = [weight]
    if kind in "nv" and len(stem) >= _MIN_WITH_NGRAMS_LENGTH:
        marked = f"<{stem[:_MAX_WITH_NGRAMS_LENGTH]}>"
        grams = dict.fromkeys(
            marked[start : start + size]
            for size in _NGRAMS
            for start in range(len(marked) - size + 1)
        )
        names += grams
        values += [weight / len(grams) ** 0.5] * len(grams)
    turn = f"{back} back: " if back else ""
    hashes = [zlib.crc32((turn + name).encode()) & _HASH_MASK for name in names]
    return np.array(hashes, np.int64), np.array(values, np.float32)


@dataclass(eq=False)
class Space:
    """The space of one training file.

    `known` are the sorted hashes of its features, `seen_in` the number of `documents` in which each
    occurs. An unseen feature has the highest weight and no vector, so an unrelated question has a
    short one. `encoder` is the digest of the encoder, "" without one; `middle` is the mean of the
    trained texts' vectors, `axes` has shape (the encoder's dimension, columns).
    """

    known: Integers
    seen_in: Integers
    documents: int
    seed: int
    dimensions: int
    encoder: str
    middle: Floats
    axes: Floats

    def __post_init__(self) -> None:
        self._rarity = np.log((self.documents + 1) / (self.seen_in + 0.5)).astype(np.float32)
        self.rarest = np.float32(np.log((self.documents + 1) / 0.5))

    @classmethod
    def from_documents(
        cls, documents: Sequence[Terms], seed: int, dimensions: int, encoder: str, vectors: Vectors
    ) -> Space:
        """Build the space of these documents; `vectors` has the vector of each of their texts."""
        words = [drop_sentences(document) for document in documents]
        pairs = [
            np.unique(np.concatenate([build_features(term)[0] for term in row])) for row in words
        ]
        known, seen_in = np.unique(np.concatenate(pairs), return_counts=True)
        middle, axes = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        if encoder:
            texts = sorted({term for row in documents for term in row if is_sentence(term)})
            matrix = np.stack([vectors[term.removeprefix(SENTENCE)] for term in texts])
            middle = matrix.mean(0)
            rows = normalise_rows(matrix - middle)
            lengths, every = np.linalg.eigh(rows.T @ rows)
            count = int((lengths[::-1][:MAX_AXES] > _MIN_LENGTH).sum())
            # random rows come in pairs of columns
            axes = np.ascontiguousarray(every[:, ::-1][:, : count - count % 2])
        return cls(known, seen_in, len(documents), seed, dimensions, encoder, middle, axes)

    def place(self, terms: Sequence[str], vectors: Vectors) -> tuple[Floats, Floats]:
        """Return each term's vector and its mass; `vectors` has the vector of each text.

        The mass is the squared length that the vector would have if all of it were known.
        """
        is_text = np.array([is_sentence(term) for term in terms], bool)
        placed = np.zeros((len(terms), self.dimensions + self.axes.shape[1]), np.float32)
        mass = np.zeros(len(terms), np.float32)
        words = drop_sentences(terms)
        if words:
            placed[~is_text, : self.dimensions], mass[~is_text] = self._place_words(words)
        if is_text.any():
            texts = (term.removeprefix(SENTENCE) for term in terms if is_sentence(term))
            rows = np.array([vectors[text] for text in texts], np.float32)
            weight = TEXT_WEIGHT * self.rarest
            placed[is_text, self.dimensions :] = weight * (
                normalise_rows(rows - self.middle) @ self.axes
            )
            mass[is_text] = weight**2
        return placed, mass

    def _place_words(self, terms: Sequence[str]) -> tuple[Floats, Floats]:
        parts = [build_features(term) for term in terms]
        hashes = np.concatenate([part[0] for part in parts])
        values = np.concatenate([part[1] for part in parts])
        starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
        where = np.minimum(np.searchsorted(self.known, hashes), len(self.known) - 1)
        is_known = self.known[where] == hashes
        values = values * np.where(is_known, self._rarity[where], self.rarest)
        mass = np.add.reduceat(values * values, starts)
        values = np.where(is_known, values, 0.0)
        distinct, rows = np.unique(hashes, return_inverse=True)
        table = draw_normal(distinct.astype(np.uint64), self.seed, self.dimensions)
        sums = np.empty((len(terms), self.dimensions), np.float32)
        ends = np.append(starts[1:], len(hashes))
        for first in range(0, len(terms), _TERMS_AT_ONCE):  # bounds the memory
            last = min(first + _TERMS_AT_ONCE, len(terms))
            part = slice(starts[first], ends[last - 1])
            weighed = table[rows[part]] * values[part, None]
            sums[first:last] = np.add.reduceat(weighed, starts[first:last] - starts[first], axis=0)
        return sums, mass


def is_sentence(term: str) -> bool:
    """Return whether a term is that of a full text."""
    return term.startswith(SENTENCE)


def normalise_rows(rows: Floats) -> Floats:
    """Return the rows with length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(lengths, _MIN_LENGTH)[:, None], np.float32)
