"""Parts of the long lists of the pipeline, newest first.

The shapes are those of `merlin.app.reports`, each with its row's `id`; reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from peewee import Select

from merlin.app.reports import (
    select_end_times,
    select_first_findings,
    select_jobs,
    select_models,
    select_told_verdicts,
    select_whole_builds,
)
from merlin.app.views import (
    Shown,
    shown_build,
    shown_finding,
    shown_job,
    shown_model,
    shown_promotion,
    shown_verdict,
)
from merlin.core.errors import NotFound
from merlin.db.database import Database, Row
from merlin.db.tables import BUILD, JOB, MODEL, PROMOTION, VERDICT, Table

FINDINGS = 50
Names = Sequence[str] | None


class PipelineRows:
    """Each list is of some datasets (None: of all) and begins after a row (0: at the newest)."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def builds(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return builds."""
        return self._part(select_whole_builds(), BUILD, shown_build, (datasets, limit, before))

    def jobs(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return jobs."""
        return self._part(select_jobs(), JOB, shown_job, (datasets, limit, before))

    def models(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return models, each with its `evaluation` or None."""
        return self._part(select_models(), MODEL, shown_model, (datasets, limit, before))

    def promotions(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return promotions."""
        return self._part(PROMOTION.select(), PROMOTION, shown_promotion, (datasets, limit, before))

    def model(self, model_id: int) -> Shown:
        """Return one model by its row's id. Raises NotFound."""
        row = self.db.row(select_models().where(MODEL.id == model_id))
        if row is None:
            raise NotFound(f"no model {model_id}", "store-no-model", model=str(model_id))
        return {**shown_model(row), "id": row["id"]}

    def verdicts(
        self, datasets: Names, limit: int, before: int = 0, commit: str = ""
    ) -> list[Shown]:
        """Return verdicts in the order in which they were said first, with their `findings`.

        `commit` may be the beginning of an id.
        """
        query = select_told_verdicts()
        if commit:
            query = query.where(VERDICT.commit_sha.startswith(commit))
        with self.db.snapshot():
            told = self._part(query, VERDICT, _verdict, (datasets, limit, before))
            ended = select_end_times(self.db, [each["row"] for each in told])
            found: dict[int, list[Shown]] = {each["id"]: [] for each in told}
            for row in self.db.rows(select_first_findings(list(found), FINDINGS)):
                found[row["verdict_id"]].append(shown_finding(row))
        return [
            {
                **shown_verdict(each["row"]),
                "id": each["id"],
                "served_until": ended.get(each["row"]["job_id"]),
                "findings": found[each["id"]],
            }
            for each in told
        ]

    def _part(
        self,
        query: Select,
        table: Table,
        shown: Callable[[Row], Shown],
        part: tuple[Names, int, int],
    ) -> list[Shown]:
        datasets, limit, before = part
        if datasets is not None:
            query = query.where(table.dataset.in_(list(datasets)))
        if before:
            query = query.where(table.id < before)
        rows: list[dict[str, Any]] = self.db.rows(query.order_by(table.id.desc()).limit(limit))
        return [{**shown(row), "id": row["id"]} for row in rows]


def _verdict(row: Row) -> Shown:
    return {"row": row}
