"""Courses in the database, updated by commits alone: titles, and materials that keep their ids."""

from dataclasses import replace

import pytest

from merlin.course.catalogue import (
    Catalogue,
    Course,
    Material,
    has_course_change,
    match_materials,
)
from merlin.dataset.check import CheckedDataset
from merlin.dataset.finding import Finding, Severity
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


def make_course(**changes):
    name = {"ru": "Питон", "en": "Python"}
    return replace(Course(1, "python", 1, name, {"ru": "Основы.", "en": ""}), **changes)


def lecture(number, title="Введение", **changes):
    titles = {"ru": title, "en": title}
    return replace(
        MaterialSpec(number, "lecture", titles, text=f"materials/{number}.md"),
        **changes,
    )


def make_materials(*specs):
    return [
        Material(number, spec.lesson, spec.kind, spec.title, spec.text, spec.file_url)
        for number, spec in enumerate(specs, 1)
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("language", "title"), [("ru", "Питон"), ("en", "Python"), ("de", "Питон")]
)
def test_course_has_a_title_in_every_language(language, title):
    assert make_course().title(language) == title


@pytest.mark.unit
def test_missing_translation_falls_back_to_another_language():
    assert make_course().about("en") == "Основы."
    assert make_course(description={}).about("ru") == ""
    assert make_course(name={}).title("ru") == make_course().dataset == "python"


def make_checked(*findings):
    return CheckedDataset("python", None, None, findings)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("dataset", "checked", "is_changed"),
    [
        ("python", None, True),
        ("python", make_checked(), True),
        ("python", make_checked(Finding("examples/a.yaml", 1, 1, "empty-file")), True),
        (
            "python",
            make_checked(Finding("course.yaml", 1, 1, "x", Severity.WARNING)),
            True,
        ),
        ("python", make_checked(Finding("course.yaml", 1, 1, "missing-text")), False),
        ("my course", make_checked(), False),
    ],
)
def test_course_change_requires_a_valid_course_file_and_name(
    dataset, checked, is_changed
):
    assert has_course_change(dataset, checked) is is_changed


@pytest.mark.unit
@pytest.mark.parametrize(
    "changes",
    [
        {"title": {"ru": "Иначе", "en": "Else"}},
        {"lesson": 9},
        {"kind": "lab"},
        {"text": "materials/other.md"},
        {"text": "", "file_url": "https://example.com/1.pdf"},
    ],
)
def test_material_keeps_its_id_after_an_edit(changes):
    before = make_materials(lecture(1), lecture(2, "Списки"))
    assert match_materials(
        before, [replace(lecture(2, "Списки"), **changes), lecture(1)]
    ) == [2, 1]


@pytest.mark.unit
def test_new_material_gets_no_id_and_no_id_is_used_twice():
    before = make_materials(lecture(1))
    assert match_materials(before, [lecture(1), lecture(1), lecture(7, "Графы")]) == [
        1,
        None,
        None,
    ]
    assert match_materials([], [lecture(1)]) == [None]


@pytest.mark.unit
def test_identical_materials_keep_their_order():
    assert match_materials(
        make_materials(lecture(1), lecture(1)), [lecture(1), lecture(1)]
    ) == [
        1,
        2,
    ]


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


@pytest.fixture
def pushed(world):
    """A commit with a course."""
    push(world, 1, card())


def material_ids(rows):
    return {
        material.title("en"): material.material_id for material in rows.materials(FACE)
    }


@pytest.mark.integration
def test_commit_adds_a_course_to_the_catalogue(world, rows, pushed):
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


@pytest.mark.integration
def test_ids_are_kept_through_edits(world, rows, pushed):
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


@pytest.mark.integration
def test_material_restored_by_a_revert_gets_its_old_id(world, rows, pushed):
    before = rows.materials(FACE)
    push(world, 2, card(materials=TEXTS[:1]))
    assert [material.title("en") for material in rows.materials(FACE)] == ["Brow"]
    assert rows.find_course(FACE).materials == 1
    push(world, 3, card())
    assert rows.materials(FACE) == before


@pytest.mark.integration
def test_invalid_course_file_leaves_the_course_unchanged(world, rows, pushed):
    before = rows.find_course(FACE), rows.materials(FACE)
    push(world, 2, None, Finding("course.yaml", 3, 1, "missing-text"))
    assert (rows.find_course(FACE), rows.materials(FACE)) == before


@pytest.mark.integration
@pytest.mark.parametrize(
    "checked_", [None, course_outcome(None), course_outcome(card(active=False))]
)
def test_removed_course_becomes_inactive_and_keeps_its_id(
    world, rows, checked_, pushed
):
    before = rows.find_course(FACE)
    outcome = CommitOutcome(
        FACE, VerdictStatus.REJECTED if checked_ else VerdictStatus.REMOVED, checked_
    )
    world.record(make_commit(2), [outcome], AT)
    assert rows.courses() == []
    assert rows.courses(active_only=False) == [replace(before, is_active=False)]
    push(world, 3, card())
    assert rows.find_course(FACE) == before


@pytest.mark.integration
def test_courses_are_sorted_by_semester_then_slug(world, rows):
    for position, (slug, semester) in enumerate(
        [("python", 1), ("algorithms", 2), ("a", 2)], 1
    ):
        push(world, position, card(semester=semester), dataset=slug)
    assert [course.slug for course in rows.courses()] == ["python", "a", "algorithms"]


@pytest.mark.integration
def test_unknown_course_is_not_found(rows):
    assert rows.find_course("nothing") is None
    assert rows.materials("nothing") == []


@pytest.mark.integration
def test_catalogue_is_rebuilt_from_all_datasets(world, rows, pushed):
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
