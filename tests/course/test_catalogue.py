"""Titles of courses, commits that change them, and materials matched after an edit."""

from dataclasses import replace

import pytest

from merlin.course.catalogue import Course, Material, has_course_change, match_materials
from merlin.dataset.check import CheckedDataset
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.spec import MaterialSpec

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize(
    ("language", "title"), [("ru", "Питон"), ("en", "Python"), ("de", "Питон")]
)
def test_course_has_a_title_in_every_language(language, title):
    assert make_course().title(language) == title


def test_missing_translation_falls_back_to_another_language():
    assert make_course().about("en") == "Основы."
    assert make_course(description={}).about("ru") == ""
    assert make_course(name={}).title("ru") == make_course().dataset == "python"


def make_checked(*findings):
    return CheckedDataset("python", None, None, findings)


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


def test_new_material_gets_no_id_and_no_id_is_used_twice():
    before = make_materials(lecture(1))
    assert match_materials(before, [lecture(1), lecture(1), lecture(7, "Графы")]) == [
        1,
        None,
        None,
    ]
    assert match_materials([], [lecture(1)]) == [None]


def test_identical_materials_keep_their_order():
    assert match_materials(
        make_materials(lecture(1), lecture(1)), [lecture(1), lecture(1)]
    ) == [
        1,
        2,
    ]
