"""Editing course.yaml: the result has the wanted values, and everything else stays unchanged."""

import copy
import difflib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merlin.core.errors import Refused
from merlin.course.editing import edit_course, parse_course, write_course
from tests.dataset.course_commits import COURSE, edits, written_courses

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "datasets").glob("*/course.yaml"))
NEW = {"lesson": 9, "type": "lab", "title": {"ru": "Новое: имя"}, "text": "materials/lab-09.md"}


def list_comments(text):
    return [line.strip() for line in text.split("\n") if line.strip().startswith("# note")]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_edit_of_any_course_gives_the_wanted_values(data):
    text = data.draw(written_courses())
    try:
        value = parse_course(text)
    except Refused:  # texts that no course may contain
        return
    wanted = data.draw(edits(value))
    content, _ = edit_course(text, wanted)
    assert parse_course(content) == wanted


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_comments_outside_the_edit_are_kept(data):
    text = data.draw(written_courses())
    try:
        value = parse_course(text)
    except Refused:
        return
    semester = value["semester"] % 12 + 1
    content, is_whole = edit_course(text, {**value, "semester": semester})
    assert is_whole == text.startswith("{")
    if is_whole:
        return
    assert list_comments(content) == list_comments(text)
    before, after = text.split("\n"), content.split("\n")
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


@given(COURSE)
@settings(max_examples=100, deadline=None)
def test_canonical_form_is_read_back_equal(value):
    try:
        read_back = parse_course(write_course(value))
    except Refused:
        return
    assert read_back == value


def changed_lines(text, wanted):
    """Return the changed lines as in a diff, and whether the whole file was rewritten."""
    content, is_whole = edit_course(text, wanted)
    assert parse_course(content) == wanted
    lines = difflib.unified_diff(text.splitlines(), content.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:3] not in ("---", "+++", "@@ ")], is_whole


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_edit_of_a_shipped_course_changes_only_its_own_lines(path):
    text = path.read_text(encoding="utf-8")
    value = parse_course(text)
    for place in range(len(value["materials"])):
        for edit in ("title", "drop", "add", "move"):
            wanted = copy.deepcopy(value)
            materials = wanted["materials"]
            if edit == "title":
                materials[place]["title"]["ru"] = "Другое: имя"
            elif edit == "add":
                materials.insert(place, NEW)
            else:
                one = materials.pop(place)
                if edit == "move":
                    materials.insert(0, one)
            lines, is_whole = changed_lines(text, wanted)
            assert not is_whole
            assert len(lines) <= 10
            comments = [line for line in text.splitlines() if "#" in line]
            content, _ = edit_course(text, wanted)
            after = [line for line in content.splitlines() if "#" in line]
            assert after[: len(comments)] == comments or edit == "drop"


def test_only_changed_words_are_rewritten():
    text = SHIPPED[0].read_text(encoding="utf-8")
    wanted = parse_course(text)
    wanted["materials"][2]["lesson"] = 7
    lines, _ = changed_lines(text, wanted)
    old = "  - {lesson: 2, type: lecture, title: {ru: Сортировки, en: Sorting}"
    assert [line.split(", text")[0] for line in lines] == [f"-{old}", f"+{old.replace('2', '7')}"]


def test_new_material_is_formatted_like_its_neighbours():
    text = "semester: 1\nname: {ru: А}\nmaterials:\n- lesson: 1\n  type: lab\n  title: {ru: Б}\n  text: materials/b.md\n"  # noqa: E501 - a file
    wanted = parse_course(text)
    wanted["materials"].append(NEW)
    lines, _ = changed_lines(text, wanted)
    assert lines == [
        "+- lesson: 9",
        "+  type: lab",
        '+  title: {ru: "Новое: имя"}',
        "+  text: materials/lab-09.md",
    ]


def test_first_material_is_written_below_its_key():
    text = "semester: 1\nname: {ru: А}\nmaterials: []  # пока пусто\nactive: true\n"
    wanted = parse_course(text)
    wanted["materials"] = [NEW]
    content, _ = edit_course(text, wanted)
    assert "materials:\n  - lesson: 9\n" in content
    assert content.endswith("active: true\n")


FORMS = [
    # the text, the changed values, the expected text
    ("teachers: [a, b, c]", {"teachers": ["b", "c"]}, "teachers: [b, c]"),
    ("teachers: [a, b, c]", {"teachers": ["a", "b"]}, "teachers: [a, b]"),
    ("teachers: [a, b]", {"teachers": ["x", "a", "b"]}, "teachers: [x, a, b]"),
    ("teachers: [a, ]", {"teachers": []}, "teachers: []"),
    ("teachers: [a]", {"teachers": []}, "teachers: []"),
    ("teachers: []", {"teachers": ["a, b"]}, 'teachers: ["a, b"]'),
    ("teachers:\n- a\n- b # two", {"teachers": ["a", "x", "b"]}, "teachers:\n- a\n- x\n- b # two"),
    ("teachers:\n  # who\n  -\n    a\n  - b", {"teachers": ["b"]}, "teachers:\n  # who\n  - b"),
    ("teachers:\n- a", {"teachers": []}, "teachers: []"),
    (
        "description: {en: A}",
        {"description": {"ru": "Б", "en": "A"}},
        "description: {ru: Б, en: A}",
    ),
    (
        "description:\n  en: A",
        {"description": {"ru": "Б", "en": "A"}},
        "description:\n  ru: Б\n  en: A",
    ),
    (
        "description:\n  ru: |\n    А\n    Б\n\n  # тут\n  en: A",
        {"description": {"ru": "В", "en": "A"}},
        "description:\n  ru: В\n  # тут\n  en: A",
    ),
    (
        "description:\n  ru: >-\n    А\n    Б",
        {"description": {"ru": "А Б", "en": "C"}},
        "description:\n  ru: >-\n    А\n    Б\n  en: C",
    ),
    (
        "description:\n  ru: |\n    А",
        {"description": {"ru": "А\n", "en": "C"}},
        "description:\n  ru: |\n    А\n  en: C",
    ),
    ("description: {ru: А}", {"active": True}, "description: {ru: А}\nactive: true"),
    (
        "materials:\n- text: materials/a.md\n  lesson: 1\n  type: lab\n  title: {ru: А}",
        {
            "materials": [
                {"lesson": 1, "type": "lab", "title": {"ru": "А"}, "file_url": "https://a.b"}
            ]
        },
        "materials:\n- lesson: 1\n  type: lab\n  title: {ru: А}\n  file_url: https://a.b",
    ),
]


@pytest.mark.parametrize(("old", "changes", "new"), FORMS)
def test_each_form_keeps_its_formatting(old, changes, new):
    head = "# Курс\nsemester: 1\nname: {ru: А}\n"
    text = f"{head}{old}\n"
    content, is_whole = edit_course(text, {**parse_course(text), **changes})
    assert content == f"{head}{new}\n"
    assert not is_whole


def test_unknown_key_is_appended_at_the_end():
    text = "semester: 1\nname: {ru: А}\n"
    assert edit_course(text, {**parse_course(text), "zone": 7})[0] == f"{text}zone: 7\n"


def test_windows_line_endings_are_kept():
    text = "semester: 1\r\nname: {ru: А}\r\nactive: true # да\r\n"
    content, _ = edit_course(text, {**parse_course(text), "active": False, "teachers": ["boris"]})
    assert content == (
        "semester: 1\r\nname: {ru: А}\r\nactive: false # да\r\nteachers: [boris]\r\n"
    )


def test_file_in_brackets_is_rewritten_and_that_is_reported():
    text = "{semester: 1, name: {ru: А}} # один\n"
    wanted = {**parse_course(text), "active": False, "materials": [NEW]}
    content, is_whole = edit_course(text, wanted)
    assert is_whole
    assert content == write_course(wanted)


@pytest.mark.parametrize(
    "wanted", [{"name": {"ru": "a\0b"}}, {"description": {"ru": "a\x80b"}}], ids=["set", "added"]
)
def test_characters_not_allowed_in_a_file_are_refused(wanted):
    text = "semester: 1\nname: {ru: А}\n"
    with pytest.raises(Refused) as refused:
        edit_course(text, {"semester": 1, "name": {"ru": "А"}, **wanted})
    assert refused.value.key == "course-unwritable"


@pytest.mark.parametrize("text", [None, "", "a: [", "semester: 1\n", "semester: 0\nname: {ru: А}"])
def test_broken_course_is_refused(text):
    with pytest.raises(Refused) as refused:
        parse_course(text)
    assert refused.value.key == "course-broken"


def test_unchanged_values_leave_the_text_unchanged():
    text = "name: {ru: А}   # как есть\nsemester: 1"
    assert edit_course(text, parse_course(text)) == (text, False)
