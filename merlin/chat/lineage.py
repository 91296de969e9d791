"""Lineage: what a tuned model was made of, for whoever asks why it answers as it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tuned model comes from.

    `build` is the version of its dataset (`neurotypology-7`), `commit` the commit that the build
    was made at, "" where nobody knows; `editors` how many people wrote the examples, `serves`
    whether it serves now.
    """

    dataset: str
    build: str
    commit: str
    trained_at: datetime
    examples: int
    editors: int
    serves: bool


class Lineage(Protocol):
    """What the database knows of models' origins; it is only read."""

    def origin(self, model_id: str) -> Origin | None:
        """Return where a model comes from, None for one that was not tuned here."""

    def teaching(self, model_id: str, answer: str) -> list[str]:
        """Return the ids of examples that taught the model this very answer, `NEAREST` at most."""
