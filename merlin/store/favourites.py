"""Rows of favourite courses; fulfils `course.favourite.Favourites`."""

from __future__ import annotations

from peewee import fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.course.favourite import MOST
from merlin.store.course_tables import COURSE
from merlin.store.database import Database, transaction
from merlin.store.web_tables import FAVOURITE


class FavouriteRows:
    """One row a person and course."""

    def __init__(self, db: Database, clock: Clock = utc_now, most: int = MOST) -> None:
        self.db = db
        self._clock = clock
        self._most = most

    @transaction
    def add(self, user_id: int, course_id: int) -> bool:
        """Keep a course; False when it is kept already.

        Raises NotFound for a course that is not there or not active, Refused beyond `MOST`.
        """
        here = (COURSE.id == course_id) & (COURSE.is_active == 1)
        if self.db.value(COURSE.select(COURSE.id).where(here)) is None:
            raise NotFound(f"no course {course_id}", "course-unknown")
        mine = FAVOURITE.user_id == user_id
        kept = FAVOURITE.select(FAVOURITE.id).where(mine & (FAVOURITE.course_id == course_id))
        if self.db.value(kept) is not None:
            return False
        if int(self.db.value(FAVOURITE.select(fn.COUNT(FAVOURITE.id)).where(mine))) >= self._most:
            words = f"{self._most} favourites"
            raise Refused(words, "course-too-many-favourites", limit=self._most)
        row = {"user_id": user_id, "course_id": course_id, "at": iso(self._clock())}
        return self.db.put(FAVOURITE.insert(row).on_conflict_ignore())

    @transaction
    def remove(self, user_id: int, course_id: int) -> bool:
        """Let a course go; False when it was not kept."""
        this = (FAVOURITE.user_id == user_id) & (FAVOURITE.course_id == course_id)
        return self.db.change(FAVOURITE.delete().where(this)) > 0

    def of(self, user_id: int) -> list[int]:
        """Return the ids of a person's active courses, in the order in which they were added."""
        query = FAVOURITE.select(FAVOURITE.course_id)
        query = query.join(COURSE, on=(COURSE.id == FAVOURITE.course_id))
        mine = (FAVOURITE.user_id == user_id) & (COURSE.is_active == 1)
        rows = self.db.rows(query.where(mine).order_by(FAVOURITE.id))
        return [row["course_id"] for row in rows]
