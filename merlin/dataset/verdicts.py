"""Verdicts: where a commit stands for a dataset and why, one row per (commit, dataset).

Nothing else says so: the forge's statuses are written from these rows and never read, and the index
of examples and the folders of builds can be deleted at any moment.

    held -> training | superseded
    built -> training -> serving | failed | superseded
    failed -> training if the build is launched again
    serving -> training likewise, if the provider has lost its model
    superseded -> built if a force push removes the commit that superseded it
    superseded -> training if an adapter comes that was trained elsewhere on its build
    final: unchanged, left_out, rejected, removed

The status changes only by `transition`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import JOIN, SQL, Select

from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.names import find_nearest
from merlin.dataset.finding import Finding
from merlin.dataset.spec import DatasetSpec, load_spec
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.tables import (
    BUILD,
    COMMIT,
    SERVING,
    VERDICT,
)
from merlin.db.values import RowMap, dump_json


class VerdictStatus(StrEnum):
    """The status of a verdict."""

    # The values are stored in the database.
    HELD = "held"
    BUILT = "built"
    TRAINING = "training"
    SERVING = "serving"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left_out"
    REJECTED = "rejected"
    REMOVED = "removed"


WAITING = (VerdictStatus.BUILT, VerdictStatus.HELD)
# The condition of verdicts whose commit is on the branch.
ON_BRANCH = VERDICT.position.is_null(is_null=False)
# Those of commits that are no longer on the branch come last: PostgreSQL would put them first.
NEWEST_FIRST = VERDICT.position.desc(nulls="LAST")
# The datasets of all verdicts, and a NULL at the end, for WITH RECURSIVE: each is found by the
# index behind the one before. DISTINCT and GROUP BY read every verdict.
KNOWN_DATASETS = """known (dataset) AS (
    SELECT MIN(dataset) FROM verdict
    UNION ALL SELECT (SELECT MIN(verdict.dataset) FROM verdict
        WHERE verdict.dataset > known.dataset)
    FROM known WHERE known.dataset IS NOT NULL)"""
# Of commits with the training key of the one before them; what is left out are bad examples.
NOTHING_NEW = (VerdictStatus.UNCHANGED, VerdictStatus.LEFT_OUT)
# The condition of verdicts with a build of their own, or of the dataset's removal.
CHANGES_DATASET = (
    (VERDICT.training_key != "")
    & VERDICT.status.not_in([status.value for status in NOTHING_NEW])
) | (VERDICT.status == VerdictStatus.REMOVED.value)

# Reasons of a training verdict whose model is held by the gate.
FIRST = "gate-first"
# What an editor has to mean as a whole, without questions of its own.
MEANT = (FIRST, "gate-many", "gate-one-answer", "gate-moved", "gate-forgotten")
HOLDS = ("gate-lost", "gate-worse", "gate-floor", "gate-invents", *MEANT)
# Reason of a training verdict whose model waits until the pin of the serving one is taken off.
PIN = "verdict-pinned"

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
    # If a rewritten history lacks the commit that superseded it; if a model of its build arrives.
    VerdictStatus.SUPERSEDED: frozenset({VerdictStatus.BUILT, VerdictStatus.TRAINING}),
}


def can_transition(old: VerdictStatus, new: VerdictStatus) -> bool:
    """Return whether a verdict may change from `old` to `new`, another status."""
    return new in _MOVES.get(old, frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one commit led to for one dataset.

    `position` counts first-parent commits (1 = the first); None: the commit is no longer on
    the branch. `training_key` is the digest of files and recipe
    (`builds.training_key`), "" if nothing was built. `spec` contains the dataset's settings at
    that commit, None if they could not be read. `reason` is a Fluent key with `arguments`, "" for
    none.
    """

    commit: str
    dataset: str
    position: int | None
    status: VerdictStatus
    subject: str
    author: str
    committed_at: datetime
    seen_at: datetime
    updated_at: datetime
    message: str = ""
    build_id: int | None = None
    job_id: int | None = None
    training_key: str = ""
    spec: DatasetSpec | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


_VERDICTS = RowMap(Verdict, columns={"commit": "commit_sha"})


def verdict_from_row(row: Row) -> Verdict:
    """Return the verdict of a row of `select_verdicts`."""
    return _VERDICTS.read(row, None, spec=load_spec(row.spec))


def read_newest_settings(db: Database, dataset: str) -> DatasetSpec | None:
    """Return the newest settings of a dataset that could be read.

    The gate is not part of a build: a commit that changes only it applies to a waiting model too.
    """
    readable = (
        (VERDICT.dataset == dataset) & ON_BRANCH & VERDICT.spec.is_null(is_null=False)
    )
    query = (
        VERDICT.select(VERDICT.spec).where(readable).order_by(VERDICT.position.desc())
    )
    return load_spec(db.value(query.limit(1)))


FINDINGS = RowMap(Finding, columns={"column": "col"})


def select_verdicts() -> Select:
    """Return the SELECT of verdicts as `verdict_from_row` reads them."""
    of_verdict = VERDICT.select(
        *VERDICT.every(),
        COMMIT.subject,
        COMMIT.message,
        COMMIT.committed_at,
        COMMIT.author_name.alias("author"),
    )
    return of_verdict.join(COMMIT, on=(COMMIT.sha == VERDICT.commit_sha))


def choose_newest(query: Select) -> Select:
    """Restrict a SELECT of verdicts to the newest one of each dataset."""
    return query.where(VERDICT.id.in_(newest_of_each()))


def newest_of_each(condition: str = "") -> SQL:
    """Return a SELECT of the newest verdict's id of each dataset, with an SQL ` AND …`."""
    return SQL(f"""(WITH RECURSIVE {KNOWN_DATASETS} SELECT (SELECT id FROM verdict
        WHERE verdict.dataset = known.dataset AND position IS NOT NULL{condition}
        ORDER BY position DESC LIMIT 1) FROM known)""")  # noqa: S608 - our own words


def require_known_dataset(db: Database, dataset: str) -> None:
    """Raise NotFound, with the nearest of the existing ones, for a dataset that no commit had."""
    has_verdict = db.count(VERDICT, VERDICT.dataset == dataset)
    if has_verdict or db.count(SERVING, SERVING.dataset == dataset):
        return
    rows = db.rows(choose_newest(VERDICT.select(VERDICT.dataset, VERDICT.status)))
    known = sorted(
        row.dataset for row in rows if row.status != VerdictStatus.REMOVED.value
    )
    raise NotFound(
        f"no dataset {dataset}",
        "dataset-unknown",
        dataset=dataset,
        known=", ".join(known) or "none",
        near=find_nearest(dataset, known) or "none",
    )


def require_present_dataset(db: Database, dataset: str) -> None:
    """Raise Refused for a dataset that a commit removed, and no later one brought back."""
    changes = VERDICT.select(VERDICT.status).where(ON_BRANCH & CHANGES_DATASET)
    newest = changes.where(VERDICT.dataset == dataset).order_by(VERDICT.position.desc())
    if db.value(newest.limit(1)) == VerdictStatus.REMOVED.value:
        raise Refused(f"{dataset} was removed", "dataset-removed", dataset=dataset)


def verdict_condition(commit: str, dataset: str) -> Any:
    """Return the condition for one verdict."""
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
    """Change verdicts that fulfil `where` from one of `olds` to `new`; return their number.

    `change` sets other columns; reason, arguments and what the gate found are emptied. Raises
    ValueError for a transition that `_MOVES` does not allow, even if no verdict matches.
    """
    expected = tuple(olds)
    for old in expected:
        if not can_transition(old, new):
            raise ValueError(f"no verdict goes from {old} to {new}")
    values = {
        "status": new.value,
        "updated_at": iso(at),
        "reason": "",
        "arguments": dump_json({}),
        "compared": "",
        "is_accepted": 0,
        **(change or {}),
    }
    is_expected = VERDICT.status.in_([old.value for old in expected])
    return db.change(VERDICT.update(values).where(is_expected & where))


# Older statuses are not sent to a forge that is configured later.
OWED_FOR = timedelta(days=7)
_STATUSES_AT_ONCE = 20


class VerdictHistory(Repository):
    """What the daemon reports of datasets, commits and models."""

    def list_unsent_statuses(self) -> list[Row]:
        """Return the newest verdicts whose status was not sent to the forge yet, a few at a time.

        `sent_status` is the text that was sent last.
        """
        is_newer = VERDICT.sent_at.is_null() | (VERDICT.sent_at != VERDICT.updated_at)
        is_young = VERDICT.updated_at > iso(self._clock() - OWED_FOR)
        return self.db.rows(
            VERDICT.select(
                VERDICT.commit_sha,
                VERDICT.dataset,
                VERDICT.status,
                VERDICT.updated_at,
                VERDICT.reason,
                VERDICT.arguments,
                BUILD.number,
                VERDICT.sent_status,
            )
            .join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))
            .where(ON_BRANCH & is_newer & is_young)
            .order_by(VERDICT.position.desc(), VERDICT.dataset)
            .limit(_STATUSES_AT_ONCE)
        )

    @transaction
    def record_sent_status(self, owed: Row, text: str) -> None:
        """Record a sent status; one that changed meanwhile will be sent next time."""
        is_owed = VERDICT.commit_sha == owed.commit_sha
        is_owed &= VERDICT.dataset == owed.dataset
        self.db.update(VERDICT, is_owed, sent_status=text, sent_at=owed.updated_at)

    def get_newest(self, dataset: str, commit: str | None = None) -> Verdict:
        """Return the newest verdict with a build, or what a commit led to.

        Raises NotFound, and Refused for the newest build of a dataset that was removed.
        `commit` may be the beginning of an id, at least four digits long, or `HEAD`: the newest
        commit, which has the dataset as the last commit that changed it left it.
        """
        query = select_verdicts().where(VERDICT.dataset == dataset)
        order = VERDICT.position.desc()
        if commit is None:
            require_present_dataset(self.db, dataset)
            query = query.where(ON_BRANCH & CHANGES_DATASET)
        elif commit == "HEAD":
            query = query.where(ON_BRANCH)
        else:
            query = query.where(VERDICT.commit_sha.startswith(commit))
            order = NEWEST_FIRST
        key = "chronicle-no-build" if commit is None else "chronicle-none"
        missing = NotFound(f"no build of {dataset}", key, dataset=dataset)
        return verdict_from_row(self.db.get_row(query.order_by(order), missing))

    def commit_of(self, job_id: int) -> str | None:
        """Return the newest commit whose verdict has this job, None if there is none."""
        of_job = VERDICT.select(VERDICT.commit_sha).where(VERDICT.job_id == job_id)
        found = self.db.value(of_job.order_by(VERDICT.id.desc()))
        return None if found is None else str(found)
