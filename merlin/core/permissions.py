"""Role: who may do what; one table says it, and everything else asks here.

A person has one role. A teacher's counts in the scopes (datasets or courses) it was given for,
every other role counts everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here, from the least to the most; the values are what is stored."""

    STUDENT = "student"
    TEACHER = "teacher"
    EDITOR = "editor"
    ADMIN = "admin"


class Permission(StrEnum):
    """One thing that may be allowed."""

    ASK = "ask"
    EDIT_EXAMPLES = "edit_examples"
    EDIT_MATERIALS = "edit_materials"
    REVIEW = "review"
    WATCH = "watch"
    LAUNCH = "launch"
    PROMOTE = "promote"
    EDIT_TEXTS = "edit_texts"
    USERS = "users"
    GIFTS = "gifts"
    BROADCAST = "broadcast"
    REFUNDS = "refunds"


class DangerousAct(StrEnum):
    """What a second person may have to approve; the values stand in the configuration."""

    REFUND = "refund"
    ROLE = "role"
    PROMOTE = "promote"
    BROADCAST = "broadcast"


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
    """The role somebody has now; `scopes` are a teacher's datasets or courses."""

    role: Role = Role.STUDENT
    scopes: frozenset[str] = frozenset()

    def may(self, permission: Permission, scope: str | None = None) -> bool:
        """Return whether this is allowed; `scope` names the dataset or course it is about.

        Without a scope a teacher is asked whether they may do it anywhere.
        """
        if permission not in PERMISSIONS[self.role]:
            return False
        is_everywhere = self.role is not Role.TEACHER or permission in _STUDENT
        return is_everywhere or scope is None or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that somebody was given; `scope` None: everywhere."""

    user_id: int
    role: Role
    scope: str | None
    by: str
    at: datetime
