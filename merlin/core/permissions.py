"""Role: who may do what; one table says it, and everything else asks here.

A person has one role. A teacher's counts in the scopes (datasets or courses) it was given for,
every other role counts everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


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
class Standing:
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


class Roles(Protocol):
    """Where roles are kept; each method is one transaction, and each change is in the audit.

    The admins whom the config names are admins always.
    """

    def role_of(self, user_id: int) -> Role:
        """Return somebody's role; who was given none is a student."""

    def standing(self, user_id: int) -> Standing:
        """Return somebody's role with its scopes."""

    def grant(self, user_id: int, role: Role, by: str, scope: str | None = None) -> bool:
        """Give a role, which ends the one before; a teacher's scopes add up.

        STUDENT takes every other role away. False when it was so already. Raises Refused where
        a teacher has no scope or anybody else has one, and for an admin of the config.
        """

    def revoke(self, user_id: int, by: str, scope: str | None = None) -> bool:
        """Take a role away, or one scope of a teacher; False when there is none to take.

        Raises Refused for an admin of the config.
        """

    def granted(self) -> list[Grant]:
        """Return every role that counts now, newest first; without the admins of the config."""
