"""Verdicts: reading them with their commits, and the one door through which a word moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from peewee import Select

from merlin.build.verdict import Word, may_move
from merlin.core.clock import iso
from merlin.store.database import Database
from merlin.store.tables import COMMIT, VERDICT
from merlin.store.values import dumped


class IllegalMove(Exception):
    """A verdict was to go from one word to another that does not follow it."""


def verdicts() -> Select:
    """Return the SELECT of verdicts as `store.values.verdict_of` reads them."""
    of_commit = (
        COMMIT.subject,
        COMMIT.message,
        COMMIT.committed_at,
        COMMIT.author_name.alias("author"),
    )
    of_verdict = VERDICT.select(*VERDICT.every(), *of_commit)
    return of_verdict.join(COMMIT, on=(COMMIT.sha == VERDICT.commit_sha))


def is_verdict(commit: str, dataset: str) -> Any:
    """Return the condition that names one verdict."""
    return (VERDICT.commit_sha == commit) & (VERDICT.dataset == dataset)


def move(
    db: Database,
    olds: Iterable[Word],
    new: Word,
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
        if not may_move(old, new):
            raise IllegalMove(f"{old} to {new}")
    values = {
        "word": new.value,
        "updated_at": iso(at),
        "reason": "",
        "arguments": dumped({}),
        **(change or {}),
    }
    stands = VERDICT.word.in_([old.value for old in expected])
    return db.change(VERDICT.update(values).where(stands & where))
