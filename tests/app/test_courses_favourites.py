"""Favourites, the paged catalogue, and who leads a course, on both databases."""

from dataclasses import replace

import pytest

from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.permissions import get_led_course, leads, list_led_courses
from merlin.core.errors import Forbidden, NotFound, Refused
from merlin.core.permissions import Authority, Role
from merlin.course.catalogue import Course
from merlin.db.tables import FAVOURITE
from tests.db.pipeline_rows import CourseCatalogue, make_course
from tests.support.people import EDITOR, STUDENT, make_teacher


@pytest.fixture
def catalogue(database):
    semesters = {"b": 1, "a": 2, "я": 1, "Z": 1}
    courses = {
        slug: make_course(slug, semester=semester)
        for slug, semester in semesters.items()
    }
    return CourseCatalogue(database).teach(
        courses | {"closed": make_course("closed", active=False)}
    )


@pytest.mark.integration
def test_semesters_include_active_courses_only(catalogue, ctx):
    expected = {
        "one": make_course("one", teachers=("vera", "boris")),
        "two": make_course("two", teachers=("boris",), semester=3),
        "closed": make_course("closed", teachers=("anna",), active=False),
    }
    catalogue.teach(expected)
    assert ctx.read_courses().semesters == {1: 1, 3: 1}


@pytest.mark.integration
def test_materials_are_sorted_by_kind_and_lesson(catalogue):
    seminar = replace(make_course("x", titles=["S"]).materials[0], kind="seminar")
    lectures = make_course("x", titles=["A", "B"]).materials
    catalogue.teach({"x": make_course("x", materials=(seminar, *reversed(lectures)))})
    course = catalogue.rows.find_course("x")
    listing = catalogue.rows
    materials = listing.materials("x")
    assert [material.title("ru") for material in materials] == ["A", "B", "S"]
    assert course.counts == {"lecture": 2, "seminar": 1, "lab": 0}


@pytest.mark.integration
def test_favourite_is_added_once_and_removed_once(catalogue, ctx):
    course = catalogue.rows.find_course("a")
    first, second = (
        courses.add_favourite(ctx, STUDENT, course.course_id) for _ in range(2)
    )
    assert [first, second] == [(True, course), (False, course)]
    assert courses.list_favourites(ctx, STUDENT) == [course]
    assert (
        courses.list_favourites(ctx, EDITOR)
        == courses.list_favourites(ctx, Actor())
        == []
    )
    assert courses.remove_favourite(ctx, EDITOR, course.course_id) is False
    removals = [
        courses.remove_favourite(ctx, STUDENT, course.course_id) for _ in range(2)
    ]
    assert removals == [True, False]
    assert courses.list_favourites(ctx, STUDENT) == []


@pytest.mark.integration
def test_inactive_course_cannot_be_a_favourite_and_is_not_listed(catalogue, ctx):
    course = catalogue.rows.find_course("a")
    closed = catalogue.rows.find_course("closed")
    for course_id in (10**12, closed.course_id):
        with pytest.raises(NotFound):
            courses.add_favourite(ctx, STUDENT, course_id)
    courses.add_favourite(ctx, STUDENT, course.course_id)
    catalogue.teach({"b": make_course("b")})
    assert courses.list_favourites(ctx, STUDENT) == []
    catalogue.teach({"a": make_course("a")})
    assert [
        favourite.course_id for favourite in courses.list_favourites(ctx, STUDENT)
    ] == [course.course_id]


@pytest.mark.integration
def test_number_of_favourites_is_limited(catalogue, ctx):
    added = [
        {"user_id": STUDENT.user_id, "course_id": 10**6 + number}
        for number in range(courses.MAX_FAVOURITES - 1)
    ]
    ctx.db.add_many(FAVOURITE, added)
    last, other, *_ = (course.course_id for course in catalogue.rows.courses())
    assert courses.add_favourite(ctx, STUDENT, last)[0] is True
    with pytest.raises(Refused):
        courses.add_favourite(ctx, STUDENT, other)
    assert courses.add_favourite(ctx, STUDENT, last)[0] is False


@pytest.mark.integration
def test_concurrent_threads_add_each_favourite_once(catalogue, ctx, run_at_once):
    ids = [course.course_id for course in catalogue.rows.courses()]

    def add_favourites(number, database):
        own_ctx = replace(ctx, db=database)
        added = ids[number % 2 :] + ids[: number % 2]
        return sum(courses.add_favourite(own_ctx, STUDENT, each)[0] for each in added)

    assert sum(run_at_once(add_favourites, 8)) == len(ids)
    rows = ctx.db.rows(
        FAVOURITE.select(FAVOURITE.course_id).order_by(FAVOURITE.course_id)
    )
    assert [row.course_id for row in rows] == sorted(ids)


@pytest.mark.integration
def test_course_led_by_others_is_forbidden_and_a_hidden_course_not_found(
    catalogue, ctx
):
    closed = catalogue.rows.find_course("closed")
    course = catalogue.rows.find_course("a")
    teacher = make_teacher("a")
    assert get_led_course(ctx, teacher, course.course_id) == course
    assert [course.slug for course in list_led_courses(ctx, teacher)] == ["a"]
    assert list_led_courses(ctx, STUDENT) == []
    with pytest.raises(Forbidden):
        get_led_course(ctx, STUDENT, course.course_id)
    with pytest.raises(NotFound):
        get_led_course(ctx, teacher, closed.course_id)


COURSE = Course(1, "algorithms", 1, {"ru": "Алгоритмы"}, {}, teachers=("Boris",))
TEACHER_HERE = Authority(Role.TEACHER, frozenset({"algorithms"}))
TEACHER_ELSEWHERE = Authority(Role.TEACHER, frozenset({"networks"}))


@pytest.mark.unit
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
