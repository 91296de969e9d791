"""Verdicts: what a commit led to for a dataset, one row per (commit, dataset).

    held -> training | superseded
    built -> training -> serving | failed | superseded
    failed -> training when somebody launches the build again
    serving -> training likewise, when the provider has lost its model
    final: unchanged, rejected, superseded, removed

The status changes by `transition` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from peewee import Select

from merlin.core.clock import from_iso, iso
from merlin.dataset.spec import DatasetSpec, load_spec
from merlin.db.database import Database, Row
from merlin.db.tables import COMMIT, VERDICT
from merlin.db.values import dump_json, load_json


class VerdictStatus(StrEnum):
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


WAITING = (VerdictStatus.BUILT, VerdictStatus.HELD)

_MOVES: Mapping[VerdictStatus, frozenset[VerdictStatus]] = {
    VerdictStatus.BUILT: frozenset(
        {VerdictStatus.HELD, VerdictStatus.TRAINING, VerdictStatus.SUPERSEDED}
    ),
    VerdictStatus.HELD: frozenset(
        {VerdictStatus.BUILT, VerdictStatus.TRAINING, VerdictStatus.SUPERSEDED}
    ),
    VerdictStatus.TRAINING: frozenset(
        {VerdictStatus.SERVING, VerdictStatus.FAILED, VerdictStatus.SUPERSEDED}
    ),
    VerdictStatus.FAILED: frozenset({VerdictStatus.TRAINING, VerdictStatus.SUPERSEDED}),
    VerdictStatus.SERVING: frozenset({VerdictStatus.TRAINING}),
}


def can_transition(old: VerdictStatus, new: VerdictStatus) -> bool:
    """Return whether a verdict may go from `old` to `new`; staying is no move."""
    return new in _MOVES.get(old, frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one commit led to for one dataset.

    `position` counts first-parent commits (1 = the first); None: the commit is no longer on
    the branch. `wish` is the digest of files and recipe (`builds.training_key`), "" where
    nothing was built. `spec` is the dataset's settings at that commit, None where they could
    not be read. `reason` is a Fluent key with `arguments`, "" when the word says it all.
    """

    commit: str
    dataset: str
    position: int | None
    word: VerdictStatus
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


def verdict_from_row(row: Row) -> Verdict:
    """Return the verdict of a row of `select_verdicts`."""
    return Verdict(
        commit=row["commit_sha"],
        dataset=row["dataset"],
        position=row["position"],
        word=VerdictStatus(row["word"]),
        subject=row["subject"],
        author=row["author"],
        committed_at=from_iso(row["committed_at"]),
        seen_at=from_iso(row["seen_at"]),
        updated_at=from_iso(row["updated_at"]),
        message=row["message"],
        build_id=row["build_id"],
        job_id=row["job_id"],
        wish=row["wish"],
        spec=load_spec(row["spec"]),
        reason=row["reason"],
        arguments=load_json(row["arguments"]),
    )


class IllegalTransition(Exception):
    """A verdict was to go from one word to another that does not follow it."""


def select_verdicts() -> Select:
    """Return the SELECT of verdicts as `verdict_from_row` reads them."""
    of_commit = (
        COMMIT.subject,
        COMMIT.message,
        COMMIT.committed_at,
        COMMIT.author_name.alias("author"),
    )
    of_verdict = VERDICT.select(*VERDICT.every(), *of_commit)
    return of_verdict.join(COMMIT, on=(COMMIT.sha == VERDICT.commit_sha))


def verdict_condition(commit: str, dataset: str) -> Any:
    """Return the condition that names one verdict."""
    return (VERDICT.commit_sha == commit) & (VERDICT.dataset == dataset)


def transition(
    db: Database,
    olds: Iterable[VerdictStatus],
    new: VerdictStatus,
    at: datetime,
    where: Any,
    *,
    change: Mapping[str, object] | None = None,
) -> int:
    """Move the verdicts that fulfil `where` and stand at one of `olds` to `new`; return how many.

    `change` names other columns to set; reason and arguments are emptied unless it sets them.
    Raises IllegalMove, whether or not there is such a verdict.
    """
    expected = tuple(olds)
    for old in expected:
        if not can_transition(old, new):
            raise IllegalTransition(f"{old} to {new}")
    values = {
        "word": new.value,
        "updated_at": iso(at),
        "reason": "",
        "arguments": dump_json({}),
        **(change or {}),
    }
    stands = VERDICT.word.in_([old.value for old in expected])
    return db.change(VERDICT.update(values).where(stands & where))
