"""Verdicts as the daemon tells them: the newest of a dataset, and git notes of final ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from peewee import JOIN

from merlin.core.errors import NotFound
from merlin.dataset.verdicts import Verdict, VerdictStatus, select_verdicts, verdict_from_row
from merlin.db.database import Database, Row, transaction
from merlin.db.tables import BUILD, JOB, NOTED, VERDICT

_TOLD = (
    VerdictStatus.SERVING,
    VerdictStatus.REJECTED,
    VerdictStatus.SUPERSEDED,
    VerdictStatus.FAILED,
)
_AT_ONCE = 100


class PipelineHistory:
    """What the daemon reports of datasets, commits and models."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def unnoted(self) -> list[tuple[str, str]]:
        """Return (commit, note text) for commits whose final words are not noted as they stand.

        Only of the line: a new mirror need not hold what a rewritten history has left.
        """
        is_newer = NOTED.at.is_null() | (NOTED.at < VERDICT.updated_at)
        on_line = VERDICT.position.is_null(False)  # noqa: FBT003 - peewee's own signature
        due = (
            VERDICT.select(VERDICT.commit_sha)
            .join(NOTED, JOIN.LEFT_OUTER, on=(NOTED.commit_sha == VERDICT.commit_sha))
            .where(VERDICT.word.in_([word.value for word in _TOLD]) & is_newer & on_line)
            .limit(_AT_ONCE)
        )
        commits = sorted({row["commit_sha"] for row in self.db.rows(due)})
        return [(commit, text) for commit, text, _ in self._notes(commits)]

    def _notes(self, commits: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return commit, its note, and when the newest of its words was said."""
        rows = self.db.rows(
            VERDICT.select(
                VERDICT.commit_sha,
                VERDICT.dataset,
                VERDICT.word,
                VERDICT.updated_at,
                BUILD.number,
                BUILD.digest,
                JOB.provider_job_id,
                JOB.model_id,
            )
            .join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))
            .join(JOB, JOIN.LEFT_OUTER, on=(JOB.id == VERDICT.job_id))
            .where(VERDICT.commit_sha.in_(commits))
            .order_by(VERDICT.commit_sha, VERDICT.dataset)
        )
        groups = groupby(rows, key=lambda row: str(row["commit_sha"]))
        told = [(commit, list(group)) for commit, group in groups]
        return [
            (commit, _note(group), max(str(row["updated_at"]) for row in group))
            for commit, group in told
        ]

    @transaction
    def noted(self, commit: str, note: str) -> None:
        """Remember that this text stands as the commit's note.

        Words that moved on meanwhile are newer than it, and will be noted in their turn.
        """
        said = [at for _, text, at in self._notes([commit]) if text == note]
        if said:
            self.db.change(NOTED.delete().where(NOTED.commit_sha == commit))
            self.db.put(NOTED.insert({"commit_sha": commit, "words": note, "at": said[0]}))

    def newest(self, dataset: str, commit: str | None = None) -> Verdict:
        """Return the newest verdict with a build, or what a commit led to. Raises NotFound.

        `commit` may be the beginning of an id, at least four digits long.
        """
        query = select_verdicts().where(VERDICT.dataset == dataset)
        if commit is None:
            on_line = VERDICT.position.is_null(False)  # noqa: FBT003 - peewee's own signature
            # An unchanged commit wants what the one before it wants.
            is_new = VERDICT.word != VerdictStatus.UNCHANGED.value
            query = query.where(on_line & is_new & (VERDICT.wish != ""))
        else:
            query = query.where(VERDICT.commit_sha.startswith(commit))
        row = self.db.row(query.order_by(VERDICT.position.desc()))
        if row is None:
            raise NotFound(f"no build of {dataset}", "chronicle-none", dataset=dataset)
        return verdict_from_row(row)

    def commit_of(self, job_id: int) -> str | None:
        """Return the newest commit whose verdict this job serves, None when there is none."""
        of_job = VERDICT.select(VERDICT.commit_sha).where(VERDICT.job_id == job_id)
        found = self.db.value(of_job.order_by(VERDICT.id.desc()))
        return None if found is None else str(found)


def _note(rows: Iterable[Row]) -> str:
    """Return the note of one commit: a line a dataset, in words that programs can read."""
    lines = []
    for row in rows:
        words = [f"merlin: dataset={row['dataset']} verdict={row['word']}"]
        if row["number"] is not None:
            words.append(f"build={row['dataset']}-{row['number']} digest={row['digest']}")
        if row["provider_job_id"]:
            words.append(f"job={row['provider_job_id']}")
        if row["model_id"]:
            words.append(f"model={row['model_id']}")
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"
