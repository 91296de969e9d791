"""Shapes of what the api says about courses, for its description (OpenAPI)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from merlin.api.shape import MOST_ID, WHOLE


class Shape(BaseModel):
    """What every shape has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(Shape):
    """How many materials of each type."""

    lecture: int
    seminar: int
    lab: int


class CourseShown(Shape):
    """A course; `name` and `description` are in the language of the answer."""

    id: int
    slug: str = Field(description="its name in addresses, and its dataset's")
    name: str
    description: str
    semester: int
    teachers: list[str] = Field(description="account names")
    materials: int
    counts: Counts
    names: dict[str, str] | None = Field(None, description="with `languages=all`: by language")
    descriptions: dict[str, str] | None = Field(
        None, description="with `languages=all`: by language"
    )


class SemesterShown(Shape):
    """A semester with its courses."""

    number: int
    courses: list[CourseShown]


class Grouped(Shape):
    """Courses by semester."""

    semesters: list[SemesterShown]


class SemesterCount(Shape):
    """A semester, and how many courses it has."""

    number: int
    courses: int


class CourseNamed(Shape):
    """A course, named alone."""

    id: int
    slug: str
    name: str


class TeacherShown(Shape):
    """Somebody who leads courses."""

    name: str = Field(description="account name")
    courses: list[CourseNamed]


class MaterialShown(Shape):
    """A material of a course."""

    id: int
    lesson_number: int
    material_type: Literal["Лекция", "Семинар", "Лабораторная работа"]
    type_code: Literal["lecture", "seminar", "lab"]
    title: str
    file_url: str | None = Field(description="null where the material is a text alone")
    has_text: bool


class MaterialsShown(Shape):
    """The materials of a course, by type, then lesson."""

    course_id: int
    course_name: str
    materials: list[MaterialShown]


class MaterialWhole(MaterialShown):
    """A material with its text."""

    course_id: int
    course_name: str
    text: str | None = Field(description="Markdown; null where the material is a file alone")


class Mark(Shape):
    """Where something was found; both numbers count Unicode code points."""

    field: Literal["name", "description", "title"]
    start: int
    length: int


class CourseFound(CourseShown):
    """A course that was found."""

    found: list[Mark]


class MaterialFound(MaterialShown):
    """A material that was found."""

    course_id: int
    course_name: str
    found: list[Mark]


class Results(Shape):
    """What was found, best first."""

    query: str
    suggestion: str | None = Field(description="what was searched instead of a mistyped query")
    courses: list[CourseFound]
    materials: list[MaterialFound]


class Favourite(BaseModel):
    """The course to keep; who keeps it is known from the key or the cookie alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    course_id: Annotated[int, Field(ge=1, le=MOST_ID), WHOLE]
