"""Rows of commits and their results: verdicts, builds, examples and their authors.

The author of an example is the author of the newest recorded commit that changed its blob; of one
that the first recorded commit contained, the author according to git's history. A text that several
builds contain is stored once.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from peewee import fn

from merlin.core.clock import iso
from merlin.core.killpoint import kill_point
from merlin.course.catalogue import follow_course, mark_incomplete
from merlin.dataset.builds import BUILDS, NO_END, Build, BuildContent
from merlin.dataset.check import CheckedDataset
from merlin.dataset.example import normalise
from merlin.dataset.layout import example_path
from merlin.dataset.spec import dump_spec
from merlin.dataset.verdicts import (
    CHANGES_DATASET,
    FINDINGS,
    ON_LINE,
    WAITING,
    Verdict,
    VerdictStatus,
    select_verdicts,
    transition,
    verdict_condition,
    verdict_from_row,
)
from merlin.db.database import CHUNK, PORTION, Database, Repository, Row, in_portions, transaction
from merlin.db.tables import (
    BUILD,
    COMMIT,
    EXAMPLE,
    EXAMPLE_TEXT,
    FINDING,
    SERVING,
    TAUGHT_EXAMPLE,
    VERDICT,
)
from merlin.db.values import RowMap, dump_json, storable_text
from merlin.git.source import Commit
from merlin.training.gather import CommitOutcome, Mainline, NewBuild, Writers

# The position of a serving model whose commit is no longer on the branch.
RESET_POSITION = 0
# Failed stays as it is: it holds for a commit outside the branch as well.
_OPEN = (VerdictStatus.BUILT, VerdictStatus.HELD, VerdictStatus.TRAINING)

_COMMITS = RowMap(Commit)


class CommitHistory(Repository):
    """The recorded first-parent commits of the branch."""

    def read_mainline(self) -> Mainline:
        """Return the recorded commits of the branch's first-parent line."""
        on_line = COMMIT.position.is_null(is_null=False)
        return dict(self.db.tuples(COMMIT.select(COMMIT.sha, COMMIT.position).where(on_line)))

    def next_number(self, dataset: str) -> int:
        """Return the number of the dataset's next build, 1 for the first."""
        is_counted = (BUILD.dataset == dataset) & (BUILD.is_whole == 1)
        highest = BUILD.select(fn.COALESCE(fn.MAX(BUILD.number), 0)).where(is_counted)
        return int(self.db.value(highest)) + 1

    def latest(self, dataset: str) -> Verdict | None:
        """Return the newest verdict on the branch that has a training key, or None.

        A removed dataset has none.
        """
        found = select_verdicts().where((VERDICT.dataset == dataset) & ON_LINE & CHANGES_DATASET)
        row = self.db.row(found.order_by(VERDICT.position.desc()))
        return None if row is None or not row["training_key"] else verdict_from_row(row)

    def build_of(self, dataset: str, digest: str) -> Build | None:
        """Return the dataset's build with this digest."""
        same = (BUILD.dataset == dataset) & (BUILD.digest == digest) & (BUILD.is_whole == 1)
        return BUILDS.find(self.db, BUILD.select().where(same))

    def drop_unfinished(self) -> None:
        """Delete the builds of an interrupted `prepare`; no other process may be preparing one.

        Their examples are deleted in portions, and those that they ended are current again; texts
        that no build contains stay.
        """
        for row in self.db.rows(BUILD.select().where(BUILD.is_whole == 0)):
            mine = TAUGHT_EXAMPLE.dataset == row["dataset"]
            condition = mine & (TAUGHT_EXAMPLE.first_build == row["id"])
            ended = mine & (TAUGHT_EXAMPLE.end_build == row["id"])
            again = TAUGHT_EXAMPLE.update({"end_build": NO_END})
            for query, these in ((TAUGHT_EXAMPLE.delete(), condition), (again, ended)):
                some = TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.example_id).where(these).limit(PORTION)
                while self.db.change(query.where(these & TAUGHT_EXAMPLE.example_id.in_(some))):
                    pass
            self.db.delete(BUILD, BUILD.id == row["id"])

    def prepare(
        self,
        commit: Commit,
        outcome: CommitOutcome,
        at: datetime,
        writers: Writers | None = None,
    ) -> CommitOutcome:
        """Store the examples and the build of an outcome; return the outcome for `record`.

        `writers` wrote the files before they were recorded; None: `commit` wrote what changed.
        Written in portions, so that other writers wait only briefly. Until `record` the build is
        incomplete and the commit not on the branch; a crash leaves them so.
        """
        checked = outcome.checked
        if outcome.status is VerdictStatus.REMOVED:
            followed = (name for (name,) in self.db.sql(_FOLLOWED_IDS, outcome.dataset))
            for gone in in_portions(followed):
                self.db.run_in_transaction(partial(_forget, self.db, outcome.dataset, gone))
        if checked is None:
            return outcome
        # Not on the branch yet, so that rows can refer to it.
        row = {**_commit_row(commit), "position": None}
        self.db.transact(lambda: self.db.add_new(COMMIT, row))
        follow_examples(self.db, checked, commit, writers)
        build, new = outcome.build, outcome.new_build
        if new is not None:
            build = self.build_of(outcome.dataset, new.content.digest)
            build = build or self._fill(outcome.dataset, new, at)
        # Of a large dataset they take much memory.
        checked = replace(checked, examples=(), duplicates=(), sides={})
        return replace(outcome, checked=checked, build=build, new_build=None)

    def _fill(self, dataset: str, new: NewBuild, at: datetime) -> Build:
        row = {**_build_row(dataset, new, at), "is_whole": 0}
        build_id = self.db.transact(lambda: self.db.add(BUILD, row))
        store_taught_examples(self.db, build_id, dataset, new.content)
        kill_point("commit.rows_stored")
        return BUILDS.read({**row, "id": build_id})

    @transaction
    def record(self, commit: Commit, outcomes: Sequence[CommitOutcome], at: datetime) -> None:
        """Store the commit with its prepared outcomes: verdicts, builds, findings; all or none.

        The courses are updated in the same transaction. A commit that is already on the branch is
        left unchanged. For one that returns to the branch, the new verdicts replace the old ones.
        """
        if not self._enter(commit):
            return
        for outcome in outcomes:
            if outcome.status is VerdictStatus.REMOVED:  # its waiting verdicts are superseded
                of_dataset = VERDICT.dataset == outcome.dataset
                transition(self.db, WAITING, VerdictStatus.SUPERSEDED, at, of_dataset)
            if outcome.checked or outcome.status is VerdictStatus.REMOVED:
                follow_course(self.db, outcome.dataset, outcome.checked)
            build_id = outcome.build.build_id if outcome.build else None
            if build_id is not None:  # visible to all from now on
                self.db.update(BUILD, BUILD.id == build_id, is_whole=1)
            spec = outcome.checked.spec if outcome.checked else None
            verdict_id = self.db.add(
                VERDICT,
                {
                    "commit_sha": commit.sha,
                    "dataset": outcome.dataset,
                    "position": commit.position,
                    "status": outcome.status.value,
                    "training_key": outcome.training_key,
                    "spec": dump_spec(spec),
                    "reason": outcome.reason,
                    "arguments": dump_json(dict(outcome.arguments or {})),
                    "build_id": build_id,
                    "job_id": None,
                    "seen_at": iso(at),
                    "updated_at": iso(at),
                },
            )
            this = {"verdict_id": verdict_id}
            findings = outcome.checked.findings if outcome.checked else ()
            self.db.add_many(FINDING, (FINDINGS.write(finding) | this for finding in findings))

    def _enter(self, commit: Commit) -> bool:
        """Put the commit on the branch; False if it is already there."""
        row = self.db.row(COMMIT.select(COMMIT.position).where(COMMIT.sha == commit.sha))
        if row is None:
            self.db.put(COMMIT.insert(_commit_row(commit)))
            return True
        if row["position"] is not None:
            return False
        is_same = COMMIT.sha == commit.sha
        self.db.update(COMMIT, is_same, position=commit.position)
        self.db.delete(VERDICT, VERDICT.commit_sha == commit.sha)
        return True

    @transaction
    def drop_commits(self, after: int, at: datetime) -> int:
        """Remove commits after this position from the branch (history was rewritten).

        Their waiting and training verdicts become superseded; one that they had superseded and
        that is now its dataset's newest waits again, also if it has a job: its model passes the
        gate like any other. If a removed commit had been considered for serving, promotion starts
        again; a pin stays. Edits stay committed: the admins hear how many commits are gone. Returns
        the number of removed commits.
        """
        changed = self.db.tuples(VERDICT.select(VERDICT.dataset).where(VERDICT.position > after))
        left = self.db.change(COMMIT.update({"position": None}).where(COMMIT.position > after))
        condition = VERDICT.position > after
        why = {"reason": "verdict-history"}
        transition(self.db, _OPEN, VerdictStatus.SUPERSEDED, at, condition, change=why)
        self.db.update(VERDICT, condition, position=None)
        for dataset in {name for (name,) in changed}:
            newest = self.latest(dataset)
            if newest and newest.status is VerdictStatus.SUPERSEDED:
                this, again = verdict_condition(newest.commit, dataset), {"job_id": None}
                transition(self.db, (newest.status,), VerdictStatus.BUILT, at, this, change=again)
        self.db.update(SERVING, SERVING.position > after, position=RESET_POSITION)
        if left:
            mark_incomplete(self.db)
            self.db.bump()
        return left


def _commit_row(commit: Commit) -> Row:
    return _COMMITS.write(commit, but=("parent",))


def _build_row(dataset: str, new: NewBuild, at: datetime) -> Row:
    manifest = new.content.manifest
    counts, tokens = manifest["counts"], manifest["tokens"]
    return {
        "dataset": dataset,
        "number": new.number,
        "digest": new.content.digest,
        "folder": new.folder,
        "system": storable_text(str(manifest["system"])),
        "train": counts["train"],
        "test": counts["test"],
        "train_tokens": tokens["train"],
        "test_tokens": tokens["test"],
        "manifest": dump_json(manifest),
        "created_at": iso(at),
    }


# Plain statements take a sixth of the time, which matters for a first build.
_FOLLOWED = "SELECT example_id, blob, commit_sha FROM example WHERE dataset = ?"
_STANDING = """
SELECT example_id, blob, commit_sha, split, tokens, text_digest FROM taught_example
WHERE dataset = ? AND end_build = ?
"""
_AUTHORS = "SELECT example_id, author FROM example WHERE dataset = ?"
_FOLLOWED_IDS = "SELECT example_id FROM example WHERE dataset = ?"
_TAUGHT_IDS = "SELECT example_id FROM taught_example WHERE dataset = ? AND end_build = ?"


class Origin(NamedTuple):
    """The known commit that an example's current blob came from."""

    blob: str
    commit_sha: str


class Written(NamedTuple):
    """A new blob of an example, and the commit that wrote it, None if unknown."""

    blob: str
    by: Commit | None


class Taught(NamedTuple):
    """The content of one example in builds, and the commit it came from."""

    blob: str
    commit_sha: str
    split: str
    tokens: int
    text_digest: str


def follow_examples(
    db: Database,
    checked: CheckedDataset,
    commit: Commit,
    writers: Writers | None = None,
) -> None:
    """Update the dataset's example rows to `commit`.

    Written in portions. After an interruption the same call leads to the same rows. An example that
    `writers` lacks gets no author.
    """
    dataset, good = checked.name, {each.id: each for each in checked.examples}
    known = [name for (name,) in db.sql(_FOLLOWED_IDS, dataset)]
    for names in in_portions(sorted({*known, *good})):
        origins = _read_origins(db, dataset, names)
        gone = [name for name in origins if name not in good]
        changed = {
            name: Written(
                good[name].blob, commit if writers is None else writers.get(example_path(name))
            )
            for name in names
            if name in good and (name not in origins or origins[name].blob != good[name].blob)
        }
        if gone or changed:
            outdated = [*gone, *(origins.keys() & changed.keys())]
            db.run_in_transaction(partial(_put, db, dataset, outdated, changed, commit))


def _read_origins(db: Database, dataset: str, example_ids: Sequence[str]) -> dict[str, Origin]:
    found = _read_named_rows(db, _FOLLOWED, example_ids, dataset)
    return {name: Origin(*origin) for name, *origin in found}


def _read_named_rows(
    db: Database, query: str, example_ids: Sequence[str], *values: object
) -> list[tuple[Any, ...]]:
    named = ", ".join("?" * len(example_ids))
    return db.sql(f"{query} AND example_id IN ({named})", *values, *example_ids)


def _forget(db: Database, dataset: str, example_ids: Sequence[str]) -> None:
    for portion in in_portions(example_ids, CHUNK):
        named = EXAMPLE.example_id.in_(portion)
        db.delete(EXAMPLE, (EXAMPLE.dataset == dataset) & named)


def _put(
    db: Database,
    dataset: str,
    outdated: Sequence[str],
    changed: Mapping[str, Written],
    commit: Commit,
) -> None:
    _forget(db, dataset, outdated)
    writers = {each.by.sha: each.by for each in changed.values() if each.by}
    commits = ({**_commit_row(each), "position": None} for each in writers.values())
    db.add_missing(COMMIT, commits)
    authors = _authors(db, writers)
    rows = (
        {
            "dataset": dataset,
            "example_id": example_id,
            "blob": written.blob,
            "commit_sha": (written.by or commit).sha,
            "author": authors[written.by.sha] if written.by else "",
        }
        for example_id, written in changed.items()
    )
    db.add_many(EXAMPLE, rows)


def _authors(db: Database, commits: Iterable[str]) -> dict[str, str]:
    """Return the current names of the authors of these commits.

    Read in the transaction that stores them: a name may have been erased just before.
    """
    authors: dict[str, str] = {}
    for shas in in_portions(sorted(commits), CHUNK):
        query = COMMIT.select(COMMIT.sha, COMMIT.author_name).where(COMMIT.sha.in_(shas))
        authors |= {row["sha"]: row["author_name"] for row in db.rows(query)}
    return authors


def store_taught_examples(db: Database, build_id: int, dataset: str, content: BuildContent) -> None:
    """Store the examples in which a build differs from the previous one: texts first, then rows.

    Written in portions. An example that both contain unchanged stays one row.
    """
    system = str(content.manifest["system"])
    newest = BUILD.select(BUILD.system).where((BUILD.dataset == dataset) & (BUILD.id < build_id))
    before = db.value(newest.order_by(BUILD.id.desc()))
    known = [name for (name,) in db.sql(_TAUGHT_IDS, dataset, NO_END)]
    for names in in_portions(sorted({*known, *content.examples})):
        standing = {
            name: Taught(*row)
            for name, *row in _read_named_rows(db, _STANDING, names, dataset, NO_END)
        }
        good = {name: content.examples[name] for name in names if name in content.examples}
        digests = {  # the text is that of the blob, with the system text before it
            name: standing[name].text_digest
            for name, example in good.items()
            if before == storable_text(system)
            and name in standing
            and standing[name].blob == example.blob
        }
        new = [name for name in good if name not in digests]
        texts = _texts(content, new, digests)
        for portion in in_portions(texts, size=lambda row: len(row["messages"] + row["words"])):
            db.add_missing(EXAMPLE_TEXT, portion)
        origins = _read_origins(db, dataset, names)
        taught = {
            name: Taught(
                example.blob,
                origins[name].commit_sha,
                content.sides[name],
                content.tokens[name],
                digests[name],
            )
            for name, example in good.items()
        }
        changed = {name: row for name, row in taught.items() if row != standing.get(name)}
        ended = sorted(name for name, row in standing.items() if taught.get(name) != row)
        if ended or changed:
            db.run_in_transaction(partial(_teach_otherwise, db, dataset, build_id, ended, changed))
            kill_point("commit.portion_stored")


def _texts(
    content: BuildContent, example_ids: Sequence[str], digests: dict[str, str]
) -> Iterator[Row]:
    """Yield the text rows of these examples; add their digests to `digests`."""
    for example_id in example_ids:
        messages = content.dump_messages(example_id)
        spoken = (
            normalise(each["content"])
            for each in json.loads(messages)
            if each["role"] in ("user", "assistant")
        )
        words = storable_text("\n".join(spoken))
        digests[example_id] = hashlib.sha256(messages.encode()).hexdigest()
        yield {"digest": digests[example_id], "messages": messages, "words": words}


def _teach_otherwise(
    db: Database, dataset: str, build_id: int, ended: Sequence[str], new: Mapping[str, Taught]
) -> None:
    """End the rows of earlier builds with the ids `ended`; store the `new` rows."""
    standing = (TAUGHT_EXAMPLE.dataset == dataset) & (TAUGHT_EXAMPLE.end_build == NO_END)
    if ended:
        old = standing & TAUGHT_EXAMPLE.example_id.in_(ended)
        db.update(TAUGHT_EXAMPLE, old, end_build=build_id)
    # Read in the transaction that stores them: a name may have been erased just before.
    authors = dict(_read_named_rows(db, _AUTHORS, [*new], dataset)) if new else {}
    rows = (
        {
            "dataset": dataset,
            "example_id": name,
            "first_build": build_id,
            "end_build": NO_END,
            "author": authors[name],
            **row._asdict(),
        }
        for name, row in new.items()
    )
    db.add_many(TAUGHT_EXAMPLE, rows)
