"""What the api says about courses, as values that become JSON; `course_shapes` describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any

from merlin.api.problems import Problem
from merlin.course.catalogue import KINDS, Course, Material
from merlin.course.highlight import spans
from merlin.course.search import Found

Json = dict[str, Any]
# Programs were promised these words, whatever language they speak.
TYPES: Mapping[str, str] = {
    "lecture": "Лекция",
    "seminar": "Семинар",
    "lab": "Лабораторная работа",
}
_CODES = {word.casefold(): code for code, word in TYPES.items()} | {kind: kind for kind in KINDS}
TYPE_VALUES = ["", *KINDS, *TYPES.values()]


def course_said(course: Course, language: str, *, in_all: bool = False) -> Json:
    """Return a course; `in_all`: its texts in every language too."""
    said = {
        "id": course.course_id,
        "slug": course.slug,
        "name": course.title(language),
        "description": course.about(language),
        "semester": course.semester,
        "teachers": course.teachers,
        "materials": course.materials,
        "counts": course.counts,
    }
    if in_all:
        said |= {"names": course.name, "descriptions": course.description}
    return said


def grouped(courses: Iterable[Json]) -> Json:
    """Return courses, which come by semester, in their semesters."""
    semesters = groupby(courses, key=lambda course: course["semester"])
    return {"semesters": [{"number": each, "courses": list(its)} for each, its in semesters]}


def material_said(material: Material, language: str) -> Json:
    """Return a material without its text."""
    return {
        "id": material.material_id,
        "lesson_number": material.lesson,
        "material_type": TYPES[material.kind],
        "type_code": material.kind,
        "title": material.title(language),
        "file_url": material.file_url or None,
        "has_text": bool(material.text),
    }


def of_course(course: Course, language: str) -> Json:
    """Return what stands with a material of a course."""
    return {"course_id": course.course_id, "course_name": course.title(language)}


def kind_of(word: str) -> str | None:
    """Return the type of material that a caller names, None for "".

    Raises Problem 422 for a word that names none.
    """
    if not word:
        return None
    kind = _CODES.get(word.strip().casefold())
    if kind is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-type", types=", ".join(TYPE_VALUES[1:]))
    return kind


def marks(found: Found, **texts: str) -> list[Json]:
    """Return where in these texts, by field, stands what was found."""
    return [
        {"field": field, "start": span.start, "length": span.length}
        for field, text in texts.items()
        for span in spans(text, found)
    ]
