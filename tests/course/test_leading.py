"""Who leads a course."""

import pytest

from merlin.app.permissions import leads
from merlin.core.permissions import Authority, Role
from merlin.course.catalogue import Course

pytestmark = pytest.mark.unit

COURSE = Course(1, "algorithms", 1, {"ru": "Алгоритмы"}, {}, teachers=("Boris",))
TEACHER_HERE = Authority(Role.TEACHER, frozenset({"algorithms"}))
TEACHER_ELSEWHERE = Authority(Role.TEACHER, frozenset({"networks"}))


@pytest.mark.parametrize(
    ("authority", "name", "is_led"),
    [
        (Authority(), "", False),
        (Authority(), "boris", False),
        (TEACHER_HERE, "", True),
        (TEACHER_ELSEWHERE, "", False),
        (TEACHER_ELSEWHERE, "anna", False),
        (TEACHER_ELSEWHERE, "boris", True),
        (Authority(Role.EDITOR), "", True),
        (Authority(Role.ADMIN), "", True),
    ],
)
def test_teachers_lead_granted_courses_and_courses_that_name_them(
    authority, name, is_led
):
    assert leads(authority, name, COURSE) is is_led
