"""Favourites and the catalogue in parts, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from search_world import TaughtCourses, card

from merlin.core.errors import NotFound, Refused
from merlin.course.listing import MOST, START, Favourites, Listing
from merlin.db.database import open_database
from merlin.db.tables import FAVOURITE

pytestmark = pytest.mark.integration

ANNA, BORIS = 1001, 1002


@pytest.fixture
def catalogue(database):
    semesters = {"b": 1, "a": 2, "я": 1, "Z": 1}
    courses = {slug: card(slug, semester=each) for slug, each in semesters.items()}
    return TaughtCourses(database).teach(courses | {"closed": card("closed", active=False)})


@pytest.fixture
def listing(catalogue, database):
    return Listing(database)


def slugs(courses):
    return [course.slug for course in courses]


def test_parts_follow_each_other_without_gap_or_repeat(listing):
    whole = slugs(listing.part(10))
    assert whole == ["Z", "b", "я", "a"]
    place, said = START, []
    while part := listing.part(1, place):
        said += slugs(part)
        place = part[-1].semester, part[-1].slug
    assert said == whole
    assert slugs(listing.part(10, semester=1)) == ["Z", "b", "я"]
    assert slugs(listing.part(10, (1, "b"), semester=1)) == ["я"]


def test_a_listed_course_is_the_course(listing, catalogue):
    assert listing.part(10) == catalogue.rows.courses()


def test_cards_come_in_the_order_asked_for(listing, catalogue):
    ids = {course.slug: course.course_id for course in catalogue.rows.courses(active_only=False)}
    asked = [ids["a"], 10**12, ids["closed"], ids["b"]]
    assert slugs(listing.cards(asked)) == ["a", "b"]
    assert slugs(listing.cards(asked, active_only=False)) == ["a", "closed", "b"]
    assert listing.cards([]) == []
    assert len(listing.cards([*ids.values(), *range(10**6, 10**6 + 1200)])) == 4


def test_semesters_and_teachers_are_those_of_active_courses(catalogue, database):
    courses = {
        "one": card("one", teachers=("vera", "boris")),
        "two": card("two", teachers=("boris",), semester=3),
        "closed": card("closed", teachers=("anna",), active=False),
    }
    catalogue.teach(courses)
    listing = Listing(database)
    assert listing.semesters() == [(1, 1), (3, 1)]
    told = {teacher.name: slugs(teacher.courses) for teacher in listing.teachers()}
    assert told == {"boris": ["one", "two"], "vera": ["one"]}


def test_materials_come_by_kind_and_lesson_and_by_number(catalogue, database):
    seminar = replace(card("x", titles=["S"]).materials[0], kind="seminar")
    lectures = card("x", titles=["A", "B"]).materials
    catalogue.teach({"x": card("x", materials=(seminar, *reversed(lectures)))})
    course, listing = catalogue.rows.course("x"), Listing(database)
    found = listing.materials(course.course_id)
    assert [each.title("ru") for each in found] == ["A", "B", "S"]
    assert found == catalogue.rows.materials("x")
    assert course.counts == {"lecture": 2, "seminar": 1, "lab": 0}
    ids = [each.material_id for each in found]
    assert listing.materials_of([ids[2], 10**9, ids[0]]) == [
        (course.course_id, found[2]),
        (course.course_id, found[0]),
    ]
    catalogue.teach({"x": card("x")})
    assert listing.materials_of(ids) == []


def test_a_course_is_kept_once_and_let_go(catalogue, database):
    rows, course_id = Favourites(database), catalogue.rows.course("a").course_id
    assert [rows.add(ANNA, course_id), rows.add(ANNA, course_id)] == [True, False]
    assert (rows.of(ANNA), rows.of(BORIS)) == ([course_id], [])
    assert rows.remove(BORIS, course_id) is False
    assert [rows.remove(ANNA, course_id), rows.remove(ANNA, course_id)] == [True, False]
    assert rows.of(ANNA) == []


def test_what_is_not_active_cannot_be_kept_and_is_not_shown(catalogue, database):
    rows, course = Favourites(database), catalogue.rows.course("a")
    with pytest.raises(NotFound):
        rows.add(ANNA, 10**12)
    with pytest.raises(NotFound):
        rows.add(ANNA, catalogue.rows.course("closed").course_id)
    rows.add(ANNA, course.course_id)
    catalogue.teach({"b": card("b")})
    assert rows.of(ANNA) == []
    catalogue.teach({"a": card("a")})
    assert rows.of(ANNA) == [course.course_id]


def test_nobody_keeps_more_than_the_most(catalogue, database):
    rows = Favourites(database, most=2)
    ids = [catalogue.rows.course(slug).course_id for slug in ("a", "b", "Z")]
    assert [rows.add(ANNA, each) for each in ids[:2]] == [True, True]
    with pytest.raises(Refused):
        rows.add(ANNA, ids[2])
    assert rows.add(ANNA, ids[0]) is False
    assert MOST > 2


def test_threads_that_race_keep_each_course_once(catalogue, database, url):
    ids = [course.course_id for course in catalogue.rows.courses()]

    def keep(place):
        with open_database(url) as own:
            rows = Favourites(own)
            return sum(rows.add(ANNA, each) for each in ids[place % 2 :] + ids[: place % 2])

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(keep, range(16)))
    assert sum(made) == len(ids)
    kept = database.rows(FAVOURITE.select(FAVOURITE.course_id).order_by(FAVOURITE.course_id))
    assert [row["course_id"] for row in kept] == sorted(ids)
