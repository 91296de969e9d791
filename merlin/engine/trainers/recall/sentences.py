"""Sentence vectors of an encoder as an additional term beside words.

Words separate similar questions and make the vector of an unrelated question short; the vector of
the full text matches paraphrases. So a text has an additional term, `s:` with the text, that weighs
as much as about three words. Its vector is the encoder's vector minus the mean of the trained ones,
normalised, and projected on the principal axes of the trained ones. The component outside of these
axes is lost, as for an unknown word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from merlin.core.messages import Message
from merlin.engine.trainers.recall.draws import Floats
from merlin.engine.trainers.recall.space import Space
from merlin.engine.trainers.recall.text import (
    SENTENCE,
    Terms,
    drop_sentences,
    extract_terms,
    select_user_texts,
)

WEIGHT = 2.5
MAX_AXES = 256
# About the input limit of encoders, in characters.
MAX_TEXT_LENGTH = 1_000
_MIN_LENGTH = 1e-6
Vectors = Mapping[str, Floats]


def truncate(text: str) -> str:
    """Truncate a text to the part that is encoded."""
    return text[:MAX_TEXT_LENGTH]


def select_texts(messages: Sequence[Message]) -> list[str]:
    """Return the texts whose vectors are needed to answer the last question: at most one."""
    return [truncate(text) for text in select_user_texts(messages)[:1]]


def extract_sentence_terms(text: str, *, question: bool = True) -> Terms:
    """Return the terms of `text` and the term of the full text."""
    return (*extract_terms(text, question=question), SENTENCE + truncate(text))


def is_sentence(term: str) -> bool:
    """Return whether a term is that of a full text."""
    return term.startswith(SENTENCE)


@dataclass(eq=False)
class SentenceSpace(Space):
    """A space whose last columns are the principal axes of the trained texts' vectors.

    `encoder` is the digest of the encoder. `middle`, shape (its dimension), is the mean of the
    trained vectors, `axes` has shape (its dimension, columns).
    """

    extract = staticmethod(extract_sentence_terms)

    encoder: str
    middle: Floats
    axes: Floats

    @classmethod
    def from_texts(
        cls, documents: Sequence[Terms], seed: int, dimensions: int, encoder: str, vectors: Vectors
    ) -> SentenceSpace:
        """Build the space of these documents; `vectors` has the vector of each of their texts."""
        texts = sorted(
            {term.removeprefix(SENTENCE) for row in documents for term in row if is_sentence(term)}
        )
        matrix = np.stack([vectors[text] for text in texts])
        middle = matrix.mean(0)
        rows = normalise_rows(matrix - middle)
        lengths, axes = np.linalg.eigh(rows.T @ rows)
        count = int((lengths[::-1][: min(MAX_AXES, dimensions)] > _MIN_LENGTH).sum())
        # random rows come in pairs of columns
        axes = np.ascontiguousarray(axes[:, ::-1][:, : count - count % 2])
        words = [drop_sentences(row) for row in documents]
        return cls.from_documents(words, seed, dimensions, encoder, middle, axes)

    def place(self, terms: Sequence[str], vectors: Vectors | None = None) -> tuple[Floats, Floats]:
        """Return each term's vector and its mass; `vectors` has the vector of each text."""
        is_text = np.array([is_sentence(term) for term in terms])
        placed = np.zeros((len(terms), self.dimensions + self.axes.shape[1]), np.float32)
        mass = np.zeros(len(terms), np.float32)
        word_terms = drop_sentences(terms)
        if word_terms:
            placed[~is_text, : self.dimensions], mass[~is_text] = super().place(word_terms)
        texts = [term for term in terms if is_sentence(term)]
        if texts:
            known = vectors or {}
            rows = [known[term.removeprefix(SENTENCE)] for term in texts]
            along = normalise_rows(np.array(rows, np.float32) - self.middle) @ self.axes
            weight = WEIGHT * self.rarest
            placed[is_text, self.dimensions :] = weight * along
            mass[is_text] = weight**2
        return placed, mass

    def build_card(self) -> dict[str, object]:
        """Return its fields of a model's card."""
        return {**super().build_card(), "encoder": self.encoder}

    def get_arrays(self) -> dict[str, Any]:
        """Return its arrays in a model's file."""
        return {**super().get_arrays(), "middle": self.middle, "axes": self.axes}


def normalise_rows(rows: Floats) -> Floats:
    """Return the rows with length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(lengths, _MIN_LENGTH)[:, None], np.float32)
