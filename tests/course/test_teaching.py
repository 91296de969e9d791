"""Edits of a course: course.yaml and text files in one commit."""

from __future__ import annotations

import pytest

from merlin.core.errors import NotFound, Refused
from merlin.course.catalogue import Material
from merlin.course.editing import CourseFiles, MaterialDraft, parse_course
from merlin.dataset.changes import ChangeKind
from merlin.dataset.files import FileText

pytestmark = pytest.mark.unit

YAML = """\
semester: 1  # осень
name: {ru: Проба}
materials:
  - {lesson: 1, type: lecture, title: {ru: Начало}, text: materials/lecture-01.md}
  - {lesson: 2, type: lab, title: {ru: Ссылка}, file_url: "https://example.com/a"}
  - {lesson: 3, type: lab, title: {ru: Повтор}, text: materials/lecture-01.md}
"""
LINK = MaterialDraft("lab", 2, {"ru": "Ссылка"}, file_url="https://example.com/a")


def make_files(yaml=YAML, **texts):
    files = {"course.yaml": yaml, "materials/lecture-01.md": "# Начало\n", **texts}
    return CourseFiles(
        [FileText("trial", path, f"blob-{path}", text) for path, text in files.items()]
    )


def list_paths(proposed):
    return [(edit.kind, edit.path) for edit in proposed.edits]


def read_course(proposed):
    return parse_course(next(edit.text for edit in proposed.edits if edit.path == "course.yaml"))


def test_a_text_gets_a_name_that_nothing_has():
    draft = MaterialDraft("lecture", 1, {"ru": "Ещё"}, text="a")
    taken = {"materials/Lecture-01-2.md": "x"}
    proposed = make_files(**taken).add_material(draft)
    assert list_paths(proposed)[1] == (ChangeKind.ADD, "materials/lecture-01-3.md")
    assert proposed.edits[1].text == "a\n"
    assert proposed.subject == "Add lecture 1"


def test_a_material_is_put_where_it_was_wanted():
    proposed = make_files().add_material(
        MaterialDraft("lab", 4, {"ru": "Ещё"}, file_url="https://a.example", place=1)
    )
    assert [material["lesson"] for material in read_course(proposed)["materials"]] == [1, 4, 2, 3]
    last = make_files().add_material(
        MaterialDraft("lab", 4, {"ru": "Ещё"}, file_url="https://a.example", place=900)
    )
    assert [material["lesson"] for material in read_course(last)["materials"]] == [1, 2, 3, 4]


def test_a_course_without_materials_gets_its_first():
    proposed = make_files("semester: 1\nname: {ru: А}\n").add_material(LINK)
    assert len(read_course(proposed)["materials"]) == 1


def test_a_text_in_the_place_of_a_link_is_a_new_file_and_the_other_way_round():
    yaml = YAML.replace(
        "lesson: 3, type: lab, title: {ru: Повтор}, text: materials/lecture-01.md",
        'lesson: 3, type: lab, title: {ru: Повтор}, file_url: "https://b.example"',
    )
    proposed = make_files().change_material(
        1, MaterialDraft("lab", 2, {"ru": "Ссылка"}, text="слова")
    )
    assert list_paths(proposed)[1] == (ChangeKind.ADD, "materials/lab-02.md")
    to_link = make_files(yaml).change_material(
        0, MaterialDraft("lecture", 1, {"ru": "Начало"}, file_url="https://c.example")
    )
    assert list_paths(to_link)[1] == (ChangeKind.DELETE, "materials/lecture-01.md")
    assert read_course(to_link)["materials"][0]["file_url"] == "https://c.example"


def test_a_text_that_another_material_names_stays():
    proposed = make_files().change_material(
        0, MaterialDraft("lecture", 1, {"ru": "Начало"}, file_url="https://c.example")
    )
    assert list_paths(proposed) == [(ChangeKind.EDIT, "course.yaml")]
    assert list_paths(make_files().remove_material(2)) == [(ChangeKind.EDIT, "course.yaml")]


def test_the_same_text_is_not_written_again():
    draft = MaterialDraft("lecture", 1, {"ru": "Иначе"}, text="# Начало")
    assert list_paths(make_files().change_material(0, draft)) == [(ChangeKind.EDIT, "course.yaml")]


def test_a_text_that_was_named_and_never_lay_there_is_written():
    yaml = "semester: 1\nname: {ru: А}\nmaterials:\n- {lesson: 1, type: lab, title: {ru: Б}, text: materials/b.md}\n"  # noqa: E501 - a file
    proposed = make_files(yaml).change_material(
        0, MaterialDraft("lab", 1, {"ru": "Б"}, text="слова")
    )
    assert list_paths(proposed) == [(ChangeKind.ADD, "materials/b.md")]
    assert list_paths(make_files(yaml).remove_material(0)) == [(ChangeKind.EDIT, "course.yaml")]


def test_what_changes_nothing_is_refused():
    with pytest.raises(Refused):
        make_files().change_material(1, LINK)
    with pytest.raises(Refused):
        make_files().change_fields({"semester": 1})


def test_the_card_loses_what_is_taken_away_and_keeps_its_comments():
    yaml = YAML.replace("materials:", "description: {ru: О чём}\nmaterials:")
    proposed = make_files(yaml).change_fields({"description": None, "semester": 2})
    assert proposed.edits[0].text == YAML.replace("semester: 1", "semester: 2")
    described = make_files().change_fields({"description": {"ru": "О чём\r\nи зачем"}})
    assert parse_course(described.edits[0].text)["description"] == {"ru": "О чём\nи зачем"}


def test_a_revision_moves_with_what_it_stands_for_alone():
    first, second = make_files(), make_files(YAML.replace("Ссылка", "Адрес"))
    assert first.revision == second.revision
    ours, theirs = first.lessons([]), second.lessons([])
    assert [one.revision == two.revision for one, two in zip(ours, theirs, strict=True)] == [
        True,
        False,
        True,
    ]
    edited = make_files(**{"materials/lecture-01.md": "иначе"})
    assert edited.lessons([])[0].revision == ours[0].revision  # the test's blobs are their paths


def test_a_material_is_known_by_its_id():
    materials = [
        Material(7, 2, "lab", {"ru": "Ссылка", "en": "Ссылка"}, "", "https://example.com/a")
    ]
    lesson = make_files().material(materials, 7)
    assert (lesson.place, lesson.words) == (1, None)
    with pytest.raises(NotFound):
        make_files().material(materials, 8)


def test_the_card_tells_what_is_given_alone():
    assert make_files().card() == {"semester": 1, "name": {"ru": "Проба"}}


def test_a_missing_course_is_refused():
    with pytest.raises(Refused):
        CourseFiles([])
