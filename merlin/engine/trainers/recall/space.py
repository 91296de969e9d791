"""Vectors of `recall`: from terms to vectors.

The kinds of terms have weights, because otherwise "what", "is" and "create" would match unrelated
questions. A term has the feature `w:<term>` and, if it is a content word of more than three
letters, its character n-grams of 3 to 5, which together weigh as much as the term. Terms of earlier
turns have a lower weight. Vectors are neither learned nor stored: they are random vectors seeded by
the feature's hash and a seed, the same on every machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np

from merlin.engine.trainers.recall.draws import Floats, Integers, draw_normal
from merlin.engine.trainers.recall.synonyms import Synonyms, find_synonyms
from merlin.engine.trainers.recall.text import EARLIER, extract_terms

WEIGHTS = {"f": 0.2, "v": 0.35, "n": 1.0, "i": 0.7}
HASH_BITS = 20
_MASK = (1 << HASH_BITS) - 1
_MIN_WITH_NGRAMS_LENGTH = 4
# What follows has none: a file in base64 or hex in a question would take seconds and gigabytes.
_MAX_WITH_NGRAMS_LENGTH = 100
_NGRAMS = (3, 4, 5)
# The weight of earlier turns relative to the follow-up question.
EARLIER_WEIGHT = 0.5
# The weight of a synonym relative to the word itself.
SYNONYM_WEIGHT = 0.8
_ROWS_AT_ONCE = 512
# A term has 20 features on average.
_TERMS_AT_ONCE = 32


@lru_cache(maxsize=30_000)  # a kilobyte each
def build_features(term: str) -> tuple[Integers, Floats]:
    """Return the hashes and the weights of one term's features.

    A term of an earlier turn has one prefix `<` per turn back: `<n:дуал`.
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
    hashes = [zlib.crc32((turn + name).encode()) & _MASK for name in names]
    return np.array(hashes, np.int64), np.array(values, np.float32)


def draw_vectors(hashes: Integers, seed: int, dimensions: int) -> Floats:
    """Return one fixed random vector per hash: shape (len(hashes), dimensions), N(0, 1/dimensions).

    The rows are independent of each other.
    """
    rows = np.empty((len(hashes), dimensions), np.float32)
    for first in range(0, len(hashes), _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        rows[part] = draw_normal(hashes[part].astype(np.uint64), seed, dimensions)
    return rows


@dataclass(eq=False)
class Space:
    """The feature space of one training file: its features and their document frequencies.

    `known` are the sorted hashes, `seen_in` the number of `documents` in which each occurs. An
    unseen feature has the highest weight and no vector, so an unrelated question has a short
    vector. `synonyms` are words that do not occur, with the terms that they are read as. `extract`
    returns the terms of a text.
    """

    extract = staticmethod(extract_terms)

    known: Integers
    seen_in: Integers
    synonyms: Synonyms
    documents: int
    seed: int
    dimensions: int

    def __post_init__(self) -> None:
        self._rarity = np.log((self.documents + 1) / (self.seen_in + 0.5)).astype(np.float32)
        self.rarest = np.float32(np.log((self.documents + 1) / 0.5))

    @classmethod
    def from_documents(
        cls, documents: Sequence[Sequence[str]], seed: int, dimensions: int, *more: Any
    ) -> Self:
        """Build the space of these documents, each given by its distinct terms.

        `more` are the values of a subclass's own fields.
        """
        pairs = [
            np.unique(np.concatenate([build_features(term)[0] for term in document]))
            for document in documents
        ]
        known, seen_in = np.unique(np.concatenate(pairs), return_counts=True)
        synonyms = find_synonyms({term for document in documents for term in document})
        return cls(known, seen_in, synonyms, len(documents), seed, dimensions, *more)

    def place(
        self,
        terms: Sequence[str],
        vectors: Mapping[str, Floats] | None = None,  # noqa: ARG002 - for texts, of which it has none
    ) -> tuple[Floats, Floats]:
        """Return each term's vector, shape (len(terms), dimensions), and its mass.

        The mass is the squared length the vector would have if every feature were known. A word
        that is read as its synonyms has the mean of theirs, weakened.
        """
        read_as = [self.find_synonyms(term) for term in terms]
        counts = np.array([len(synonyms) or 1 for synonyms in read_as])
        starts = np.cumsum([0, *counts[:-1]])
        words = [
            word
            for term, synonyms in zip(terms, read_as, strict=True)
            for word in synonyms or (term,)
        ]
        placed, mass = self._place_words(words)
        shares = np.where([bool(synonyms) for synonyms in read_as], SYNONYM_WEIGHT / counts, 1.0)
        placed = np.add.reduceat(placed, starts) * shares[:, None].astype(np.float32)
        return placed, np.add.reduceat(mass, starts) / counts

    def find_synonyms(self, term: str) -> list[str]:
        """Return the trained terms that an untrained one is read as."""
        word = term.lstrip(EARLIER)
        kind, stem = word.split(":", 1)
        known = self.synonyms.get(stem, ()) if kind in "nv" else ()
        return [term.removesuffix(word) + synonym for synonym in known]

    def _place_words(self, terms: Sequence[str]) -> tuple[Floats, Floats]:
        parts = [build_features(term) for term in terms]
        hashes = np.concatenate([part[0] for part in parts])
        values = np.concatenate([part[1] for part in parts])
        starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
        where = np.minimum(np.searchsorted(self.known, hashes), len(self.known) - 1)
        is_known = self.known[where] == hashes
        values = values * np.where(is_known, self._rarity[where], self.rarest)
        mass = np.add.reduceat(values * values, starts)
        return self._sum_vectors(hashes, np.where(is_known, values, 0.0), starts), mass

    def build_card(self) -> dict[str, object]:
        """Return its fields of a model's card."""
        return {
            "documents": self.documents,
            "seed": self.seed,
            "dimensions": self.dimensions,
            "synonyms": self.synonyms,
        }

    def get_arrays(self) -> dict[str, Any]:
        """Return its arrays in a model's file."""
        return {"known": self.known.astype(np.uint32), "seen_in": self.seen_in.astype(np.uint32)}

    def _sum_vectors(self, hashes: Integers, values: Floats, starts: Integers) -> Floats:
        """Sum the vectors of each term's features, in batches to limit the memory."""
        sums = np.empty((len(starts), self.dimensions), np.float32)
        distinct, rows = np.unique(hashes, return_inverse=True)
        table = draw_vectors(distinct, self.seed, self.dimensions)
        ends = np.append(starts[1:], len(hashes))
        for first in range(0, len(starts), _TERMS_AT_ONCE):
            last = min(first + _TERMS_AT_ONCE, len(starts))
            part = slice(starts[first], ends[last - 1])
            weighed = table[rows[part]] * values[part, None]
            sums[first:last] = np.add.reduceat(weighed, starts[first:last] - starts[first], axis=0)
        return sums
