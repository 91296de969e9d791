"""Edits of a course: course.yaml, written with the wanted values, and text files in one commit."""

from base64 import b64decode
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from merlin.core.errors import NotFound, Refused
from merlin.course.editing import (
    MAX_ORIGINAL_BYTES,
    CourseFiles,
    MaterialDraft,
    edit_course,
    parse_course,
    write_course,
)
from merlin.dataset.changes import ChangeKind
from merlin.dataset.commit_message import format_subject
from merlin.dataset.entries import FileText
from tests.dataset.course_commits import COURSE, edits
from tests.support.refusals import refusal_key

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
    return parse_course(
        next(edit.text for edit in proposed.edits if edit.path == "course.yaml")
    )


def test_text_gets_an_unused_file_name():
    draft = MaterialDraft("lecture", 1, {"ru": "Ещё"}, text="a")
    taken = {"materials/Lecture-01-2.md": "x"}
    proposed = make_files(**taken).add_material(draft)
    assert list_paths(proposed)[1] == (ChangeKind.ADD, "materials/lecture-01-3.md")
    assert proposed.edits[1].text == "a\n"
    assert format_subject(proposed.subject, "en") == "New material: Lecture 1"


def test_material_is_inserted_at_the_requested_place():
    proposed = make_files().add_material(
        MaterialDraft("lab", 4, {"ru": "Ещё"}, file_url="https://a.example", place=1)
    )
    assert [material["lesson"] for material in read_course(proposed)["materials"]] == [
        1,
        4,
        2,
        3,
    ]
    last = make_files().add_material(
        MaterialDraft("lab", 4, {"ru": "Ещё"}, file_url="https://a.example", place=900)
    )
    assert [material["lesson"] for material in read_course(last)["materials"]] == [
        1,
        2,
        3,
        4,
    ]


def test_text_replaces_a_link_and_a_link_replaces_a_text():
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


@pytest.mark.parametrize("content", [None, ""])  # None: in no encoding that is shown
def test_file_without_a_text_to_show_outlives_an_edit_of_its_material(content):
    yaml = YAML.replace(
        "text: materials/lecture-01.md}",
        'text: materials/a.md, file_url: "https://a.b"}',
        1,
    )
    draft = MaterialDraft(
        "lecture", 1, {"ru": "Иначе"}, file_url="https://a.b", place=1
    )
    proposed = make_files(yaml, **{"materials/a.md": content}).change_material(0, draft)
    assert list_paths(proposed) == [(ChangeKind.EDIT, "course.yaml")]
    assert read_course(proposed)["materials"][1]["text"] == "materials/a.md"


def test_text_is_removed_with_its_material_unless_another_uses_it():
    assert list_paths(make_files().remove_material(0)) == [
        (ChangeKind.EDIT, "course.yaml")
    ]
    alone = YAML.replace("text: materials/lecture-01.md", 'file_url: "https://a.b"', 1)
    assert list_paths(make_files(alone).remove_material(2)) == [
        (ChangeKind.EDIT, "course.yaml"),
        (ChangeKind.DELETE, "materials/lecture-01.md"),
    ]


def test_text_that_another_material_uses_too_is_edited_in_a_file_of_its_own():
    draft = MaterialDraft("lab", 3, {"ru": "Повтор"}, text="Свой текст")
    proposed = make_files().change_material(2, draft)
    assert list_paths(proposed)[1:] == [(ChangeKind.ADD, "materials/lab-03.md")]
    assert proposed.edits[1].text == "Свой текст\n"


def test_unchanged_text_is_not_rewritten():
    draft = MaterialDraft("lecture", 1, {"ru": "Иначе"}, text="# Начало")
    for text in ("# Начало\n", "# Начало", "# Начало\r\n"):
        files = make_files(**{"materials/lecture-01.md": text})
        assert list_paths(files.change_material(0, draft)) == [
            (ChangeKind.EDIT, "course.yaml")
        ]


def test_missing_text_file_is_created():
    yaml = "semester: 1\nname: {ru: А}\nmaterials:\n- {lesson: 1, type: lab, title: {ru: Б}, text: materials/b.md}\n"  # noqa: E501 - a file
    proposed = make_files(yaml).change_material(
        0, MaterialDraft("lab", 1, {"ru": "Б"}, text="слова")
    )
    assert list_paths(proposed) == [(ChangeKind.ADD, "materials/b.md")]
    assert list_paths(make_files(yaml).remove_material(0)) == [
        (ChangeKind.EDIT, "course.yaml")
    ]


def test_material_that_the_file_no_longer_has_is_not_found():
    with pytest.raises(NotFound):
        make_files().material([], 7)


def test_edit_without_changes_is_refused():
    with pytest.raises(Refused):
        make_files().change_material(1, LINK)
    with pytest.raises(Refused):
        make_files().change_fields({"semester": 1})


def test_card_edit_removes_emptied_fields():
    yaml = YAML.replace("materials:", "description: {ru: О чём}\nmaterials:")
    proposed = make_files(yaml).change_fields({"description": None, "semester": 2})
    assert parse_course(proposed.edits[0].text) == {**parse_course(YAML), "semester": 2}
    described = make_files().change_fields({"description": {"ru": "О чём\r\nи зачем"}})
    assert parse_course(described.edits[0].text)["description"] == {
        "ru": "О чём\nи зачем"
    }


def test_revision_changes_only_with_its_own_content():
    first = make_files()
    second = make_files(YAML.replace("Ссылка", "Адрес"))
    assert first.revision == second.revision
    ours = first.lessons([])
    theirs = second.lessons([])
    assert [
        one.revision == two.revision for one, two in zip(ours, theirs, strict=True)
    ] == [
        True,
        False,
        True,
    ]
    edited = make_files(**{"materials/lecture-01.md": "иначе"})
    assert (
        edited.lessons([])[0].revision == ours[0].revision
    )  # the test's blobs are their paths


NEW = {
    "lesson": 9,
    "type": "lab",
    "title": {"ru": "Новое: имя"},
    "text": "materials/lab-09.md",
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_edit_of_any_course_gives_the_wanted_values(data):
    text = write_course(data.draw(COURSE))
    try:
        value = parse_course(text)
    except Refused:  # texts that no course may contain
        return
    wanted = data.draw(edits(value))
    content = edit_course(text, wanted)
    assert parse_course(content) == wanted


@given(COURSE)
@settings(max_examples=100, deadline=None)
def test_canonical_form_is_read_back_equal(value):
    try:
        read_back = parse_course(write_course(value))
    except Refused:
        return
    assert read_back == value


def test_changed_file_is_written_anew():
    text = "# Курс\nsemester: 1\nname: {ru: А}\n"
    wanted = {**parse_course(text), "active": False, "materials": [NEW]}
    assert edit_course(text, wanted) == write_course(wanted)


@pytest.mark.parametrize(
    "wanted",
    [{"name": {"ru": "a\0b"}}, {"description": {"ru": "a\x80b"}}],
    ids=["set", "added"],
)
def test_characters_not_allowed_in_a_file_are_refused(wanted):
    text = "semester: 1\nname: {ru: А}\n"
    assert (
        refusal_key(
            Refused, edit_course, text, {"semester": 1, "name": {"ru": "А"}, **wanted}
        )
        == "course-unwritable"
    )


@pytest.mark.parametrize(
    "text", [None, "", "a: [", "semester: 1\n", "semester: 0\nname: {ru: А}"]
)
def test_broken_course_is_refused(text):
    assert refusal_key(Refused, parse_course, text) == "course-broken"


def test_unchanged_values_leave_the_text_unchanged():
    text = "name: {ru: А}   # как есть\nsemester: 1"
    assert edit_course(text, parse_course(text)) == text


def test_plain_texts_are_those_of_the_configurations_language():
    text = """\
semester: 1
name: FAQ
description: All about it.
materials: [{lesson: 1, type: lab, title: First, file_url: "https://example.com/a"}]
"""
    file = FileText("trial", "course.yaml", "b", text)
    course = CourseFiles([file], "ru")
    assert course.card()["name"] == {"ru": "FAQ"}
    assert course.card()["description"] == {"ru": "All about it."}
    assert course.lessons([])[0].title.ru == "First"
    with pytest.raises(Refused, match="nothing is changed"):
        course.change_fields({"name": {"ru": "FAQ"}})
    changed = course.change_fields({"semester": 2}).edits[0].text
    assert "name: {ru: FAQ}" in changed


LECTURE = MaterialDraft("lecture", 1, {"ru": "Вода"}, text="a")


@pytest.mark.parametrize(
    ("size", "ending", "is_kept"),
    [
        (10, ".pdf", True),
        (MAX_ORIGINAL_BYTES, ".docx", True),
        (MAX_ORIGINAL_BYTES + 1, ".pdf", False),
        (10, ".txt", False),
    ],
)
def test_document_is_kept_beside_its_text_if_it_is_small(size, ending, is_kept):
    proposed = make_files().add_document([LECTURE], b"x" * size, f"a{ending}")
    kept = [(ChangeKind.ADD, f"materials/lecture-01-2{ending}")] * is_kept
    assert list_paths(proposed) == [
        (ChangeKind.EDIT, "course.yaml"),
        (ChangeKind.ADD, "materials/lecture-01-2.md"),
        *kept,
    ]
    assert [b64decode(edit.text) for edit in proposed.edits[2:]] == [
        b"x" * size
    ] * is_kept


def test_parts_of_a_document_are_materials_one_after_another():
    parts = [LECTURE, replace(LECTURE, title={"ru": "Вода 2"}, text="b")]
    taken = {"materials/lecture-01-2.pdf": None}
    proposed = make_files(**taken).add_document(parts, b"x", "a.pdf")
    assert [path for _, path in list_paths(proposed)[1:]] == [
        "materials/lecture-01-3-part-1.md",
        "materials/lecture-01-3-part-2.md",
        "materials/lecture-01-3.pdf",
    ]
    added = read_course(proposed)["materials"][3:]
    assert [(each["title"]["ru"], each["text"]) for each in added] == [
        ("Вода", "materials/lecture-01-3-part-1.md"),
        ("Вода 2", "materials/lecture-01-3-part-2.md"),
    ]
    assert format_subject(proposed.subject, "en") == "New material: Lecture 1"
