"""What models were made of; fulfils `chat.lineage.Lineage` and writes nothing."""

from __future__ import annotations

from typing import Any

from peewee import fn

from merlin.chat.lineage import NEAREST, Origin
from merlin.core.clock import from_iso
from merlin.dataset.sameness import normal
from merlin.store.database import Database, Row
from merlin.store.shown import version
from merlin.store.tables import (
    BUILD,
    BUILD_EXAMPLE,
    COMMIT,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    SERVING,
    VERDICT,
)


class LineageRows:
    """From a model to its build, its commit and its examples."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def origin(self, model_id: str) -> Origin | None:
        """Return where a model comes from, None for one that was not tuned here."""
        row = self._model(model_id)
        if row is None:
            return None
        taught = _taught(row["build_id"])
        editors = BUILD_EXAMPLE.select(fn.COUNT(BUILD_EXAMPLE.author.distinct())).where(taught)
        serving = SERVING.select(SERVING.dataset).where(SERVING.model_row == row["id"])
        return Origin(
            dataset=row["dataset"],
            build=version(row["dataset"], row["number"]) or "",
            commit=self._commit(row["build_id"]),
            trained_at=from_iso(row["trained_at"]),
            examples=row["train"],
            editors=int(self.db.value(editors)),
            serves=self.db.row(serving) is not None,
        )

    def _model(self, model_id: str) -> Row | None:
        asked = (*MODEL.every(), BUILD.number, BUILD.train)
        query = MODEL.select(*asked, JOB.updated_at.alias("trained_at"))
        query = query.join(BUILD, on=(BUILD.id == MODEL.build_id))
        query = query.join(JOB, on=(JOB.id == MODEL.job_id)).where(MODEL.model_id == model_id)
        return self.db.row(query.order_by(MODEL.id.desc()))

    def _commit(self, build_id: int) -> str:
        """Return the first commit on the line that led to a build."""
        query = VERDICT.select(VERDICT.commit_sha).join(
            COMMIT, on=(COMMIT.sha == VERDICT.commit_sha)
        )
        of_build = query.where(VERDICT.build_id == build_id).order_by(COMMIT.position)
        return str(self.db.value(of_build) or "")

    def teaching(self, model_id: str, answer: str) -> list[str]:
        """Return the ids of examples that taught the model this very answer, `NEAREST` at most."""
        row, words = self._model(model_id), normal(answer)
        if row is None or not words:
            return []
        same = EXAMPLE_TEXT.digest == BUILD_EXAMPLE.text_digest
        said = BUILD_EXAMPLE.select(BUILD_EXAMPLE.example_id).join(EXAMPLE_TEXT, on=same)
        said = said.where(_taught(row["build_id"]) & EXAMPLE_TEXT.words.endswith(words))
        found = self.db.rows(said.order_by(BUILD_EXAMPLE.example_id).limit(NEAREST))
        return [each["example_id"] for each in found]


def _taught(build_id: int) -> Any:
    """Return the condition for examples that a build's model learnt; test ones only judge it."""
    return (BUILD_EXAMPLE.build_id == build_id) & (BUILD_EXAMPLE.split == "train")
