"""Writing course.yaml: what editors change is written anew, every other line stays as it was.

    text -> value (a dict as the schema `course` takes it) -> the value as wanted -> text

Values here are as they stand in the file: a language that is not given is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.core.errors import Refused
from merlin.dataset.finding import Finding
from merlin.dataset.schema import validate_file
from merlin.dataset.yaml_edit import edit_yaml, is_same, read_value
from merlin.dataset.yaml_reader import read_yaml
from merlin.dataset.yaml_values import format_document

_COURSE = "course"
_ORDER = (
    *("semester", "name", "description", "active", "teachers", "materials"),
    *("lesson", "type", "title", "text", "file_url"),
    *("ru", "en"),
)

Course = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EditedCourse:
    """A course.yaml as it shall be; `is_whole`: all of it had to be written anew.

    Then comments and the form that editors had chosen are lost, which they must be told.
    """

    text: str
    is_whole: bool = False


def parse_course(text: str | None) -> dict[str, Any]:
    """Return what a course.yaml says. Raises Refused for one with errors, which git alone mends."""
    node = read_yaml((text or "").encode("utf-8", "surrogatepass"))
    value, findings = ({}, (node,)) if isinstance(node, Finding) else validate_file(_COURSE, node)
    if findings:
        first = {"key": f"finding-{findings[0].rule}", "arguments": findings[0].arguments}
        told = {"line": findings[0].line, "reason": first}
        raise Refused("course.yaml is broken", "course-broken", **told)
    course: dict[str, Any] = value
    return course


def edit_course(text: str, wanted: Course) -> EditedCourse:
    """Return the course.yaml `text` so that it says `wanted`. Raises Refused for a broken one."""
    if is_same(parse_course(text), wanted):
        return EditedCourse(text)
    found = edit_yaml(_COURSE, text, wanted, _ORDER)
    if found is not None:
        return EditedCourse(found)
    whole = write_course(wanted)
    if not is_same(read_value(_COURSE, whole), wanted):
        raise Refused("these words cannot be written", "course-unwritable")
    return EditedCourse(whole, is_whole=True)


def write_course(value: Course) -> str:
    """Return a whole course.yaml in the one form that Merlin gives it."""
    return format_document(_ordered(value))


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in _ORDER if key in value}
    return [_ordered(each) for each in value] if isinstance(value, list) else value
