"""Shelf: the catalogue as the pages show it, read again when it says something else.

What a page needs of all courses is read once for each version of the catalogue; after that a
page costs one question for the version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merlin.api.services import Rows
from merlin.course.catalogue import Course


@dataclass(frozen=True, slots=True)
class Shelf:
    """The active courses at one version.

    `kinds` is course id -> kind -> number of materials, `semesters` semester -> of courses.
    """

    version: int
    courses: Sequence[Course]
    kinds: Mapping[int, Mapping[str, int]]
    by_id: Mapping[int, Course]
    semesters: Mapping[int, int]


class Shelves:
    """The newest shelf of one process."""

    def __init__(self) -> None:
        self._newest: Shelf | None = None

    def read(self, rows: Rows) -> Shelf:
        """Return the shelf as it is now; to be called within `Store.read`."""
        # First of all: what changes meanwhile has a higher number, and is read the next time.
        version = rows.courses.version()
        newest = self._newest
        if newest is None or newest.version != version:
            courses = rows.courses.courses()
            by_id = {course.course_id: course for course in courses}
            semesters = Counter(course.semester for course in courses)
            kinds = rows.readings.kinds()
            newest = self._newest = Shelf(version, courses, kinds, by_id, semesters)
        return newest
