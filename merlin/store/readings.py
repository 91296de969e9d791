"""Rows of what is read in courses; fulfils `course.reading.Readings`."""

from __future__ import annotations

from collections.abc import Mapping

from peewee import fn

from merlin.dataset.layout import MATERIALS
from merlin.store.changes_tables import DATASET_FILE, DATASET_TEXT
from merlin.store.course_tables import MATERIAL
from merlin.store.database import Database


class ReadingRows:
    """Texts of files and counts of materials, as the newest commit left them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def text(self, dataset: str, path: str) -> str | None:
        """Return a file of the newest commit, None where there is none or it is no text."""
        query = DATASET_TEXT.select(DATASET_TEXT.text)
        query = query.join(DATASET_FILE, on=(DATASET_TEXT.blob == DATASET_FILE.blob))
        named = (DATASET_FILE.dataset == dataset) & (DATASET_FILE.path == path)
        found = self.db.value(query.where(named))
        return None if found is None else str(found)

    def lengths(self, dataset: str) -> Mapping[str, int]:
        """Return path -> how many characters, of the texts of a dataset's materials."""
        length = fn.LENGTH(DATASET_TEXT.text).alias("length")
        query = DATASET_TEXT.select(DATASET_FILE.path, length)
        query = query.join(DATASET_FILE, on=(DATASET_TEXT.blob == DATASET_FILE.blob))
        is_text = fn.SUBSTR(DATASET_FILE.path, 1, len(MATERIALS)) == MATERIALS
        rows = self.db.rows(query.where((DATASET_FILE.dataset == dataset) & is_text))
        return {row["path"]: int(row["length"] or 0) for row in rows}

    def kinds(self) -> Mapping[int, Mapping[str, int]]:
        """Return course id -> kind -> how many materials of it a course has now."""
        columns = (MATERIAL.course_id, MATERIAL.kind, fn.COUNT(MATERIAL.id).alias("count"))
        is_listed = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
        query = MATERIAL.select(*columns).where(is_listed)
        counted: dict[int, dict[str, int]] = {}
        for row in self.db.rows(query.group_by(MATERIAL.course_id, MATERIAL.kind)):
            counted.setdefault(row["course_id"], {})[row["kind"]] = int(row["count"])
        return counted
