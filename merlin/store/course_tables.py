"""The tables of courses and their columns; `store.migrations.m007_courses` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


# `lecture`, `seminar` and `lab` are how many materials of each kind it has now.
COURSE = _table(
    "course",
    "id slug semester name_ru name_en description_ru description_en is_active indexed_at"
    " lecture seminar lab",
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
# What search finds: `id` is a material's number, or a course's with a minus before it. `name` and
# `body` hold words with their stems, `letters` the folded words as they stand.
SEARCH_ENTRY = _table("search_entry", "id course_id name body letters", "id")
