"""From terms to numbers: hashed features, their rarity, and a fixed vector for each.

A term has the feature `w:<term>` and, when it is a word of more than three letters that is no
function word, its character n-grams of 3 to 5, together as heavy as the term. Vectors are not
learned and not stored: they come from the feature's hash and a seed, the same on every machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from merlin.engine.trainers.recall.text import WEIGHTS

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]
Bits = NDArray[np.uint64]

HASH_BITS = 20
_MASK = (1 << HASH_BITS) - 1
_SHORTEST_WITH_NGRAMS = 4
_NGRAMS = (3, 4, 5)
# What was said before a follow-up question weighs less than the question itself.
_EARLIER_WEIGHT = 0.5
_AT_A_TIME = 512


@lru_cache(maxsize=200_000)
def features(term: str) -> tuple[Whole, Floats]:
    """Return the hashes and the weights of one term's features.

    A term of an earlier turn carries one `<` for each step back: `<n:дуал`.
    """
    bare = term.lstrip("<")
    back = len(term) - len(bare)
    kind, word = bare.split(":", 1)
    weight = WEIGHTS[kind] * _EARLIER_WEIGHT**back
    names = [f"w:{bare}"]
    values = [weight]
    if kind in "nv" and len(word) >= _SHORTEST_WITH_NGRAMS:
        grams = _ngrams(f"<{word}>")
        names += grams
        values += [weight / len(grams) ** 0.5] * len(grams)
    turn = f"{back} back: " if back else ""
    hashes = [zlib.crc32((turn + name).encode()) & _MASK for name in names]
    return np.array(hashes, np.int64), np.array(values, np.float32)


def _ngrams(marked: str) -> list[str]:
    found = (
        marked[start : start + size] for size in _NGRAMS for start in range(len(marked) - size + 1)
    )
    return list(dict.fromkeys(found))


def vectors(hashes: Whole, seed: int, dimensions: int) -> Floats:
    """Return one fixed random vector per hash: shape (len(hashes), dimensions), N(0, 1/dimensions).

    Made by a counter (splitmix64) and Box-Muller, so that the rows do not depend on one another.
    """
    made = np.empty((len(hashes), dimensions), np.float32)
    for first in range(0, len(hashes), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        made[part] = _normal(hashes[part].astype(np.uint64), seed, dimensions)
    return made


def _normal(hashes: Bits, seed: int, dimensions: int) -> Floats:
    start = _splitmix(np.array([[2 * seed + 1]], np.uint64))
    columns = np.arange(dimensions, dtype=np.uint64)
    counters: Bits = hashes[:, None] * np.uint64(dimensions) + columns + start
    uniform = (_splitmix(counters) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
    half = dimensions // 2
    length = np.sqrt(-2.0 * np.log(np.float32(1.0) - uniform[:, :half]) / dimensions)
    angle = np.float32(2.0 * np.pi) * uniform[:, half:]
    return np.concatenate([length * np.cos(angle), length * np.sin(angle)], axis=1)


def _splitmix(value: Bits) -> Bits:
    """Mix 64-bit numbers; products wrap around. Source: Steele, Lea, Flood, "SplitMix" (2014)."""
    value = value * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


class Space:
    """Where questions of one training file lie: which features it knows, and how rare each is.

    `known` holds the hashes in order, `seen_in` in how many of `documents` each occurs. A feature
    never seen is the rarest of all and has no vector: it makes a strange question short.
    """

    def __init__(
        self, known: Whole, seen_in: Whole, documents: int, seed: int, dimensions: int
    ) -> None:
        self.known = known
        self.seen_in = seen_in
        self.documents = documents
        self.seed = seed
        self.dimensions = dimensions
        self._rarity = np.log((documents + 1) / (seen_in + 0.5)).astype(np.float32)
        self._rarest = np.float32(np.log((documents + 1) / 0.5))

    @classmethod
    def of(cls, documents: Sequence[Sequence[str]], seed: int, dimensions: int) -> Space:
        """Return the space of these documents, each its distinct terms."""
        pairs = [
            np.unique(np.concatenate([features(term)[0] for term in document]))
            for document in documents
        ]
        known, seen_in = np.unique(np.concatenate(pairs), return_counts=True)
        return cls(known, seen_in, len(documents), seed, dimensions)

    def place(self, terms: Sequence[str]) -> tuple[Floats, Floats]:
        """Return each term's vector, shape (len(terms), dimensions), and its mass.

        The mass is the squared length the vector would have if every feature were known.
        """
        parts = [features(term) for term in terms]
        hashes = np.concatenate([part[0] for part in parts])
        values = np.concatenate([part[1] for part in parts])
        starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
        where = np.minimum(np.searchsorted(self.known, hashes), len(self.known) - 1)
        is_known = self.known[where] == hashes
        values = values * np.where(is_known, self._rarity[where], self._rarest)
        mass = np.add.reduceat(values * values, starts)
        return self._sums(hashes, np.where(is_known, values, 0.0), starts), mass

    def _sums(self, hashes: Whole, values: Floats, starts: Whole) -> Floats:
        """Add the vectors of each term's features, some terms at a time to bound the memory."""
        sums = np.empty((len(starts), self.dimensions), np.float32)
        distinct, rows = np.unique(hashes, return_inverse=True)
        table = vectors(distinct, self.seed, self.dimensions)
        ends = np.append(starts[1:], len(hashes))
        for first in range(0, len(starts), _AT_A_TIME):
            last = min(first + _AT_A_TIME, len(starts))
            part = slice(starts[first], ends[last - 1])
            weighed = table[rows[part]] * values[part, None]
            sums[first:last] = np.add.reduceat(weighed, starts[first:last] - starts[first], axis=0)
        return sums
