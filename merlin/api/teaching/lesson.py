"""Lessons: a course and its materials as those see them who edit them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from merlin.api.course_words import TYPE_VALUES, kind_of
from merlin.api.shape import WHOLE, Body, Both, Line, Shape, Texts, Title, Words, needs
from merlin.course.catalogue import Course
from merlin.course.teaching import Book, Draft, Lesson

MOST_LETTERS = 400_000
MOST_TEACHERS = 100

# The revision that an editor saw; `If-Match` may say it too.
Revision = Annotated[Line, Field(max_length=64)]
Kind = Annotated[
    Line, Field(min_length=1, max_length=40, json_schema_extra={"enum": TYPE_VALUES[1:]})
]
# No user, no password: what stands before an @ leads people astray.
Address = Annotated[
    str,
    Field(
        max_length=2000,
        pattern=r"^https://[^\s@/?#\\:\[\]\x00-\x1f\x7f]+(:[0-9]{1,5})?([/?#][^\s\x00-\x1f\x7f]*)?$",
    ),
]


class MaterialBody(Body):
    """A material as it shall be; a text or the address of a file, or both."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"anyOf": [needs("text"), needs("file_url")]},
    )

    title: Title
    type: Kind
    lesson: Annotated[int, Field(ge=1, le=1000, strict=True), WHOLE]
    text: Annotated[Words, Field(min_length=1, max_length=MOST_LETTERS)] | None = Field(
        default=None, description="Markdown"
    )
    file_url: Address | None = Field(default=None, description="https only")
    place: Annotated[int, Field(ge=0, le=1000, strict=True), WHOLE] | None = Field(
        default=None, description="where in the file, from 0; null: where it is"
    )
    revision: Revision | None = Field(
        default=None, description="the one that you saw; needed where one lies there"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and self.file_url is None:
            raise ValueError("text or file_url is wanted")
        return self

    def draft(self) -> Draft:
        """Return the material. Raises Problem 422 for a word that is no type of ours."""
        return Draft(
            kind=kind_of(self.type) or "",
            lesson=self.lesson,
            title=self.title.given(),
            text=self.text or "",
            file_url=self.file_url or "",
            place=self.place,
        )


class CourseBody(Body):
    """What is to change of a course; what is not named stays as it is."""

    name: Title | None = None
    description: Texts | None = Field(default=None, description="{} takes it away")
    semester: Annotated[int, Field(ge=1, le=12, strict=True), WHOLE] | None = None
    active: bool | None = Field(default=None, strict=True)
    teachers: (
        Annotated[
            list[Annotated[Line, Field(min_length=1, max_length=64)]],
            Field(max_length=MOST_TEACHERS),
        ]
        | None
    ) = Field(
        default=None,
        description="account names of those who lead it",
        json_schema_extra={"uniqueItems": True},
    )
    revision: Revision | None = None

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if self.teachers is not None and len(set(self.teachers)) < len(self.teachers):
            raise ValueError("a teacher twice")
        return self

    def values(self) -> dict[str, object]:
        """Return what changes, as course.yaml says it."""
        told: dict[str, object] = {}
        for key in ("semester", "active", "teachers"):
            if getattr(self, key) is not None:
                told[key] = getattr(self, key)
        if self.name is not None:
            told["name"] = self.name.given()
        if self.description is not None:
            told["description"] = self.description.given() or None
        return told


class MaterialKind(StrEnum):
    """What a material is."""

    LECTURE = "lecture"
    SEMINAR = "seminar"
    LAB = "lab"


class TaughtCourse(Shape):
    """A course that the caller leads."""

    id: int
    slug: str
    name: Both
    semester: int
    active: bool
    materials: int


class TaughtCourses(Shape):
    """The courses that the caller leads."""

    courses: list[TaughtCourse]


class TaughtMaterial(Shape):
    """A material as its files say it, with what waits for its commit."""

    id: int | None = Field(description="null as long as no commit has it")
    place: int = Field(description="where it stands in course.yaml, from 0")
    type: MaterialKind
    lesson: int
    title: Both
    text: str | None
    text_path: str | None
    file_url: str | None
    revision: str


class TaughtDetails(Shape):
    """A course as those see it who edit it."""

    id: int
    slug: str
    semester: int
    name: Both
    description: Both
    active: bool
    teachers: list[str]
    revision: str
    materials: list[TaughtMaterial]


def course_taught(course: Course) -> TaughtCourse:
    """Return a course as a list shows it."""
    return TaughtCourse(
        id=course.course_id,
        slug=course.slug,
        name=Both(**course.name),
        semester=course.semester,
        active=course.is_active,
        materials=course.materials,
    )


def details(course: Course, book: Book, lessons: list[Lesson]) -> TaughtDetails:
    """Return a course as its file says it."""
    card = book.card()
    return TaughtDetails(
        id=course.course_id,
        slug=course.slug,
        semester=card["semester"],
        name=Both(**card["name"]),
        description=Both(**card.get("description", {})),
        active=card.get("active", True),
        teachers=card.get("teachers", []),
        revision=book.revision,
        materials=[_material(each, book) for each in lessons],
    )


def _material(lesson: Lesson, book: Book) -> TaughtMaterial:
    spec, entry = lesson.spec, book.value["materials"][lesson.place]
    return TaughtMaterial(
        id=lesson.material_id,
        place=lesson.place,
        type=MaterialKind(spec.kind),
        lesson=spec.lesson,
        title=Both(**entry["title"]),
        text=lesson.words,
        text_path=spec.text or None,
        file_url=spec.file_url or None,
        revision=lesson.revision,
    )
