"""The tables of courses and their columns; `store.migrations.m007_courses` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


COURSE = _table(
    "course",
    "id slug semester name_ru name_en description_ru description_en is_active indexed_at",
    "id",
)
COURSE_TEACHER = _table("course_teacher", "course_id place teacher")
# A material that its course.yaml names no longer has no place.
MATERIAL = _table(
    "material", "id course_id place lesson kind title_ru title_en text_path file_url", "id"
)
# One row: whether every dataset of the line's head has been looked at, and the number of the
# newest change of anything that the catalogue says.
COURSE_INDEX = _table("course_index", "id is_whole version")
