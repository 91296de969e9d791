"""Editing course.yaml: the result has the wanted values."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from merlin.core.errors import Refused
from merlin.course.editing import edit_course, parse_course, write_course
from tests.dataset.course_commits import COURSE, edits

pytestmark = pytest.mark.unit

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
    with pytest.raises(Refused) as refused:
        edit_course(text, {"semester": 1, "name": {"ru": "А"}, **wanted})
    assert refused.value.key == "course-unwritable"


@pytest.mark.parametrize(
    "text", [None, "", "a: [", "semester: 1\n", "semester: 0\nname: {ru: А}"]
)
def test_broken_course_is_refused(text):
    with pytest.raises(Refused) as refused:
        parse_course(text)
    assert refused.value.key == "course-broken"


def test_unchanged_values_leave_the_text_unchanged():
    text = "name: {ru: А}   # как есть\nsemester: 1"
    assert edit_course(text, parse_course(text)) == text
