"""Permissions of courses: who leads a course and may edit the files in its folder.

Editors and admins lead every course; a teacher leads those assigned to them and those whose
course.yaml names them. Whoever leads a course may also edit its examples, and make new datasets.
"""

from collections.abc import Sequence
from datetime import timedelta

from merlin.account.accounts import Accounts, fold_name
from merlin.app.actor import Actor, missing_dataset
from merlin.app.context import Context
from merlin.core.errors import Forbidden, NotFound
from merlin.core.permissions import Authority, Permission, Role
from merlin.course.catalogue import Course
from merlin.dataset.changes import Change, Changes
from merlin.dataset.verdicts import VerdictStatus, choose_newest, verdict_condition
from merlin.db.tables import VERDICT

# Long enough for the daemon to read a commit.
_UNREAD = timedelta(hours=1)


def name_in_courses(ctx: Context, actor: Actor) -> str:
    """Return the name by which a course.yaml may name the actor, "" for none.

    Editors and admins lead every course, without it.
    """
    if actor.account is not None or actor.authority.role is not Role.TEACHER:
        return actor.account or ""
    return Accounts(ctx.db).list_names([actor.user_id]).get(actor.user_id, "")


def find_teachers(ctx: Context, names: Sequence[str]) -> dict[str, int]:
    """Return the user ids of those of these account names that may lead courses.

    An account counts once an admin gave it such a role: anybody may have chosen the name before
    the course.yaml.
    """
    found = Accounts(ctx.db).list_ids(names) if names else {}
    authorities = ctx.roles.list_authorities(found.values()) if found else {}
    may_lead = {
        key for key, each in authorities.items() if each.may(Permission.EDIT_MATERIALS)
    }
    return {name: user_id for name, user_id in found.items() if user_id in may_lead}


def leads(authority: Authority, name: str, course: Course) -> bool:
    """Return whether a user leads a course; `name` is their account name, "" without one."""
    is_named = bool(name) and fold_name(name) in {
        fold_name(teacher) for teacher in course.teachers
    }
    is_teacher = authority.may(Permission.EDIT_MATERIALS)
    return (is_named and is_teacher) or authority.may(
        Permission.EDIT_MATERIALS, course.slug
    )


def is_led(ctx: Context, actor: Actor, course: Course) -> bool:
    """Return whether the actor leads a course."""
    is_teacher = actor.may(Permission.EDIT_MATERIALS)
    return is_teacher and leads(actor.authority, name_in_courses(ctx, actor), course)


def list_led_courses(ctx: Context, actor: Actor) -> list[Course]:
    """Return the courses that the actor leads, active or not, by semester; none for a student."""
    if not actor.may(Permission.EDIT_MATERIALS):
        return []
    name = name_in_courses(ctx, actor)
    courses = ctx.read_courses().every.values()
    return [course for course in courses if leads(actor.authority, name, course)]


def get_led_course(ctx: Context, actor: Actor, course_id: int) -> Course:
    """Return a course that the actor leads.

    Raises Forbidden for an active course that others lead, NotFound for any other or missing one.
    """
    course = ctx.read_courses().every.get(course_id)
    if course and is_led(ctx, actor, course):
        return course
    if course and course.is_active:
        raise Forbidden(f"others lead the course {course_id}")
    raise NotFound(f"no course {course_id}", "course-unknown")


def may_edit_examples(ctx: Context, actor: Actor, dataset: str) -> bool:
    """Return whether the actor may change the examples of a dataset."""
    if actor.may(Permission.EDIT_EXAMPLES, dataset):
        return True
    course = ctx.read_courses().find(dataset)
    if course is not None:
        return is_led(ctx, actor, course)
    return actor.may(Permission.EDIT_MATERIALS) and any(
        each.by == str(actor.user_id) for each in list_unread_datasets(ctx, dataset)
    )


def list_unread_datasets(ctx: Context, dataset: str = "") -> list[Change]:
    """Return the changes that make datasets whose commits the daemon has yet to read.

    Of one dataset, or ("") of all. Until then whoever made one may edit it.
    """
    made = Changes(ctx.db).list_new_datasets(ctx.clock() - _UNREAD, dataset)
    return [each for each in made if not _is_removed(ctx, each)]


def _is_removed(ctx: Context, change: Change) -> bool:
    """Return whether a later commit removed the dataset that a change made."""
    newest = choose_newest(VERDICT.select(VERDICT.status))
    status = ctx.db.value(newest.where(VERDICT.dataset == change.dataset))
    is_read = verdict_condition(change.commit or "", change.dataset)
    return status == VerdictStatus.REMOVED.value and ctx.db.has(VERDICT, is_read)


def require_editing(ctx: Context, actor: Actor, dataset: str) -> None:
    """Raise NotFound if the actor may not edit the examples of a dataset."""
    if not may_edit_examples(ctx, actor, dataset):
        raise missing_dataset(dataset)
