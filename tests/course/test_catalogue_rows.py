"""Courses in the database: updated by commits alone."""

from dataclasses import replace

import pytest

from merlin.course.catalogue import Catalogue
from merlin.dataset.finding import Finding
from merlin.dataset.spec import CourseSpec, MaterialSpec
from merlin.dataset.verdicts import VerdictStatus
from merlin.training.commits import CommitOutcome
from tests.db.pipeline_rows import (
    AT,
    FACE,
    make_checked_dataset,
    make_commit,
    make_examples,
    make_spec,
)

pytestmark = pytest.mark.integration

NAMES = {"ru": "Нейротипология", "en": "Neurotypology"}
TEXTS = (
    MaterialSpec(
        2, "lecture", {"ru": "Лоб", "en": "Brow"}, text="materials/lecture-02.md"
    ),
    MaterialSpec(
        1, "lab", {"ru": "Опыт", "en": "Lab"}, file_url="https://example.com/1.pdf"
    ),
    MaterialSpec(
        1, "lecture", {"ru": "Ёлка", "en": "Tree"}, text="materials/lecture-01.md"
    ),
)


@pytest.fixture
def rows(database):
    return Catalogue(database)


def card(**changes):
    spec = CourseSpec(
        2, NAMES, {"ru": "Черты.", "en": "Traits."}, True, ("boris",), TEXTS
    )
    return replace(spec, **changes)


def course_outcome(course, *findings, dataset=FACE):
    return replace(
        make_checked_dataset(make_spec(dataset), make_examples(), findings),
        course=course,
    )


def push(world, position, course, *findings, dataset=FACE):
    """Record a commit with this course.yaml; it needs no build."""
    checked = course_outcome(course, *findings, dataset=dataset)
    outcome = CommitOutcome(dataset, VerdictStatus.REJECTED, checked)
    world.record(make_commit(position), [outcome], AT)


def material_ids(rows):
    return {
        material.title("en"): material.material_id for material in rows.materials(FACE)
    }


def test_commit_adds_a_course_to_the_catalogue(world, rows):
    push(world, 1, card())
    (course,) = rows.courses()
    assert course == rows.find_course(FACE)
    assert (course.slug, course.semester, course.title("en")) == (
        FACE,
        2,
        "Neurotypology",
    )
    assert (course.teachers, course.materials, course.is_active) == (
        ("boris",),
        3,
        True,
    )
    materials = [
        (material.kind, material.lesson, material.title("ru"))
        for material in rows.materials(FACE)
    ]
    assert materials == [
        ("lecture", 1, "Ёлка"),
        ("lecture", 2, "Лоб"),
        ("lab", 1, "Опыт"),
    ]
    assert rows.materials(FACE)[2].file_url == "https://example.com/1.pdf"


def test_ids_are_kept_through_edits(world, rows):
    push(world, 1, card())
    course_id = rows.find_course(FACE).course_id
    before = material_ids(rows)
    renamed = replace(TEXTS[0], title={"ru": "Лоб", "en": "Forehead"}, lesson=3)
    materials = (TEXTS[2], renamed, TEXTS[1])
    push(world, 2, card(name={"ru": "Иначе", "en": "Else"}, materials=materials))
    assert rows.find_course(FACE).course_id == course_id
    assert material_ids(rows) == {
        "Tree": before["Tree"],
        "Forehead": before["Brow"],
        "Lab": before["Lab"],
    }


def test_material_restored_by_a_revert_gets_its_old_id(world, rows):
    push(world, 1, card())
    before = rows.materials(FACE)
    push(world, 2, card(materials=TEXTS[:1]))
    assert [material.title("en") for material in rows.materials(FACE)] == ["Brow"]
    assert rows.find_course(FACE).materials == 1
    push(world, 3, card())
    assert rows.materials(FACE) == before


def test_invalid_course_file_leaves_the_course_unchanged(world, rows):
    push(world, 1, card())
    before = rows.find_course(FACE), rows.materials(FACE)
    push(world, 2, None, Finding("course.yaml", 3, 1, "missing-text"))
    assert (rows.find_course(FACE), rows.materials(FACE)) == before


@pytest.mark.parametrize(
    "checked_", [None, course_outcome(None), course_outcome(card(active=False))]
)
def test_removed_course_becomes_inactive_and_keeps_its_id(world, rows, checked_):
    push(world, 1, card())
    before = rows.find_course(FACE)
    outcome = CommitOutcome(
        FACE, VerdictStatus.REJECTED if checked_ else VerdictStatus.REMOVED, checked_
    )
    world.record(make_commit(2), [outcome], AT)
    assert rows.courses() == []
    assert rows.courses(active_only=False) == [replace(before, is_active=False)]
    push(world, 3, card())
    assert rows.find_course(FACE) == before


def test_courses_are_sorted_by_semester_then_slug(world, rows):
    for position, (slug, semester) in enumerate(
        [("python", 1), ("algorithms", 2), ("a", 2)], 1
    ):
        push(world, position, card(semester=semester), dataset=slug)
    assert [course.slug for course in rows.courses()] == ["python", "a", "algorithms"]


def test_unknown_course_is_not_found(rows):
    assert rows.find_course("nothing") is None
    assert rows.materials("nothing") == []


def test_catalogue_is_rebuilt_from_all_datasets(world, rows):
    push(world, 1, card())
    push(world, 2, card(), dataset="python")
    assert world.history.drop_commits(1, AT) == 1
    assert not rows.is_whole()
    rows.index(
        {
            FACE: course_outcome(card(semester=5)),
            "new": course_outcome(card(), dataset="new"),
        }
    )
    assert rows.is_whole()
    assert [(course.slug, course.semester) for course in rows.courses()] == [
        ("new", 2),
        (FACE, 5),
    ]
    assert not rows.find_course("python").is_active
