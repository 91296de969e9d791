"""The trained `recall` model: what it holds, how it answers, how it lies on disk.

It chooses among the taught answers and composes nothing. Learned are a gain per term and a
vector per answer; with either all zero no question has a score, and nothing is answered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from merlin.core.messages import Message
from merlin.engine.trainers.recall.text import LEAST_ALONE, Floats, Space, Whole, questions

FORMAT = 1
_CACHED_TERMS = 50_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answers: `text` is empty when it does not know; `confidence` is 0..1."""

    text: str
    confidence: float
    known: bool


class Untaught:
    """The base before any training: it was taught nothing, so it knows nothing."""

    def answer(self, messages: Sequence[Message]) -> Answer:  # noqa: ARG002 - as RecallModel's
        """Return that it does not know."""
        return Answer("", 0.0, known=False)


@dataclass
class RecallModel:
    """Weights of one epoch with everything that answering needs.

    `gains` belong to `terms`; `weights` has one row of length 1 (or 0) per answer; bit d of
    `turns` says that the answer was taught d turns after a conversation's first question.
    """

    space: Space
    terms: Sequence[str]
    gains: Floats
    answers: Sequence[str]
    weights: Floats
    turns: Whole
    threshold: float
    _placed: dict[str, tuple[Floats, float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._gain = dict(zip(self.terms, self.gains.tolist(), strict=True))

    def answer(self, messages: Sequence[Message]) -> Answer:
        """Return the taught answer nearest to the last question, known or not.

        `text` is empty when the score is under the threshold: the model does not know.
        """
        best, score = -1, 0.0
        alone: Floats | None = None
        for back, terms in enumerate(questions(messages)):
            scores = self.weights @ self._point(terms)
            alone = scores if alone is None else alone
            if back:  # with earlier turns in it, only what was taught that deep can be meant
                scores = np.where((self.turns >> back & 1) & (alone >= LEAST_ALONE), scores, -1.0)
            chosen = int(np.argmax(scores))
            if scores[chosen] > 0 and scores[chosen] >= score:
                best, score = chosen, float(scores[chosen])
        confidence = round(min(max(score, 0.0), 1.0), 4)
        if score <= 0 or score < self.threshold:
            return Answer("", confidence, known=False)
        return Answer(self.answers[best], confidence, known=True)

    def _point(self, terms: Sequence[str]) -> Floats:
        """Return the question's place: length 1 when every feature is known, shorter if not."""
        placed = self._place(terms)
        mass = sum(part[1] for part in placed)
        total = np.sum([part[0] for part in placed], axis=0, dtype=np.float32)
        return np.asarray(total / np.sqrt(mass) if mass > 0 else total, np.float32)

    def _place(self, terms: Sequence[str]) -> list[tuple[Floats, float]]:
        if len(self._placed) > _CACHED_TERMS:
            self._placed = {}
        cache = self._placed  # one dict throughout: another thread may begin a new one
        missing = [term for term in terms if term not in cache]
        if missing:
            vectors, masses = self.space.place(missing)
            for term, vector, mass in zip(missing, vectors, masses, strict=True):
                gain = self._gain.get(term, 1.0)
                cache[term] = (gain * vector, gain * gain * float(mass))
        return [cache[term] for term in terms]

    def save(self, path: Path) -> None:
        """Write the model as one .npz without pickles; the same model gives the same bytes."""
        card = {
            "format": FORMAT,
            "documents": self.space.documents,
            "seed": self.space.seed,
            "dimensions": self.space.dimensions,
            "threshold": self.threshold,
            "terms": list(self.terms),
            "answers": list(self.answers),
        }
        with path.open("wb") as file:
            np.savez(
                file,
                card=np.frombuffer(json.dumps(card, ensure_ascii=False).encode(), np.uint8),
                known=self.space.known.astype(np.uint32),
                seen_in=self.space.seen_in.astype(np.uint32),
                gains=self.gains,
                weights=self.weights,
                turns=self.turns.astype(np.uint8),
            )


def load(path: Path) -> RecallModel:
    """Return the model that `RecallModel.save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        card = json.loads(arrays["card"].tobytes())
        space = Space(
            arrays["known"].astype(np.int64),
            arrays["seen_in"].astype(np.int64),
            card["documents"],
            card["seed"],
            card["dimensions"],
        )
        return RecallModel(
            space,
            card["terms"],
            arrays["gains"],
            card["answers"],
            arrays["weights"],
            arrays["turns"].astype(np.int64),
            card["threshold"],
        )
