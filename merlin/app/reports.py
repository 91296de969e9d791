"""Lists and cards of builds, jobs and models, as commands, pages and screens show them.

Read only, each answer of one moment: plain dicts and lists, ready for JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import JOIN, Select, fn

from merlin.app.views import (
    Shown,
    shown_build,
    shown_checkpoint,
    shown_event,
    shown_example,
    shown_finding,
    shown_job,
    shown_model,
    shown_promotion,
    shown_serving,
    shown_verdict,
)
from merlin.core.errors import NotFound
from merlin.dataset.lint import normalise
from merlin.dataset.verdicts import VerdictStatus, select_verdicts
from merlin.db.database import Database, Row
from merlin.db.requests import RequestState
from merlin.db.tables import (
    BUILD,
    BUILD_EXAMPLE,
    CHECKPOINT,
    EVALUATION,
    EXAMPLE_TEXT,
    FINDING,
    JOB,
    JOB_CHANGE,
    JOB_EVENT,
    MODEL,
    NOTICE,
    PROMOTION,
    REQUEST,
    SERVING,
    VERDICT,
    Table,
)
from merlin.db.values import load_json
from merlin.training.evaluate import Overlap
from merlin.training.jobs import FINAL
from merlin.training.model_store import models, overlap_of
from merlin.training.promotion_store import serving_rows

_SCORES = (
    EVALUATION.questions,
    EVALUATION.chrf,
    EVALUATION.equal_share,
    EVALUATION.unknown_share,
)


def select_whole_builds(*columns: Any) -> Select:
    """Return the SELECT of builds (their columns, all by default) whose examples are all stored."""
    return BUILD.select(*columns).where(BUILD.is_whole == 1)


def select_told_verdicts() -> Select:
    """Return the SELECT of verdicts with their builds' numbers."""
    number = BUILD.number.alias("build_number")
    joined = select_verdicts().select_extend(number)
    return joined.join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))


def select_end_times(db: Database, rows: Sequence[Row]) -> dict[int, str]:
    """Return when the model of each of these verdicts' jobs last stopped serving, by job.

    A verdict keeps the word "serving" for good; the job of a model that serves now is not here.
    """
    jobs = [row["job_id"] for row in rows if row["word"] == VerdictStatus.SERVING.value]
    if not jobs:
        return {}
    live = {row["job_id"] for row in db.rows(serving_rows())}
    left = (PROMOTION.dataset == MODEL.dataset) & (PROMOTION.from_model == MODEL.model_id)
    query = MODEL.select(MODEL.job_id, fn.MAX(PROMOTION.at).alias("ended"))
    ends = query.join(PROMOTION, on=left).where(MODEL.job_id.in_(jobs)).group_by(MODEL.job_id)
    return {row["job_id"]: row["ended"] for row in db.rows(ends) if row["job_id"] not in live}


def select_newest_verdicts() -> Select:
    """Return the SELECT of each dataset's newest verdict on the line."""
    tops = VERDICT.select(VERDICT.dataset, fn.MAX(VERDICT.position).alias("top"))
    heads = tops.group_by(VERDICT.dataset).alias("heads")
    is_head = (heads.c.dataset == VERDICT.dataset) & (heads.c.top == VERDICT.position)
    return select_told_verdicts().join(heads, on=is_head)


def select_jobs() -> Select:
    """Return the SELECT of jobs with their builds' numbers."""
    number = BUILD.number.alias("build_number")
    return JOB.select(*JOB.every(), number).join(BUILD, on=(BUILD.id == JOB.build_id))


def select_newest_jobs() -> Select:
    """Return the SELECT of each dataset's newest job."""
    newest = JOB.select(fn.MAX(JOB.id)).group_by(JOB.dataset)
    return select_jobs().where(JOB.id.in_(newest))


def select_first_findings(verdict_ids: list[int], most: int) -> Select:
    """Return the SELECT of the first `most` findings of each of these verdicts, in their order."""
    place = fn.ROW_NUMBER().over(partition_by=[FINDING.verdict_id], order_by=[FINDING.id])
    numbered = FINDING.select(*FINDING.every(), place.alias("place"))
    few = numbered.where(FINDING.verdict_id.in_(verdict_ids)).alias("few")
    return (
        few.select_from(*(few.c[column.name] for column in FINDING.every()))
        .where(few.c.place <= most)
        .order_by(few.c.id)
    )


def select_taught_examples() -> Select:
    """Return the SELECT of examples as builds taught them, with their texts."""
    number = BUILD.number.alias("build_number")
    query = BUILD_EXAMPLE.select(*BUILD_EXAMPLE.every(), number, EXAMPLE_TEXT.messages)
    whole = (BUILD.id == BUILD_EXAMPLE.build_id) & (BUILD.is_whole == 1)
    query = query.join(BUILD, on=whole)
    return query.join(EXAMPLE_TEXT, on=(EXAMPLE_TEXT.digest == BUILD_EXAMPLE.text_digest))


def select_models() -> Select:
    """Return the SELECT of models with their scores and since when they serve, NULL where none."""
    query = models().select_extend(*_SCORES, SERVING.since)
    query = query.join(EVALUATION, JOIN.LEFT_OUTER, on=(EVALUATION.model_row == MODEL.id))
    return query.join(SERVING, JOIN.LEFT_OUTER, on=(SERVING.model_row == MODEL.id))


FINDINGS = 50
_NOTHING_TOLD: Shown = {"commit": None, "build": None, "verdict": None}


class Reports:
    """The read side of the pipeline's rows."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def status(self) -> Shown:
        """Return `datasets` by name, each with its newest verdict, model and job, and `queues`."""
        with self.db.snapshot():
            told = {
                row["dataset"]: shown_verdict(row) for row in self.db.rows(select_newest_verdicts())
            }
            serving = {row["dataset"]: shown_serving(row) for row in self.db.rows(serving_rows())}
            jobs = {row["dataset"]: shown_job(row) for row in self.db.rows(select_newest_jobs())}
            names = sorted(told.keys() | serving.keys())
            datasets = {
                name: {
                    **(told.get(name) or _NOTHING_TOLD),
                    "serving": serving.get(name),
                    "job": jobs.get(name),
                }
                for name in names
            }
            return {"datasets": datasets, "queues": self._queues()}

    def _queues(self) -> dict[str, int]:
        """Return how much waits: requests, notices, jobs that are not final."""
        open_states = [RequestState.WAITING.value, RequestState.WORKING.value]
        unfinished = JOB.state.not_in([state.value for state in FINAL])
        return {
            "requests": self._count(REQUEST, REQUEST.state.in_(open_states)),
            "notices": self._count(NOTICE, NOTICE.handed_over_at.is_null()),
            "jobs": self._count(JOB, unfinished),
        }

    def _count(self, table: Table, where: Any) -> int:
        return int(self.db.value(table.select(fn.COUNT(table.id)).where(where)))

    def serving(self, dataset: str) -> Shown | None:
        """Return the dataset's serving model with its build's version and `since`, or None."""
        row = self.db.row(serving_rows().where(SERVING.dataset == dataset))
        return None if row is None else shown_serving(row)

    def log(self, dataset: str | None = None, limit: int = 20, before: int = 0) -> list[Shown]:
        """Return verdicts on the line, newest first, each with its first fifty `findings`.

        `before`: only positions below it, for paging; 0 begins at the newest.
        """
        where = VERDICT.position.is_null(False)  # noqa: FBT003 - peewee's own signature
        if dataset is not None:
            where &= VERDICT.dataset == dataset
        if before:
            where &= VERDICT.position < before
        newest = (VERDICT.position.desc(), VERDICT.dataset)
        with self.db.snapshot():
            rows = self.db.rows(select_told_verdicts().where(where).order_by(*newest).limit(limit))
            return self._with_findings(rows)

    def of_commit(self, commit: str) -> list[Shown]:
        """Return what a commit led to, by dataset; `commit` may be the beginning of its id."""
        query = select_told_verdicts().where(VERDICT.commit_sha.startswith(commit))
        with self.db.snapshot():
            return self._with_findings(self.db.rows(query.order_by(VERDICT.dataset)))

    def _with_findings(self, rows: list[Row]) -> list[Shown]:
        found: dict[int, list[Shown]] = {row["id"]: [] for row in rows}
        for finding in self.db.rows(select_first_findings(list(found), FINDINGS)):
            found[finding["verdict_id"]].append(shown_finding(finding))
        ended = select_end_times(self.db, rows)
        return [
            {
                **shown_verdict(row),
                "served_until": ended.get(row["job_id"]),
                "findings": found[row["id"]],
            }
            for row in rows
        ]

    def builds(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return builds, newest first."""
        query = select_whole_builds()
        if dataset is not None:
            query = query.where(BUILD.dataset == dataset)
        return [
            shown_build(row) for row in self.db.rows(query.order_by(BUILD.id.desc()).limit(limit))
        ]

    def build(self, version: str) -> Shown:
        """Return a build by version or the beginning of its digest, with all that it teaches.

        `manifest` is as the build's folder has it; `authors` by example id. Raises NotFound.
        """
        dataset, _, number = version.rpartition("-")
        named = BUILD.digest.startswith(version)
        if dataset and number.isascii() and number.isdigit():
            named = (BUILD.dataset == dataset) & (BUILD.number == int(number))
        row = self.db.row(select_whole_builds().where(named).order_by(BUILD.id.desc()))
        if row is None:
            raise NotFound(f"no build {version}", "store-no-build", build=version)
        taught = BUILD_EXAMPLE.select().where(BUILD_EXAMPLE.build_id == row["id"])
        examples = sorted(self.db.rows(taught), key=lambda each: str(each["example_id"]))
        lines = [
            {"id": each["example_id"], **{name: each[name] for name in ("blob", "split", "tokens")}}
            for each in examples
        ]
        return {
            **shown_build(row),
            "system": row["system"],
            "manifest": {**load_json(row["manifest"]), "examples": lines},
            "authors": {each["example_id"]: each["author"] for each in examples},
        }

    def jobs(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return jobs, newest first."""
        query = select_jobs() if dataset is None else select_jobs().where(JOB.dataset == dataset)
        return [shown_job(row) for row in self.db.rows(query.order_by(JOB.id.desc()).limit(limit))]

    def job(self, job_id: int, events: int = 1000) -> Shown:
        """Return a job with its `changes`, newest `events` (oldest first) and `checkpoints`.

        Raises NotFound.
        """
        with self.db.snapshot():
            row = self.db.row(select_jobs().where(JOB.id == job_id))
            if row is None:
                raise NotFound(f"no job {job_id}", "store-no-job", job=job_id)
            changes = JOB_CHANGE.select().where(JOB_CHANGE.job_id == job_id)
            diary = JOB_EVENT.select().where(JOB_EVENT.job_id == job_id)
            newest = self.db.rows(diary.order_by(JOB_EVENT.id.desc()).limit(events))
            saved = CHECKPOINT.select().where(CHECKPOINT.job_id == job_id)
            return {
                **shown_job(row),
                "changes": [
                    {"from": each["from_state"], "to": each["to_state"], "at": each["at"]}
                    for each in self.db.rows(changes.order_by(JOB_CHANGE.id))
                ],
                "events": [shown_event(each) for each in reversed(newest)],
                "checkpoints": [
                    shown_checkpoint(each) for each in self.db.rows(saved.order_by(CHECKPOINT.step))
                ],
            }

    def models(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return models, newest first, each with its `evaluation` or None."""
        query = select_models()
        if dataset is not None:
            query = query.where(MODEL.dataset == dataset)
        return [
            shown_model(row) for row in self.db.rows(query.order_by(MODEL.id.desc()).limit(limit))
        ]

    def overlap(self, job: int, other: int) -> Overlap:
        """Return what the test questions of two jobs' models have in common."""
        builds = {row["id"]: row["build_id"] for row in self._jobs_of(job, other)}
        return overlap_of(self.db, builds.get(job, 0), builds.get(other, 0))

    def _jobs_of(self, *jobs: int) -> list[Row]:
        return self.db.rows(JOB.select(JOB.id, JOB.build_id).where(JOB.id.in_(list(jobs))))

    def history(self, dataset: str | None = None, limit: int = 50) -> list[Shown]:
        """Return promotions, newest first."""
        query = PROMOTION.select()
        if dataset is not None:
            query = query.where(PROMOTION.dataset == dataset)
        rows = self.db.rows(query.order_by(PROMOTION.id.desc()).limit(limit))
        return [shown_promotion(row) for row in rows]

    def examples(self, words: str, dataset: str | None = None, limit: int = 20) -> list[Shown]:
        """Return examples of the datasets' newest builds that say all these words, by id.

        Letter case and ё or е make no difference; a word may be a part of one.
        """
        newest = select_whole_builds(fn.MAX(BUILD.id)).group_by(BUILD.dataset)
        query = select_taught_examples().where(BUILD.id.in_(newest))
        if dataset is not None:
            query = query.where(BUILD.dataset == dataset)
        for word in normalise(words).split():
            query = query.where(EXAMPLE_TEXT.words.contains(word))
        by_id = query.order_by(BUILD_EXAMPLE.dataset, BUILD_EXAMPLE.example_id)
        return [shown_example(row) for row in self.db.rows(by_id.limit(limit))]

    def lineage(self, dataset: str, example_id: str) -> list[Shown]:
        """Return one example as each build taught it, newest build first."""
        mine = (BUILD_EXAMPLE.dataset == dataset) & (BUILD_EXAMPLE.example_id == example_id)
        rows = self.db.rows(select_taught_examples().where(mine).order_by(BUILD.number.desc()))
        return [shown_example(row) for row in rows]
