"""SELECTs that join what a reader wants to see at once; `store.reports` carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import JOIN, Select, fn

from merlin.build.verdict import Word
from merlin.store.database import Database, Row
from merlin.store.models import models
from merlin.store.promotions import serving_rows
from merlin.store.tables import (
    BUILD,
    BUILD_EXAMPLE,
    EVALUATION,
    EXAMPLE_TEXT,
    FINDING,
    JOB,
    MODEL,
    PROMOTION,
    SERVING,
    VERDICT,
)
from merlin.store.verdicts import verdicts

_SCORES = (
    EVALUATION.questions,
    EVALUATION.chrf,
    EVALUATION.equal_share,
    EVALUATION.unknown_share,
)


def whole_builds(*columns: Any) -> Select:
    """Return the SELECT of builds (their columns, all by default) whose examples are all stored."""
    return BUILD.select(*columns).where(BUILD.is_whole == 1)


def told_verdicts() -> Select:
    """Return the SELECT of verdicts with their builds' numbers."""
    number = BUILD.number.alias("build_number")
    joined = verdicts().select_extend(number)
    return joined.join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))


def ended_jobs(db: Database, rows: Sequence[Row]) -> dict[int, str]:
    """Return when the model of each of these verdicts' jobs last stopped serving, by job.

    A verdict keeps the word "serving" for good; the job of a model that serves now is not here.
    """
    jobs = [row["job_id"] for row in rows if row["word"] == Word.SERVING.value]
    if not jobs:
        return {}
    live = {row["job_id"] for row in db.rows(serving_rows())}
    left = (PROMOTION.dataset == MODEL.dataset) & (PROMOTION.from_model == MODEL.model_id)
    query = MODEL.select(MODEL.job_id, fn.MAX(PROMOTION.at).alias("ended"))
    ends = query.join(PROMOTION, on=left).where(MODEL.job_id.in_(jobs)).group_by(MODEL.job_id)
    return {row["job_id"]: row["ended"] for row in db.rows(ends) if row["job_id"] not in live}


def newest_verdicts() -> Select:
    """Return the SELECT of each dataset's newest verdict on the line."""
    tops = VERDICT.select(VERDICT.dataset, fn.MAX(VERDICT.position).alias("top"))
    heads = tops.group_by(VERDICT.dataset).alias("heads")
    is_head = (heads.c.dataset == VERDICT.dataset) & (heads.c.top == VERDICT.position)
    return told_verdicts().join(heads, on=is_head)


def jobs_told() -> Select:
    """Return the SELECT of jobs with their builds' numbers."""
    number = BUILD.number.alias("build_number")
    return JOB.select(*JOB.every(), number).join(BUILD, on=(BUILD.id == JOB.build_id))


def newest_jobs() -> Select:
    """Return the SELECT of each dataset's newest job."""
    newest = JOB.select(fn.MAX(JOB.id)).group_by(JOB.dataset)
    return jobs_told().where(JOB.id.in_(newest))


def first_findings(verdict_ids: list[int], most: int) -> Select:
    """Return the SELECT of the first `most` findings of each of these verdicts, in their order."""
    place = fn.ROW_NUMBER().over(partition_by=[FINDING.verdict_id], order_by=[FINDING.id])
    numbered = FINDING.select(*FINDING.every(), place.alias("place"))
    few = numbered.where(FINDING.verdict_id.in_(verdict_ids)).alias("few")
    return (
        few.select_from(*(few.c[column.name] for column in FINDING.every()))
        .where(few.c.place <= most)
        .order_by(few.c.id)
    )


def taught_examples() -> Select:
    """Return the SELECT of examples as builds taught them, with their texts."""
    number = BUILD.number.alias("build_number")
    query = BUILD_EXAMPLE.select(*BUILD_EXAMPLE.every(), number, EXAMPLE_TEXT.messages)
    whole = (BUILD.id == BUILD_EXAMPLE.build_id) & (BUILD.is_whole == 1)
    query = query.join(BUILD, on=whole)
    return query.join(EXAMPLE_TEXT, on=(EXAMPLE_TEXT.digest == BUILD_EXAMPLE.text_digest))


def models_told() -> Select:
    """Return the SELECT of models with their scores and since when they serve, NULL where none."""
    query = models().select_extend(*_SCORES, SERVING.since)
    query = query.join(EVALUATION, JOIN.LEFT_OUTER, on=(EVALUATION.model_row == MODEL.id))
    return query.join(SERVING, JOIN.LEFT_OUTER, on=(SERVING.model_row == MODEL.id))
