"""Editing a course: its card and its materials, each by a commit.

A write answers 202 with a change.
"""

from functools import partial
from typing import Annotated, Self

from fastapi import Depends, Query
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, MaterialEditor, RequiredAccess
from merlin.api.problems import problems
from merlin.api.rest.changes import EDIT_ROUTE, Edit, EditAnswer, EditCall
from merlin.api.rest.courses import TYPE_VALUES, kind_of
from merlin.api.schema import (
    WHOLE,
    Body,
    Id,
    Line,
    ResponseModel,
    Texts,
    Title,
    Words,
    operation_router,
    required_schema,
)
from merlin.app import teaching
from merlin.app.changes import Make
from merlin.app.permissions import get_led_course, list_led_courses
from merlin.app.teaching import TaughtDetails
from merlin.core.formatted_text import is_blank
from merlin.course.editing import Both, MaterialDraft

MAX_CHARACTERS = 400_000
MAX_TEACHERS = 100

# The revision that the editor saw.
Revision = Annotated[Line, Field(max_length=64)]
Kind = Annotated[
    Line,
    Field(min_length=1, max_length=40, json_schema_extra={"enum": TYPE_VALUES[1:]}),
]
# No user or password: text before an @ misleads people.
Address = Annotated[
    str,
    Field(
        max_length=2000,
        pattern=r"^https://[^\s@/?#\\:\[\]\x00-\x1f\x7f-\x9f\ufeff\ufffe\uffff]+(:[0-9]{1,5})?"
        r"([/?#][^\s\x00-\x1f\x7f-\x9f\ufeff\ufffe\uffff]*)?$",
    ),
]


class MaterialBody(Body):
    """A material: a text, the URL of a file, or both."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "anyOf": [required_schema("text"), required_schema("file_url")]
        },
    )

    title: Title
    type: Kind
    lesson: Annotated[int, Field(ge=1, le=1000, strict=True), WHOLE]
    text: Annotated[Words, Field(min_length=1, max_length=MAX_CHARACTERS)] | None = (
        Field(default=None, description="Text in Markdown.")
    )
    file_url: Address | None = Field(
        default=None, description="URL of the file; must start with https."
    )
    place: Annotated[int, Field(ge=0, le=1000, strict=True), WHOLE] | None = Field(
        default=None,
        description="Position in course.yaml, starting at 0; null to keep it.",
    )
    revision: Revision | None = Field(
        default=None,
        description="Revision that the update is based on; required if one exists.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if is_blank(self.text or "") and self.file_url is None:
            raise PydanticCustomError("material_source", "text or file_url is required")
        return self

    def draft(self) -> MaterialDraft:
        """Return the material. Raises Problem 422 for an unknown type."""
        return MaterialDraft(
            kind=kind_of(self.type) or "",
            lesson=self.lesson,
            title=self.title.by_language(),
            text=self.text or "",
            file_url=self.file_url or "",
            place=self.place,
        )


class CourseBody(Body):
    """The changes of a course; omitted fields stay unchanged."""

    name: Title | None = None
    description: Texts | None = Field(
        default=None, description="New description by language; {} removes it."
    )
    semester: Annotated[int, Field(ge=1, le=12, strict=True), WHOLE] | None = None
    active: bool | None = Field(default=None, strict=True)
    teachers: (
        Annotated[
            list[Annotated[Line, Field(min_length=1, max_length=64)]],
            Field(max_length=MAX_TEACHERS),
        ]
        | None
    ) = Field(
        default=None,
        description="Usernames of the teachers.",
        json_schema_extra={"uniqueItems": True},
    )
    revision: Revision | None = None

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if self.teachers is not None and len(set(self.teachers)) < len(self.teachers):
            raise PydanticCustomError("repeated", "a teacher twice")
        return self

    def values(self) -> dict[str, object]:
        """Return the changes in the form of course.yaml."""
        changes = self.model_dump(
            include={"semester", "active", "teachers"}, exclude_none=True
        )
        if self.name is not None:
            changes["name"] = self.name.by_language()
        if self.description is not None:
            changes["description"] = self.description.by_language() or None
        return changes


class TaughtCourse(ResponseModel):
    """A course that the caller teaches."""

    id: int = Field(validation_alias="course_id")
    slug: str
    name: Both
    semester: int
    active: bool = Field(validation_alias="is_active")
    materials: int


TaughtCourses = TypedDict("TaughtCourses", {"courses": list[TaughtCourse]})


router = operation_router(prefix="/api", tags=["teaching"])

Reading = Annotated[Caller, Depends(RequiredAccess(Scope.COURSES_READ))]


@router.get("/teacher/courses", summary="List the courses I teach")
async def list_taught_courses(caller: Reading) -> TaughtCourses:
    """Return the courses that the caller may edit, sorted by semester."""
    courses = await caller.read(list_led_courses, caller.actor)
    return {
        "courses": [
            TaughtCourse.from_object(course, caller.language) for course in courses
        ]
    }


@router.get(
    "/teacher/courses/{course_id}",
    summary="Get the editable source of a course",
    responses=problems(409),
)
async def show_taught_course(caller: MaterialEditor, course_id: Id) -> TaughtDetails:
    """Return a course as in its files, including pending edits.

    `revision` is required for updates.
    """
    return await caller.read(teaching.read_details, caller.actor, course_id)


@router.patch("/courses/{course_id}", summary="Update a course", **EDIT_ROUTE)
async def edit_course(edit: Edit, course_id: Id, body: CourseBody) -> EditAnswer:
    """Submit an edit of course.yaml, which is then committed."""
    make = partial(teaching.edit_card, body.values(), body.revision)
    return await _answer_edit(edit, course_id, make)


@router.post("/courses/{course_id}/materials", summary="Add a material", **EDIT_ROUTE)
async def add_material(edit: Edit, course_id: Id, body: MaterialBody) -> EditAnswer:
    """Submit an edit that adds the material and the file with its text."""
    make = partial(teaching.add_material, body.draft())
    return await _answer_edit(edit, course_id, make)


@router.put(
    "/courses/{course_id}/materials/{material_id}",
    summary="Update a material",
    **EDIT_ROUTE,
)
async def edit_material(
    edit: Edit, course_id: Id, material_id: Id, body: MaterialBody
) -> EditAnswer:
    """Submit an edit that replaces the material."""
    make = partial(teaching.edit_material, material_id, body.draft(), body.revision)
    return await _answer_edit(edit, course_id, make)


@router.delete(
    "/courses/{course_id}/materials/{material_id}",
    summary="Delete a material",
    **EDIT_ROUTE,
)
async def remove_material(
    edit: Edit,
    course_id: Id,
    material_id: Id,
    revision: Annotated[str, Query(max_length=64)] = "",
) -> EditAnswer:
    """Submit an edit that removes the material, and its text file if no other material uses it."""
    make = partial(teaching.remove_material, material_id, revision)
    return await _answer_edit(edit, course_id, make)


async def _answer_edit(edit: EditCall, course_id: int, make: Make) -> EditAnswer:
    dataset = (
        await edit.caller.read(get_led_course, edit.caller.actor, course_id)
    ).slug
    return await edit.answer(dataset, make)
