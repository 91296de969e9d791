"""Verdict: what a commit led to, one row per (commit, dataset); its word moves forward.

held  -> training | superseded
built -> training -> serving | failed | superseded
failed -> training        when somebody launches the build again
serving -> training       likewise, when the provider has lost its model
final: unchanged, rejected, superseded, removed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from merlin.dataset.spec import DatasetSpec


class Word(StrEnum):
    """What a commit led to so far; the values are what the database stores."""

    HELD = "held"
    BUILT = "built"
    TRAINING = "training"
    SERVING = "serving"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    REMOVED = "removed"


WAITING = (Word.BUILT, Word.HELD)

_MOVES: Mapping[Word, frozenset[Word]] = {
    Word.BUILT: frozenset({Word.HELD, Word.TRAINING, Word.SUPERSEDED}),
    Word.HELD: frozenset({Word.BUILT, Word.TRAINING, Word.SUPERSEDED}),
    Word.TRAINING: frozenset({Word.SERVING, Word.FAILED, Word.SUPERSEDED}),
    Word.FAILED: frozenset({Word.TRAINING, Word.SUPERSEDED}),
    Word.SERVING: frozenset({Word.TRAINING}),
}


def may_move(old: Word, new: Word) -> bool:
    """Return whether a verdict may go from `old` to `new`; staying is no move."""
    return new in _MOVES.get(old, frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one commit led to for one dataset.

    `position` counts first-parent commits (1 = the first); None: the commit is no longer on
    the branch. `wish` is the digest of files and recipe (`build.record.wish_of`), "" where
    nothing was built. `spec` is the dataset's settings at that commit, None where they could
    not be read. `reason` is a Fluent key with `arguments`, "" when the word says it all.
    """

    commit: str
    dataset: str
    position: int | None
    word: Word
    subject: str
    author: str
    committed_at: datetime
    seen_at: datetime
    updated_at: datetime
    message: str = ""
    build_id: int | None = None
    job_id: int | None = None
    wish: str = ""
    spec: DatasetSpec | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
