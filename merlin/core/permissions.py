"""Roles and permissions: one table says which role may do what.

A person has one role. A teacher's role applies in the scopes (datasets or courses) it was granted
for, every other role everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """The roles, from least to most privileged."""

    # The values are stored in the database.
    STUDENT = "student"
    TEACHER = "teacher"
    EDITOR = "editor"
    ADMIN = "admin"


class Permission(StrEnum):
    """A permission that a role can grant."""

    ASK = "ask"
    EDIT_EXAMPLES = "edit_examples"
    EDIT_MATERIALS = "edit_materials"
    REVIEW = "review"
    WATCH = "watch"
    LAUNCH = "launch"
    PROMOTE = "promote"
    USERS = "users"
    REFUNDS = "refunds"


_STUDENT = frozenset({Permission.ASK})
_EDITOR = _STUDENT | {
    Permission.EDIT_EXAMPLES,
    Permission.EDIT_MATERIALS,
    Permission.REVIEW,
    Permission.WATCH,
}
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.STUDENT: _STUDENT,
    Role.TEACHER: _EDITOR,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody's current role; `scopes` are a teacher's datasets or courses."""

    role: Role = Role.STUDENT
    scopes: frozenset[str] = frozenset()

    def may(self, permission: Permission, scope: str | None = None) -> bool:
        """Return whether this is allowed in a scope, the id of a dataset or course.

        Without a scope, a teacher is allowed what they may do in any of their scopes.
        """
        if permission not in PERMISSIONS[self.role]:
            return False
        is_unscoped = self.role is not Role.TEACHER or permission in _STUDENT
        return is_unscoped or scope is None or scope in self.scopes
