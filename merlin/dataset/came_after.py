"""What later commits did to a commit: undid it, mended its errors, or replaced its files."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from peewee import JOIN, fn

from merlin.core.clock import from_iso
from merlin.dataset.changes import ChangeState
from merlin.dataset.finding import Severity
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.database import Database, Row
from merlin.db.tables import CHANGE, COMMIT, FINDING, VERDICT

# git revert's line in the message of its commit.
_REVERTED = re.compile(r"This reverts commit ([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class CameAfter:
    """The later commits of the branch that undid, mended or replaced a commit; "" for none.

    `subject`, `author` and `at` are those of `commit`.
    """

    undone_by: str = ""
    mended_by: str = ""
    replaced_by: str = ""
    subject: str = ""
    author: str = ""
    at: datetime | None = None

    @property
    def commit(self) -> str:
        """Return the one that matters most, "" for none."""
        return self.undone_by or self.mended_by or self.replaced_by

    @property
    def may_be_undone(self) -> bool:
        """Return whether its files are as it left them."""
        return not (self.undone_by or self.replaced_by)

    @property
    def text_key(self) -> str:
        """Return the Fluent key of what `commit` did."""
        what = (
            "undone" if self.undone_by else "mended" if self.mended_by else "replaced"
        )
        return f"commit-after-{what}"

    @property
    def text_arguments(self) -> dict[str, object]:
        """Return the arguments of that text."""
        return {"subject": self.subject, "author": self.author}


def find_what_came_after(
    db: Database, verdicts: Sequence[Row], wrong: Mapping[int, Collection[str]]
) -> dict[int, CameAfter]:
    """Return what came after each of these verdicts, by id; those without are missing.

    A verdict is a row with id, dataset, position, status and commit_sha; `wrong` are the paths of
    the errors that its commit brought, by id.
    """
    if not verdicts:
        return {}
    mended = _find_mended(db, {each: paths for each, paths in wrong.items() if paths})
    refused = [row.id for row in verdicts if row.status == VerdictStatus.REJECTED.value]
    # Such a one had too few examples.
    mended |= _find_accepted(db, [each for each in refused if not wrong.get(each)])
    undone, replaced = _find_edits_after(db, verdicts)
    undone = _find_reverts(db, verdicts) | undone
    after = {
        each: CameAfter(
            undone.get(each, ""), mended.get(each, ""), replaced.get(each, "")
        )
        for each in {*mended, *undone, *replaced}
    }
    return _name_commits(db, after) if after else {}


def _name_commits(db: Database, after: Mapping[int, CameAfter]) -> dict[int, CameAfter]:
    query = COMMIT.select(
        COMMIT.sha, COMMIT.subject, COMMIT.author_name, COMMIT.committed_at
    )
    rows = db.rows(
        query.where(COMMIT.sha.in_({each.commit for each in after.values()}))
    )
    named = {
        row.sha: {
            "subject": row.subject,
            "author": row.author_name,
            "at": from_iso(row.committed_at),
        }
        for row in rows
    }
    return {key: replace(each, **named[each.commit]) for key, each in after.items()}


_LATER = VERDICT.alias("later")
_MENDED = VERDICT.alias("mended")
_STILL = FINDING.alias("still")
_IS_LATER = (_LATER.dataset == VERDICT.dataset) & (_LATER.position > VERDICT.position)


def _find_mended(db: Database, wrong: Mapping[int, Collection[str]]) -> dict[int, str]:
    """Return the commits since which each of these files was found without errors."""
    if not wrong:
        return {}
    is_still_wrong = (_STILL.verdict_id == _LATER.id) & (_STILL.path == FINDING.path)
    is_still_wrong &= _STILL.severity == Severity.ERROR.value
    # A rejected commit may not have been read to its end.
    is_right = _IS_LATER & (_LATER.status != VerdictStatus.REJECTED.value)
    is_right &= ~fn.EXISTS(_STILL.select(_STILL.id).where(is_still_wrong))
    first = _LATER.select(_LATER.id).where(is_right).order_by(_LATER.position).limit(1)
    is_first = _MENDED.id == first
    query = FINDING.select(
        FINDING.verdict_id,
        FINDING.path,
        _MENDED.position,
        _MENDED.commit_sha.alias("by"),
    )
    query = query.join(VERDICT, on=(VERDICT.id == FINDING.verdict_id))
    query = query.join(_MENDED, JOIN.LEFT_OUTER, on=is_first)
    is_error = FINDING.severity == Severity.ERROR.value
    rows = db.rows(query.where(FINDING.verdict_id.in_([*wrong]) & is_error))
    mended = defaultdict[int, list[Row]](list)
    for row in rows:
        if row.path in wrong[row.verdict_id]:
            mended[row.verdict_id].append(row)
    return {
        verdict_id: max(found, key=attrgetter("position")).by
        for verdict_id, found in mended.items()
        if all(row.by for row in found)
    }


def _find_accepted(db: Database, verdict_ids: Collection[int]) -> dict[int, str]:
    """Return the first commits after these rejected ones that were not."""
    if not verdict_ids:
        return {}
    is_right = _IS_LATER & (_LATER.status != VerdictStatus.REJECTED.value)
    first = (
        _LATER.select(_LATER.commit_sha)
        .where(is_right)
        .order_by(_LATER.position)
        .limit(1)
    )
    query = VERDICT.select(VERDICT.id, first.alias("first"))
    rows = db.rows(query.where(VERDICT.id.in_([*verdict_ids])))
    return {row.id: row.first for row in rows if row.first}


_NEWEST = CHANGE.alias("newest")
_ANY = CHANGE.alias("any_edit")
_OF_ANY = VERDICT.alias("of_any")


def _find_edits_after(
    db: Database, verdicts: Sequence[Row]
) -> tuple[dict[int, str], dict[int, str]]:
    """Return the newest edits that put back, or replaced, the files of each of these edits."""
    by_commit = defaultdict[tuple[str, str], list[Row]](list)
    for pair in _list_with_newest(db, {row.commit_sha for row in verdicts}):
        by_commit[pair.commit_sha, pair.dataset].append(pair)
    undone = dict[int, str]()
    replaced = dict[int, str]()
    for verdict in verdicts:
        pairs = by_commit[verdict.commit_sha, verdict.dataset]
        if not pairs or any(pair.batch == pair.by_batch for pair in pairs):
            continue
        by = pairs[0].by
        if all(map(_is_put_back, pairs)):
            undone[verdict.id] = by
        elif all(pair.last_after != pair.after for pair in pairs):
            replaced[verdict.id] = by
    return undone, replaced


def _is_put_back(pair: Row) -> bool:
    is_of_it = pair.last_before == pair.after
    return bool(is_of_it and pair.last_after == pair.before)


def _list_with_newest(db: Database, commits: Collection[str]) -> list[Row]:
    """Return the files that edits of these commits changed, each with its newest edit.

    Blobs: an edit changed `before` into `after`, the newest one `last_before` into `last_after`.
    Only commits on the branch count.
    """
    is_its = (_OF_ANY.commit_sha == _ANY.commit_sha) & (_OF_ANY.dataset == _ANY.dataset)
    is_on_line = _OF_ANY.position.is_null(is_null=False)
    newest = _ANY.select(fn.MAX(_ANY.id)).join(_OF_ANY, on=is_its & is_on_line)
    is_committed = _ANY.state == ChangeState.COMMITTED.value
    newest = newest.where((_ANY.path == CHANGE.path) & is_committed)
    query = CHANGE.select(
        CHANGE.commit_sha,
        CHANGE.dataset,
        CHANGE.batch,
        CHANGE.before_blob.alias("before"),
        CHANGE.committed_blob.alias("after"),
        _NEWEST.batch.alias("by_batch"),
        _NEWEST.before_blob.alias("last_before"),
        _NEWEST.committed_blob.alias("last_after"),
        _NEWEST.commit_sha.alias("by"),
    )
    query = query.join(
        _NEWEST, on=(_NEWEST.path == CHANGE.path) & (_NEWEST.id == newest)
    )
    is_theirs = CHANGE.commit_sha.in_(commits) & (
        CHANGE.state == ChangeState.COMMITTED.value
    )
    return db.rows(query.where(is_theirs).order_by(CHANGE.id))


# The newest first; the condition on the message is that of their index, in its own words.
_REVERTS = """
SELECT later.dataset, later.commit_sha, seen_commit.message
FROM seen_commit CROSS JOIN verdict AS later
WHERE REPLACE(message, 'This reverts commit ', '') <> message AND seen_commit.position > ?
    AND later.commit_sha = seen_commit.sha
ORDER BY seen_commit.position DESC
"""


def _find_reverts(db: Database, verdicts: Sequence[Row]) -> dict[int, str]:
    """Return the commits by which `git revert` undid these, unless reverted themselves."""
    known = {(row.dataset, row.commit_sha): row for row in verdicts if row.position}
    if not known:
        return {}
    undone = dict[tuple[str, str], str]()
    for dataset, commit, message in db.sql(
        _REVERTS, min(row.position for row in known.values())
    ):
        if (dataset, commit) not in undone:
            for reverted in _REVERTED.findall(message):
                undone.setdefault((dataset, reverted), commit)
    return {row.id: undone[each] for each, row in known.items() if each in undone}
