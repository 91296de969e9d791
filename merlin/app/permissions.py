"""Leading: whose course it is."""

from __future__ import annotations

from merlin.account.accounts import fold_name
from merlin.core.permissions import Authority, Permission
from merlin.course.catalogue import Course


def leads(standing: Authority, name: str, course: Course) -> bool:
    """Return whether somebody leads a course; `name` is their account's, "" without one.

    Editors and admins lead every course; a teacher those they were given, and those whose
    course.yaml names them.
    """
    is_named = bool(name) and fold_name(name) in {fold_name(each) for each in course.teachers}
    is_teacher = standing.may(Permission.EDIT_MATERIALS)
    return (is_named and is_teacher) or standing.may(Permission.EDIT_MATERIALS, course.slug)
