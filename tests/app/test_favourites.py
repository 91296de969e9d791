"""Favourites and the catalogue in parts, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from merlin.app import courses, teaching
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import led_course
from merlin.core.clock import iso
from merlin.core.errors import Forbidden, NotFound, Refused
from merlin.core.permissions import Authority, Role
from merlin.db.database import open_database
from merlin.db.tables import FAVOURITE
from tests.db.pipeline_rows import TaughtCourses, card
from tests.support.config import config_of

pytestmark = pytest.mark.integration

ANNA, BORIS = (Actor.person(user_id, Authority()) for user_id in (1001, 1002))


@pytest.fixture
def catalogue(database):
    semesters = {"b": 1, "a": 2, "я": 1, "Z": 1}
    courses = {slug: card(slug, semester=each) for slug, each in semesters.items()}
    return TaughtCourses(database).teach(courses | {"closed": card("closed", active=False)})


@pytest.fixture
def listing(catalogue):
    return catalogue.rows


@pytest.fixture
def ctx(database):
    return Context(config=config_of(), db=database)


def slugs(found):
    return [course.slug for course in found]


def part(ctx, limit, after=courses.START, semester=None):
    return courses.part(ctx, limit, after, semester, default_limit=10, max_limit=10)


def test_parts_follow_each_other_without_gap_or_repeat(catalogue, ctx):
    found, has_more = part(ctx, 10)
    assert (slugs(found), has_more) == (["Z", "b", "я", "a"], False)
    place, said, has_more = courses.START, [], True
    while has_more:
        (course,), has_more = part(ctx, 1, place)
        said.append(course.slug)
        place = course.semester, course.slug
    assert said == slugs(catalogue.rows.courses()) == slugs(found)
    assert slugs(part(ctx, 10, semester=1)[0]) == ["Z", "b", "я"]
    assert slugs(part(ctx, 10, (1, "b"), semester=1)[0]) == ["я"]


def test_a_course_is_found_by_its_number_active_or_not(listing):
    for course in listing.courses(active_only=False):
        assert listing.course_by_id(course.course_id) == course
    assert listing.course_by_id(10**12) is None


def test_semesters_and_teachers_are_those_of_active_courses(catalogue, ctx):
    told = {
        "one": card("one", teachers=("vera", "boris")),
        "two": card("two", teachers=("boris",), semester=3),
        "closed": card("closed", teachers=("anna",), active=False),
    }
    catalogue.teach(told)
    assert courses.active(ctx).semesters == {1: 1, 3: 1}
    told = {name: slugs(led) for name, led in courses.teachers(ctx).items()}
    assert told == {"boris": ["one", "two"], "vera": ["one"]}


def test_materials_come_by_kind_and_lesson_and_by_number(catalogue):
    seminar = replace(card("x", titles=["S"]).materials[0], kind="seminar")
    lectures = card("x", titles=["A", "B"]).materials
    catalogue.teach({"x": card("x", materials=(seminar, *reversed(lectures)))})
    course, listing = catalogue.rows.course("x"), catalogue.rows
    found = listing.materials("x")
    assert [material.title("ru") for material in found] == ["A", "B", "S"]
    assert course.counts == {"lecture": 2, "seminar": 1, "lab": 0}
    ids = [material.material_id for material in found]
    assert listing.materials_by_id([ids[2], 10**9, ids[0]]) == [
        (course.course_id, found[2]),
        (course.course_id, found[0]),
    ]
    catalogue.teach({"x": card("x")})
    assert listing.materials_by_id(ids) == []


def test_a_course_is_kept_once_and_let_go(catalogue, ctx):
    course = catalogue.rows.course("a")
    first, again = (courses.add_favourite(ctx, ANNA, course.course_id) for _ in range(2))
    assert [first, again] == [(True, course), (False, course)]
    assert courses.favourites(ctx, ANNA) == [course]
    assert courses.favourites(ctx, BORIS) == courses.favourites(ctx, Actor()) == []
    assert courses.remove_favourite(ctx, BORIS, course.course_id) is False
    gone = [courses.remove_favourite(ctx, ANNA, course.course_id) for _ in range(2)]
    assert gone == [True, False]
    assert courses.favourites(ctx, ANNA) == []


def test_what_is_not_active_cannot_be_kept_and_is_not_shown(catalogue, ctx):
    course, closed = catalogue.rows.course("a"), catalogue.rows.course("closed")
    for course_id in (10**12, closed.course_id):
        with pytest.raises(NotFound):
            courses.add_favourite(ctx, ANNA, course_id)
    courses.add_favourite(ctx, ANNA, course.course_id)
    catalogue.teach({"b": card("b")})
    assert courses.favourites(ctx, ANNA) == []
    catalogue.teach({"a": card("a")})
    assert [favourite.course_id for favourite in courses.favourites(ctx, ANNA)] == [
        course.course_id
    ]


def test_nobody_keeps_more_than_the_most(catalogue, ctx):
    kept = [
        {"user_id": ANNA.user_id, "course_id": 10**6 + number, "at": iso(ctx.clock())}
        for number in range(courses.MAX_FAVOURITES - 1)
    ]
    ctx.db.add_many(FAVOURITE, kept)
    last, other, *_ = (course.course_id for course in catalogue.rows.courses())
    assert courses.add_favourite(ctx, ANNA, last)[0] is True
    with pytest.raises(Refused):
        courses.add_favourite(ctx, ANNA, other)
    assert courses.add_favourite(ctx, ANNA, last)[0] is False


def test_threads_that_race_keep_each_course_once(catalogue, database, url):
    ids = [course.course_id for course in catalogue.rows.courses()]

    def keep(place):
        with open_database(url) as own:
            added = ids[place % 2 :] + ids[: place % 2]
            return sum(
                courses.add_favourite(Context(config=config_of(), db=own), ANNA, each)[0]
                for each in added
            )

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(keep, range(16)))
    assert sum(made) == len(ids)
    kept = database.rows(FAVOURITE.select(FAVOURITE.course_id).order_by(FAVOURITE.course_id))
    assert [row["course_id"] for row in kept] == sorted(ids)


def test_a_course_that_is_not_active_is_there_for_those_who_edit_it(catalogue, ctx):
    closed, course = catalogue.rows.course("closed"), catalogue.rows.course("a")
    editor = Actor.person(3, Authority(Role.EDITOR))
    assert courses.get(ctx, editor, closed.course_id) == closed
    assert courses.get(ctx, Actor(), course.course_id) == course
    for actor, course_id in ((ANNA, closed.course_id), (editor, 10**12)):
        with pytest.raises(NotFound):
            courses.get(ctx, actor, course_id)


def test_a_course_that_others_lead_is_forbidden_and_a_hidden_one_not_there(catalogue, ctx):
    closed, course = catalogue.rows.course("closed"), catalogue.rows.course("a")
    teacher = Actor.person(3, Authority(Role.TEACHER, frozenset({"a"})))
    assert led_course(ctx, teacher, course.course_id) == course
    assert [each.slug for each in teaching.led_courses(ctx, teacher)] == ["a"]
    assert teaching.led_courses(ctx, ANNA) == []
    with pytest.raises(Forbidden):
        led_course(ctx, ANNA, course.course_id)
    with pytest.raises(NotFound):
        led_course(ctx, teacher, closed.course_id)
