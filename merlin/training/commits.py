"""Rows of commits and their results: verdicts, builds, examples and their authors.

The author of an example in a build is the author of the commit that gave the file its content. A
text that several builds contain is stored once.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from peewee import fn

from merlin.core.clock import iso
from merlin.core.killpoint import kill_point
from merlin.course.catalogue import follow_course, mark_incomplete
from merlin.dataset.builds import BUILDS, NO_END, UNSEEN, Build, BuildContent
from merlin.dataset.check import CheckedDataset
from merlin.dataset.example import Example, normalise
from merlin.dataset.finding import Severity
from merlin.dataset.layout import RATED, example_path
from merlin.dataset.spec import dump_spec
from merlin.dataset.verdicts import (
    CHANGES_DATASET,
    FINDINGS,
    NOTHING_NEW,
    ON_BRANCH,
    WAITING,
    Verdict,
    VerdictStatus,
    select_verdicts,
    transition,
    verdict_condition,
    verdict_from_row,
)
from merlin.db.database import (
    CHUNK,
    Columns,
    Database,
    Repository,
    in_portions,
    transaction,
)
from merlin.db.tables import (
    BUILD,
    COMMIT,
    FINDING,
    SERVING,
    TAUGHT_EXAMPLE,
    VERDICT,
)
from merlin.db.values import RowMap, dump_json, storable_text
from merlin.git.source import Commit

# The position of a serving model whose commit is no longer on the branch.
RESET_POSITION = 0
# Failed stays as it is: it holds for a commit outside the branch as well.
_OPEN = (VerdictStatus.BUILT, VerdictStatus.HELD, VerdictStatus.TRAINING)

_COMMITS = RowMap(Commit)
# What two findings are compared by.
_OF_FINDING = ("line", "col", "rule", "arguments")

_ON_BRANCH = COMMIT.position.is_null(is_null=False)


# Path within a dataset's folder -> the commit that wrote the file.
Writers = Mapping[str, Commit]


@dataclass(frozen=True, slots=True)
class CommitOutcome:
    """The result of one commit for one dataset, before it is recorded.

    `build` is None if nothing could be built; one with `content` was written to disk and has no
    row yet. `checked` is None for a dataset that the commit removed. `writers` wrote the dataset's
    files; None: the commit wrote those that changed.
    """

    dataset: str
    status: VerdictStatus
    checked: CheckedDataset | None = None
    build: Build | None = None
    content: BuildContent | None = None
    training_key: str = ""
    reason: str = ""
    arguments: Mapping[str, object] | None = None
    writers: Writers | None = None


class CommitHistory(Repository):
    """The recorded first-parent commits of the branch."""

    def __contains__(self, commit: object) -> bool:
        """Return whether a commit is recorded on the branch's first-parent line."""
        return self.db.has(COMMIT, (COMMIT.sha == commit) & _ON_BRANCH)

    def find_newest(self) -> tuple[str, int]:
        """Return the newest recorded commit of that line with its position, ("", 0) for none."""
        query = COMMIT.select(COMMIT.sha, COMMIT.position).where(_ON_BRANCH)
        newest = self.db.rows(query.order_by(COMMIT.position.desc()).limit(1))
        return next(iter(newest), ("", 0))

    def next_number(self, dataset: str) -> int:
        """Return the number of the dataset's next build, 1 for the first."""
        highest = BUILD.select(fn.COALESCE(fn.MAX(BUILD.number), 0))
        return int(self.db.value(highest.where(BUILD.dataset == dataset))) + 1

    def latest(self, dataset: str) -> Verdict | None:
        """Return the newest verdict on the branch that has a training key, or None.

        A removed dataset has none.
        """
        found = select_verdicts().where(
            (VERDICT.dataset == dataset) & ON_BRANCH & CHANGES_DATASET
        )
        row = self.db.row(found.order_by(VERDICT.position.desc()))
        return None if row is None or not row.training_key else verdict_from_row(row)

    def build_of(self, dataset: str, digest: str) -> Build | None:
        """Return the dataset's build with this digest."""
        same = (BUILD.dataset == dataset) & (BUILD.digest == digest)
        return BUILDS.find(self.db, BUILD.select().where(same))

    def follows_newest_build(self, dataset: str) -> bool:
        """Return whether the newest commit made the dataset's newest build, which is compared.

        Then the next commit has written all files in which its build differs. One that left the
        build as it was may have written files: their tags are not in it.
        """
        newest = self.db.value(
            BUILD.select(fn.MAX(BUILD.id)).where(BUILD.dataset == dataset)
        )
        found = VERDICT.select().where((VERDICT.dataset == dataset) & ON_BRANCH)
        row = self.db.row(found.order_by(VERDICT.position.desc()).limit(1))
        if row is None or row.status in NOTHING_NEW:
            return False
        return bool(row.build_id == newest)

    def record(
        self,
        commit: Commit,
        outcomes: Sequence[CommitOutcome],
        at: datetime,
        piece: int = CHUNK,
    ) -> None:
        """Store the commit with its outcomes: builds, verdicts, findings; all or none.

        More than a `piece` of new examples is stored before in short transactions, as those of a
        build that nobody sees: one for all would keep every process from writing for a second. The
        courses are updated in the same transaction. A commit that is already on the branch is left
        unchanged. For one that returns to the branch, the new verdicts replace the old ones. The
        caller holds the build lock.
        """
        if commit.sha in self:
            return
        staged = {
            new.dataset: _stage(self.db, new, piece)
            for new in _list_new_builds(commit, outcomes)
        }
        self._record(commit, outcomes, at, staged)

    @transaction
    def _record(
        self,
        commit: Commit,
        outcomes: Sequence[CommitOutcome],
        at: datetime,
        staged: Mapping[str, _Staged],
    ) -> None:
        self._enter(commit)
        for outcome in outcomes:
            self._record_outcome(commit, outcome, at, staged.get(outcome.dataset))
        kill_point("commit.rows_stored")

    def _enter(self, commit: Commit) -> None:
        """Put the commit on the branch."""
        row = self.db.row(
            COMMIT.select(COMMIT.position).where(COMMIT.sha == commit.sha)
        )
        if row is None:
            self.db.put(COMMIT.insert(_COMMITS.write(commit, but=("parent",))))
            return
        is_same = COMMIT.sha == commit.sha
        self.db.update(COMMIT, is_same, position=commit.position)
        self.db.delete(VERDICT, VERDICT.commit_sha == commit.sha)

    def _record_outcome(
        self,
        commit: Commit,
        outcome: CommitOutcome,
        at: datetime,
        staged: _Staged | None,
    ) -> None:
        dataset = outcome.dataset
        checked = outcome.checked
        # Its waiting verdicts are superseded.
        if outcome.status is VerdictStatus.REMOVED:
            of_dataset = VERDICT.dataset == dataset
            transition(self.db, WAITING, VerdictStatus.SUPERSEDED, at, of_dataset)
        if checked or outcome.status is VerdictStatus.REMOVED:
            follow_course(self.db, dataset, checked)
        build_id = outcome.build.build_id if outcome.build else None
        if staged is not None:
            build_id = _finish(self.db, staged)
        verdict = {
            "commit_sha": commit.sha,
            "dataset": dataset,
            "position": commit.position,
            "status": outcome.status.value,
            "training_key": outcome.training_key,
            "spec": dump_spec(checked.spec if checked else None),
            "reason": outcome.reason,
            "arguments": dump_json(dict(outcome.arguments or {})),
            "build_id": build_id,
            "job_id": None,
            "seen_at": iso(at),
            "updated_at": iso(at),
        }
        findings = (
            [FINDINGS.write(finding) for finding in checked.findings] if checked else []
        )
        earlier = self._find_earlier(dataset, commit, findings)
        verdict_id = self.db.add(VERDICT, verdict)
        this = {"verdict_id": verdict_id}
        self.db.add_many(
            FINDING,
            (
                row | this | {"brought_by": earlier.get(row["path"], "")}
                for row in findings
            ),
        )

    def _find_earlier(
        self, dataset: str, commit: Commit, findings: Sequence[Columns]
    ) -> Mapping[str, str]:
        """Return path -> the earlier commit that brought its errors, if this one left them."""
        of_dataset = (VERDICT.dataset == dataset) & (VERDICT.position < commit.position)
        before = (
            VERDICT.select(VERDICT.id)
            .where(of_dataset)
            .order_by(VERDICT.position.desc())
        )
        rows = FINDING.select(*FINDING.every(), VERDICT.commit_sha).join(
            VERDICT, on=(VERDICT.id == FINDING.verdict_id)
        )
        known = self.db.rows(
            rows.where(VERDICT.id == before.limit(1)).order_by(FINDING.id)
        )
        old = _errors_by_path(row._asdict() for row in known)
        new = _errors_by_path(findings)
        brought = {row.path: row.brought_by or row.commit_sha for row in known}
        return {path: brought[path] for path in new if new[path] == old.get(path)}

    @transaction
    def drop_commits(self, after: int, at: datetime) -> int:
        """Remove commits after this position from the branch (history was rewritten).

        Their waiting and training verdicts become superseded; one that they had superseded and
        that is now its dataset's newest waits again, also if it has a job: its model passes the
        gate like any other. If a removed commit had been considered for serving, promotion starts
        again; a pin stays. Edits stay committed: the admins hear how many commits are gone. Returns
        the number of removed commits.
        """
        changed = self.db.rows(
            VERDICT.select(VERDICT.dataset).where(VERDICT.position > after)
        )
        left = self.db.change(
            COMMIT.update({"position": None}).where(COMMIT.position > after)
        )
        condition = VERDICT.position > after
        why = {"reason": "verdict-history"}
        transition(self.db, _OPEN, VerdictStatus.SUPERSEDED, at, condition, change=why)
        self.db.update(VERDICT, condition, position=None)
        for dataset in {name for (name,) in changed}:
            newest = self.latest(dataset)
            if newest and newest.status is VerdictStatus.SUPERSEDED:
                this = verdict_condition(newest.commit, dataset)
                again = {"job_id": None}
                transition(
                    self.db,
                    (newest.status,),
                    VerdictStatus.BUILT,
                    at,
                    this,
                    change=again,
                )
        self.db.update(SERVING, SERVING.position > after, position=RESET_POSITION)
        if left:
            mark_incomplete(self.db)
            self.db.announce_change()
        return left


def _errors_by_path(findings: Iterable[Columns]) -> dict[str, list[Columns]]:
    by_path = defaultdict[str, list[Columns]](list)
    for row in findings:
        if row["severity"] == Severity.ERROR.value:
            by_path[row["path"]].append({name: row[name] for name in _OF_FINDING})
    return by_path


# Plain statements take a tenth of the time, which matters for a first build: 3 s of 30,000
# examples.
_ADD_TEXT = """
INSERT INTO example_text (digest, messages, words) VALUES (:digest, :messages, :words)
ON CONFLICT DO NOTHING
"""
_ADD_TAUGHT = """
INSERT INTO taught_example (
    dataset, example_id, first_build, end_build, blob, commit_sha, author, split, tokens,
    text_digest
) VALUES (
    :dataset, :example_id, :first_build, :end_build, :blob, :commit_sha, :author, :split, :tokens,
    :text_digest
)
"""
_TAUGHT = """
SELECT example_id, blob, commit_sha, author, split, tokens, text_digest FROM taught_example
WHERE dataset = ? AND end_build = ?
"""


class Taught(NamedTuple):
    """The content of one example in builds, and the commit that wrote it."""

    blob: str
    commit_sha: str
    author: str
    split: str
    tokens: int
    text_digest: str


class _NewBuild(NamedTuple):
    """A build that is to be stored, with its commit and the files' writers."""

    build: Build
    content: BuildContent
    commit: Commit
    writers: Writers | None

    @property
    def dataset(self) -> str:
        """Return the dataset that it is of."""
        return self.build.dataset


class _Staged(NamedTuple):
    """A build without a verdict: its row, 0 for none yet, and which examples are to be stored.

    `ended` are the examples of the newest build that end with it.
    """

    new: _NewBuild
    build_id: int
    left: Collection[str]
    ended: list[str]


class _Changes(NamedTuple):
    """In which examples a build differs from the newest one, by name.

    `standing` are those of the newest build, `touched` those of the new one that are other or new;
    `same` of them have the same content. `digests` are those of their texts, as far as known.
    """

    standing: Mapping[str, Taught]
    touched: Mapping[str, Example]
    same: Mapping[str, Taught]
    digests: dict[str, str]


def _list_new_builds(
    commit: Commit, outcomes: Iterable[CommitOutcome]
) -> Iterator[_NewBuild]:
    for each in outcomes:
        if each.build and each.content:
            yield _NewBuild(each.build, each.content, commit, each.writers)


def _stage(db: Database, new: _NewBuild, piece: int) -> _Staged:
    """Store more than a piece of new examples as those of an unseen build."""
    _remove_unseen(db, new.dataset, piece)
    standing, touched, *_ = _find_changes(db, new)
    gone = [*standing.keys() - new.content.examples.keys()]
    staged = _Staged(new, 0, touched, gone)
    if len(touched) <= piece:
        return staged
    staged = db.transact(partial(_add_unseen, db, staged))
    for names in in_portions(touched, piece):
        db.transact(partial(_store_examples, db, staged, names))
        kill_point("staged.examples")
    return staged._replace(left=())


def _finish(db: Database, staged: _Staged) -> int:
    """Let everybody see a build, with its examples that are not stored yet; return its id."""
    staged = staged if staged.build_id else _add_unseen(db, staged)
    dataset = staged.new.dataset
    if staged.left:
        _store_examples(db, staged, staged.left)
    db.update(BUILD, BUILD.id == staged.build_id, dataset=dataset)
    _end_examples(db, staged.build_id, dataset, staged.ended)
    return staged.build_id


def _add_unseen(db: Database, staged: _Staged) -> _Staged:
    new = staged.new
    _add_commits(db, {new.commit.sha: new.commit})
    unseen = replace(new.build, dataset=UNSEEN + new.dataset)
    build_id = db.add(BUILD, BUILDS.write(unseen, but=("build_id",)))
    return staged._replace(build_id=build_id)


def _remove_unseen(db: Database, dataset: str, piece: int) -> None:
    """Remove what a killed process has left of an unseen build, in short transactions."""
    unseen = BUILD.select(BUILD.id).where(BUILD.dataset == UNSEEN + dataset)
    for (build_id,) in db.rows(unseen):
        is_its = (TAUGHT_EXAMPLE.dataset == dataset) & (
            TAUGHT_EXAMPLE.first_build == build_id
        )
        left = db.rows(TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.example_id).where(is_its))
        for names in in_portions((row.example_id for row in left), piece):
            db.delete(TAUGHT_EXAMPLE, is_its & TAUGHT_EXAMPLE.example_id.in_(names))
        db.delete(BUILD, BUILD.id == build_id)


def _find_changes(
    db: Database, new: _NewBuild, names: Collection[str] = ()
) -> _Changes:
    """Return in what a build differs from the newest one; with `names`, in these examples alone."""
    content = new.content
    newest = BUILD.select(BUILD.system).where(BUILD.dataset == new.dataset)
    system = storable_text(str(content.manifest["system"]))
    has_same_system = db.value(newest.order_by(BUILD.id.desc())) == system
    of_names = f" AND example_id IN ({', '.join('?' * len(names))})" if names else ""
    rows = db.sql(f"{_TAUGHT}{of_names}", new.dataset, NO_END, *names)
    standing = {name: Taught(*row) for name, *row in rows}
    touched = _find_touched(content, standing if has_same_system else {}, names)
    same = {
        name: row
        for name, example in touched.items()
        if (row := standing.get(name)) and row.blob == example.blob
    }
    # The text is that of the blob, with the system text before it.
    digests = {name: row.text_digest for name, row in same.items() if has_same_system}
    return _Changes(standing, touched, same, digests)


def _store_examples(db: Database, staged: _Staged, names: Collection[str]) -> None:
    """Store these examples in which a build differs from the newest one: texts first, then rows.

    An example that both contain unchanged stays one row. One that `writers` lacks gets no author.
    """
    new, build_id, _, ended = staged
    content = new.content
    standing, touched, same, digests = _find_changes(db, new, names)
    origins = {name: (row.commit_sha, row.author) for name, row in same.items()}
    others = touched.keys() - same.keys()
    origins |= _find_origins(db, others, new.commit, new.writers)
    db.run_many(_ADD_TEXT, _make_texts(content, touched.keys(), digests))
    sides, tokens = content.checked.sides, content.tokens
    taught = {
        name: Taught(
            each.blob, *origins[name], sides[name], tokens[name], digests[name]
        )
        for name, each in touched.items()
    }
    changed = {name for name, row in taught.items() if row != standing.get(name)}
    ended.extend(changed & standing.keys())
    this = {"dataset": new.dataset, "first_build": build_id, "end_build": NO_END}
    rows = ({**this, "example_id": each, **taught[each]._asdict()} for each in changed)
    db.run_many(_ADD_TAUGHT, rows)


def _end_examples(
    db: Database, build_id: int, dataset: str, names: Sequence[str]
) -> None:
    """End the rows of examples that this build has no longer, or otherwise."""
    for some in in_portions(names, CHUNK):
        is_current = (TAUGHT_EXAMPLE.dataset == dataset) & (
            TAUGHT_EXAMPLE.end_build == NO_END
        )
        is_current &= TAUGHT_EXAMPLE.first_build != build_id
        old = is_current & TAUGHT_EXAMPLE.example_id.in_(some)
        db.update(TAUGHT_EXAMPLE, old, end_build=build_id)


def _find_touched(
    content: BuildContent, standing: Mapping[str, Taught], names: Collection[str]
) -> dict[str, Example]:
    """Return the examples that `standing` has not, or with other content, side or tokens."""
    touched = {}
    for name in names or content.examples:
        example = content.examples[name]
        row = standing.get(name)
        tokens = content.tokens[name]
        side = content.checked.sides[name]
        if row is None or (row.blob, row.split, row.tokens) != (
            example.blob,
            side,
            tokens,
        ):
            touched[name] = example
    return touched


def _find_origins(
    db: Database, names: Iterable[str], commit: Commit, writers: Writers | None
) -> dict[str, tuple[str, str]]:
    """Return for each new example the id of the commit that wrote it, and its author."""
    by: dict[str, Commit | None] = dict.fromkeys(names)
    by |= {
        name: commit if writers is None else writers.get(example_path(name))
        for name in by
        if not name.startswith(RATED)
    }
    authors = _add_commits(db, {each.sha: each for each in by.values() if each})
    return {
        name: (writer.sha, authors[writer.sha]) if writer else (commit.sha, "")
        for name, writer in by.items()
    }


def _add_commits(db: Database, commits: Mapping[str, Commit]) -> dict[str, str]:
    """Store these commits unless they are; return the names of their authors.

    The current ones: one may have been erased.
    """
    rows = (_COMMITS.write(each, but=("parent",)) for each in commits.values())
    db.add_missing(COMMIT, ({**row, "position": None} for row in rows))
    authors: dict[str, str] = {}
    for shas in in_portions(commits, CHUNK):
        query = COMMIT.select(COMMIT.sha, COMMIT.author_name).where(
            COMMIT.sha.in_(shas)
        )
        authors |= dict(db.rows(query))
    return authors


def _make_texts(
    content: BuildContent, names: Iterable[str], digests: dict[str, str]
) -> Iterator[Columns]:
    """Yield the text rows of those examples that `digests` lacks; add their digests."""
    for example_id in [name for name in names if name not in digests]:
        messages = content.dump_messages(example_id)
        spoken = (
            normalise(each["content"])
            for each in json.loads(messages)
            if each["role"] in ("user", "assistant")
        )
        words = storable_text("\n".join(spoken))
        digests[example_id] = hashlib.sha256(messages.encode()).hexdigest()
        yield {"digest": digests[example_id], "messages": messages, "words": words}
