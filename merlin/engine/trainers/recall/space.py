"""Points of `recall`: from the words and the encoder's vector of a text to one vector.

Words separate similar questions and make the point of an unrelated question short; the encoder's
vector of the whole text matches paraphrases. So the first columns are those of the words and the
last ones those of the text, which weighs as much as about three words.

A word has the feature `w:<term>` and, if it is a content word of more than three letters, its
character n-grams of 3 to 5, which together weigh as much as the word. The kinds of words have
weights, because otherwise "what", "is" and "create" would match unrelated questions; words of
earlier turns weigh less. A feature's vector has random signs, made from its hash and a seed, so it
is neither learned nor stored. The vector of a text is the encoder's minus the mean of the trained
ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merlin.engine.trainers.recall.text import EARLIER, Terms

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
WEIGHTS = {"f": 0.2, "v": 0.35, "n": 1.0, "i": 0.7}
TEXT_WEIGHT = 3.0
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
    short point. `encoder` is the digest of the encoder, "" without one; `middle` is the mean of the
    trained texts' vectors, empty without one.
    """

    known: Integers
    seen_in: Integers
    documents: int
    seed: int
    dimensions: int
    encoder: str
    middle: Floats

    def __post_init__(self) -> None:
        self._rarity = np.log((self.documents + 1) / (self.seen_in + 0.5)).astype(
            np.float32
        )
        self._rarest = np.float32(np.log((self.documents + 1) / 0.5))
        self.text_mass = (TEXT_WEIGHT * self._rarest) ** 2

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Terms],
        seed: int,
        dimensions: int,
        encoder: str,
        vectors: Floats,
    ) -> Space:
        """Build the space of documents; `vectors` are those of their distinct texts, or none."""
        rows = [
            np.unique(np.concatenate([build_features(term)[0] for term in row]))
            for row in documents
        ]
        known, seen_in = np.unique(np.concatenate(rows), return_counts=True)
        middle = vectors.mean(0) if encoder else np.zeros(0, np.float32)
        return cls(known, seen_in, len(documents), seed, dimensions, encoder, middle)

    def knows(self, term: str) -> bool:
        """Return whether a text of the training file has the word of this term."""
        hashed = zlib.crc32(f"w:{term}".encode()) & _HASH_MASK
        where = np.searchsorted(self.known, hashed)
        return bool(where < len(self.known) and self.known[where] == hashed)

    def place_texts(self, vectors: Floats) -> Floats:
        """Return the columns of texts with these vectors; their mass is `text_mass`."""
        return np.asarray(
            normalise_rows(vectors - self.middle) * self.text_mass**0.5, np.float32
        )

    def place_words(self, terms: Sequence[str]) -> tuple[Floats, Floats]:
        """Return the columns of each term, and its mass.

        The mass is the squared length that they would have if all of the term were known.
        """
        parts = [build_features(term) for term in terms]
        hashes = np.concatenate([part[0] for part in parts])
        values = np.concatenate([part[1] for part in parts])
        starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
        where = np.minimum(np.searchsorted(self.known, hashes), len(self.known) - 1)
        is_known = self.known[where] == hashes
        values = values * np.where(is_known, self._rarity[where], self._rarest)
        mass = np.add.reduceat(values * values, starts)
        values = np.where(is_known, values, np.float32(0.0))
        placed = np.empty((len(terms), self.dimensions), np.float32)
        ends = np.append(starts[1:], len(hashes))
        for first in range(0, len(terms), _TERMS_AT_ONCE):  # bounds the memory
            last = min(first + _TERMS_AT_ONCE, len(terms))
            part = slice(starts[first], ends[last - 1])
            signs = (
                draw_signs(hashes[part], self.seed, self.dimensions)
                * values[part, None]
            )
            placed[first:last] = np.add.reduceat(
                signs, starts[first:last] - starts[first]
            )
        return placed, mass


def draw_signs(hashes: Integers, seed: int, dimensions: int) -> Floats:
    """Return a row of length 1 per hash, of random signs; `dimensions` is a multiple of 64.

    The bits are those of SplitMix64, so a feature's row does not depend on the other features.
    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
    """
    start = np.uint64(seed) << np.uint64(32)
    words = hashes.astype(np.uint64)[:, None] * np.uint64(dimensions // 64)
    value: Any = (
        words + np.arange(dimensions // 64, dtype=np.uint64) + start
    )  # mypy takes it for float
    value = (value + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value = value ^ (value >> np.uint64(31))
    bits = np.unpackbits(value.astype("<u8").view(np.uint8), axis=1)
    return (bits.astype(np.float32) * 2 - 1) / np.float32(dimensions**0.5)


def normalise_rows(rows: Floats) -> Floats:
    """Return the rows with length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(lengths, _MIN_LENGTH)[:, None], np.float32)
