"""Whole texts beside words: where an encoder's vectors put a text among what is taught.

Words tell a near question from a taught one, and make a strange question short; the vector of the
whole text finds what is taught in other words. So a text has one term more, `s:` with the text,
that weighs as much as some three words. Its place: the encoder's vector less the mean of those
taught, at length 1, along the main axes of those taught. What points elsewhere is lost, as an
unknown word is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from merlin.core.messages import Message
from merlin.engine.trainers.recall.draws import Floats
from merlin.engine.trainers.recall.text import (
    EARLIER,
    EARLIER_WEIGHT,
    SENTENCE,
    Space,
    Terms,
    asked_texts,
    terms,
)

WEIGHT = 2.5
MAX_AXES = 256
# About what encoders read of a text; the rest of a long one says little more.
LONGEST = 1_000
_MIN_LENGTH = 1e-6
Vectors = Mapping[str, Floats]


def cut(text: str) -> str:
    """Return the part of a text that the encoder is asked for."""
    return text[:LONGEST]


def asked_of(messages: Sequence[Message]) -> list[str]:
    """Return the texts whose vectors answering the last question needs, each once."""
    return list(dict.fromkeys(cut(text) for text in asked_texts(messages)))


def sentence_terms(text: str, *, question: bool = True) -> Terms:
    """Return the terms of `text` with that of the whole text."""
    return (*terms(text, question=question), SENTENCE + cut(text))


def is_sentence(term: str) -> bool:
    """Return whether a term stands for a whole text, of this turn or an earlier one."""
    return term.lstrip(EARLIER).startswith(SENTENCE)


class SentenceSpace(Space):
    """A space whose last columns are the main axes of the taught texts' vectors.

    `encoder` names the encoder by what its files hold. `middle`, shape (its dimension), is the mean
    of the taught vectors, `axes` has shape (its dimension, columns).
    """

    read = staticmethod(sentence_terms)

    def __init__(self, words: Space, encoder: str, middle: Floats, axes: Floats) -> None:
        super().__init__(words.known, words.seen_in, words.documents, words.seed, words.dimensions)
        self.encoder, self.middle, self.axes = encoder, middle, axes

    @classmethod
    def of_texts(
        cls,
        documents: Sequence[Terms],
        seed: int,
        dimensions: int,
        encoder: str,
        vectors: Vectors,
    ) -> SentenceSpace:
        """Return the space of these documents; `vectors` has that of each text in them."""
        words = Space.of(
            [[term for term in row if not is_sentence(term)] for row in documents], seed, dimensions
        )
        texts = sorted({_text(term) for row in documents for term in row if is_sentence(term)})
        matrix = np.stack([vectors[text] for text in texts])
        middle = matrix.mean(0)
        rows = _unit(matrix - middle)
        lengths, axes = np.linalg.eigh(rows.T @ rows)
        count = int((lengths[::-1][: min(MAX_AXES, dimensions)] > _MIN_LENGTH).sum())
        # random rows come in pairs of columns
        axes = np.ascontiguousarray(axes[:, ::-1][:, : count - count % 2])
        return cls(words, encoder, middle, axes)

    def place(self, terms: Sequence[str], vectors: Vectors | None = None) -> tuple[Floats, Floats]:
        """Return each term's vector and its mass; `vectors` has that of each text in them."""
        is_text = np.array([is_sentence(term) for term in terms])
        placed = np.zeros((len(terms), self.dimensions + self.axes.shape[1]), np.float32)
        mass = np.zeros(len(terms), np.float32)
        words = [term for term in terms if not is_sentence(term)]
        if words:
            placed[~is_text, : self.dimensions], mass[~is_text] = super().place(words)
        texts = [term for term in terms if is_sentence(term)]
        if texts:
            matrix = np.array([(vectors or {})[_text(term)] for term in texts], np.float32)
            along = _unit(matrix - self.middle) @ self.axes
            back = np.array([len(term) - len(term.lstrip(EARLIER)) for term in texts])
            weights = WEIGHT * self.rarest * EARLIER_WEIGHT**back
            # rolled, so that what was said before is not taken for what is asked now
            columns = (np.arange(along.shape[1]) - back[:, None]) % along.shape[1]
            rolled = np.take_along_axis(along, columns, 1)
            placed[is_text, self.dimensions :] = weights[:, None] * rolled
            mass[is_text] = weights**2
        return placed, mass

    def card(self) -> dict[str, object]:
        """Return what a model's card tells of it."""
        return {**super().card(), "encoder": self.encoder}

    def arrays(self) -> dict[str, Any]:
        """Return what else a model's file holds of it."""
        return {**super().arrays(), "middle": self.middle, "axes": self.axes}


def _text(term: str) -> str:
    return term.lstrip(EARLIER).removeprefix(SENTENCE)


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _MIN_LENGTH), np.float32)
