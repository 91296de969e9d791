"""Which commit statuses the forge was told, and which are owed to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from peewee import JOIN

from merlin.core.clock import Clock, iso
from merlin.dataset.verdicts import ON_LINE, VerdictStatus
from merlin.db.database import Database, Repository, transaction
from merlin.db.tables import BUILD, COMMIT_STATUS, VERDICT
from merlin.db.values import read_row

# Older ones are history: a forge that is named today is not told of years.
OWED_FOR = timedelta(days=7)
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class OwedStatus:
    """A verdict that the forge was not told as it stands; `words` are what it was told last."""

    commit_sha: str
    dataset: str
    word: VerdictStatus
    updated_at: str
    number: int | None = None
    words: str | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


class OwedStatuses(Repository):
    """What the forge was told, and what it is to be told."""

    def __init__(self, db: Database, clock: Clock) -> None:
        super().__init__(db)
        self._clock = clock

    def owed(self) -> list[OwedStatus]:
        """Return the newest commits' statuses that are owed, a few at a time."""
        mine = (COMMIT_STATUS.commit_sha == VERDICT.commit_sha) & (
            COMMIT_STATUS.dataset == VERDICT.dataset
        )
        is_newer = COMMIT_STATUS.at.is_null() | (COMMIT_STATUS.at < VERDICT.updated_at)
        is_young = VERDICT.updated_at > iso(self._clock() - OWED_FOR)
        rows = self.db.rows(
            VERDICT.select(
                VERDICT.commit_sha,
                VERDICT.dataset,
                VERDICT.word,
                VERDICT.updated_at,
                VERDICT.reason,
                VERDICT.arguments,
                BUILD.number,
                COMMIT_STATUS.words,
            )
            .join(COMMIT_STATUS, JOIN.LEFT_OUTER, on=mine)
            .join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))
            .where(ON_LINE & is_newer & is_young)
            .order_by(VERDICT.position.desc(), VERDICT.dataset)
            .limit(_AT_ONCE)
        )
        return [read_row(OwedStatus, row) for row in rows]

    @transaction
    def sent(self, owed: OwedStatus, words: str) -> None:
        """Remember what was sent; what moved on meanwhile is owed in its turn."""
        this = {"commit_sha": owed.commit_sha, "dataset": owed.dataset}
        mine = (COMMIT_STATUS.commit_sha == owed.commit_sha) & (
            COMMIT_STATUS.dataset == owed.dataset
        )
        self.db.change(COMMIT_STATUS.delete().where(mine))
        self.db.put(COMMIT_STATUS.insert({**this, "words": words, "at": owed.updated_at}))
