"""Favourite: a course that somebody keeps at hand, in the Sider of the page."""

from __future__ import annotations

from typing import Protocol

# Nobody reads a longer Sider, and a program must not fill the database.
MOST = 500


class Favourites(Protocol):
    """Where they are kept, each course once a person; each method is one transaction."""

    def add(self, user_id: int, course_id: int) -> bool:
        """Keep a course; False when it is kept already.

        Raises NotFound for a course that is not there or not active, Refused beyond `MOST`.
        """

    def remove(self, user_id: int, course_id: int) -> bool:
        """Let a course go; False when it was not kept."""

    def of(self, user_id: int) -> list[int]:
        """Return the ids of a person's active courses, in the order in which they were added."""
