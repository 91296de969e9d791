"""Listing: the catalogue in parts, for those who show it or hand it on to programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from merlin.course.catalogue import Course, Material

# Where a part begins: the semester and slug of the last course before it.
Place = tuple[int, str]
START: Place = (0, "")


@dataclass(frozen=True, slots=True)
class Teacher:
    """Somebody who leads courses; `name` is their account name."""

    name: str
    courses: tuple[Course, ...]


class Listing(Protocol):
    """Where courses are read in parts; what is not active is left out, unless said otherwise."""

    def part(self, most: int, after: Place = START, semester: int | None = None) -> list[Course]:
        """Return so many courses after a place, by semester, then slug."""

    def cards(self, course_ids: Sequence[int], *, active_only: bool = True) -> list[Course]:
        """Return these courses in this order, without those that are not there."""

    def materials(self, course_id: int) -> list[Material]:
        """Return a course's materials, active or not, by kind, lesson and place in its file."""

    def materials_of(self, ids: Sequence[int]) -> list[tuple[int, Material]]:
        """Return these materials with their courses' numbers, in this order."""

    def semesters(self) -> list[tuple[int, int]]:
        """Return each semester that has courses, and how many."""

    def teachers(self) -> list[Teacher]:
        """Return who leads courses, by name, with their courses without materials."""
