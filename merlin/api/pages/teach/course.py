"""Editing a course: its card, its materials and their order, one material.

A material is a form with a Markdown field and its preview. Saving checks it, and leads to the page
of the change or to what the checker found.
"""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import Depends, Form
from pydantic import AfterValidator, Field
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    FormToken,
    LedCourse,
    PageContext,
    TeacherContext,
    course_href,
    render_fragment,
    render_page,
    require_led_course,
)
from merlin.api.pages.teach.changes import Noted, find_noted_change
from merlin.api.pages.teach.edit_form import EditForm, FormResult, submit_form
from merlin.api.rest.teaching import MAX_CHARACTERS, CourseBody, MaterialBody
from merlin.api.schema import Id, Texts
from merlin.app import changes, teaching
from merlin.app.changes import ChangeView, DatasetFiles, Make, StaleEdit
from merlin.app.teaching import TaughtDetails
from merlin.core.errors import NotFound
from merlin.core.formatted_text import is_blank
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import KINDS, Course
from merlin.course.editing import CourseEdits

router = page_router()

Revision = Annotated[str, Form(max_length=64)]


def _separate_by_spaces(names: str) -> str:
    return " ".join(names.replace(",", " ").split())


class CardForm(EditForm):
    """The form of a course's card."""

    name_ru: str = ""
    name_en: str = ""
    about_ru: str = ""
    about_en: str = ""
    semester: int = 1
    active: bool = False
    teachers: Annotated[str, AfterValidator(_separate_by_spaces)] = ""

    def body(self) -> CourseBody:
        """Return the request body for the API. Raises ValidationError."""
        return CourseBody(
            name=Texts(
                ru=self.name_ru.strip() or None, en=self.name_en.strip() or None
            ),
            description=Texts(
                ru=self.about_ru.strip() or None, en=self.about_en.strip() or None
            ),
            semester=self.semester,
            active=self.active,
            teachers=self.teachers.split(),
            revision=self.revision,
        )


@router.get("/courses/{course_id}/edit")
async def show_editing(
    context: TeacherContext, course: LedCourse, changed: Noted = ""
) -> Response:
    """Return a course as in its files, with pending edits."""
    return await _course_page(context, course, changed)


@router.post("/courses/{course_id}/edit")
async def save_card(
    context: TeacherContext, course: LedCourse, form: Annotated[CardForm, Form()]
) -> Response:
    """Submit a commit with another card."""

    def make(files: DatasetFiles) -> CourseEdits:
        return teaching.edit_card(form.body().values(), form.revision, files)

    async def theirs(_: StaleEdit) -> CardForm:
        return _card(
            await context.read(teaching.read_details, context.actor, course.course_id)
        )

    result, form = await submit_form(
        context, course.dataset, make, form, theirs, "stale-card"
    )
    if isinstance(result, FormResult):
        return await _course_page(context, course, result=result, card=form)
    return seen_other(f"{course_href(course)}/edit?changed={result.id}")


@router.post("/courses/{course_id}/edit/materials/{material_id}/move")
async def move_material(
    context: TeacherContext,
    course: LedCourse,
    material_id: Id,
    once: FormToken,
    place: Annotated[int, Form(ge=0, le=1000)],
) -> Response:
    """Submit a commit that moves the material."""
    make = partial(teaching.move_material, material_id, place)
    follows = f"{course_href(course)}/edit?changed="
    return await _rearrange(
        context, course, make, f"{once} {material_id} {place}", follows
    )


@router.post("/courses/{course_id}/edit/materials/{material_id}/remove")
async def remove_material(
    context: TeacherContext,
    course: LedCourse,
    material_id: Id,
    once: FormToken,
    revision: Revision,
) -> Response:
    """Submit a commit without the material; its page offers to revert it."""
    make = partial(teaching.remove_material, material_id, revision)
    return await _rearrange(context, course, make, f"{once} {material_id}", "/changes/")


async def _rearrange(
    context: PageContext, course: Course, make: Make, once: str, follows: str
) -> Response:
    """Submit a commit; return the page of the change, or the reason for a refusal."""
    try:
        change = await changes.submit(
            context.services, context.actor, course.dataset, make, once
        )
    except StaleEdit:
        return await _course_page(
            context, course, result=FormResult(context.say("stale-course"))
        )
    return seen_other(f"{follows}{change.id}")


async def _course_page(
    context: PageContext,
    course: Course,
    changed: str = "",
    result: FormResult | None = None,
    card: CardForm | None = None,
) -> Response:
    """Return the page; `card` holds the typed values, `changed` the new edit."""
    result = result or FormResult()
    # Before what it is about, which otherwise could be older than the note says.
    note = await find_noted_change(context, changed)
    details = await context.read(teaching.read_details, context.actor, course.course_id)
    card = card or _card(details)
    unknown = await context.read(
        teaching.list_unknown_teachers, context.actor, card.teachers.split()
    )
    view = {
        "course": course,
        "details": details,
        "card": card,
        "unknown_teachers": ", ".join(unknown),
        "note": note,
        "result": result,
    }
    return render_page(
        context, "teach_course.html", view, status=422 if result.wrong else 200
    )


def _card(taught_details: TaughtDetails) -> CardForm:
    return CardForm(
        name_ru=taught_details.name.ru or "",
        name_en=taught_details.name.en or "",
        about_ru=taught_details.description.ru or "",
        about_en=taught_details.description.en or "",
        semester=taught_details.semester,
        active=taught_details.active,
        teachers=" ".join(taught_details.teachers),
        revision=taught_details.revision,
    )


class MaterialForm(EditForm):
    """The form of a material."""

    title_ru: str = ""
    title_en: str = ""
    kind: str = KINDS[0]
    lesson: int = 1
    text: str = Field(default="", max_length=2 * MAX_CHARACTERS)
    file_url: str = ""

    @property
    def normalised_text(self) -> str:
        """Return the text with LF line ends; browsers send CRLF."""
        return self.text.replace("\r\n", "\n")

    def body(self) -> MaterialBody:
        """Return the request body for the API. Raises ValidationError."""
        return MaterialBody(
            title=Texts(
                ru=self.title_ru.strip() or None, en=self.title_en.strip() or None
            ),
            type=self.kind,
            lesson=self.lesson,
            text=None if is_blank(self.text) else self.normalised_text,
            file_url=self.file_url.strip() or None,
            revision=self.revision or None,
        )


@router.get("/courses/{course_id}/edit/materials/new")
async def new_material(context: TeacherContext, course: LedCourse) -> Response:
    """Return an empty form of the next lesson."""
    form = MaterialForm(lesson=await find_next_lesson(context, course))
    return await _material_page(context, course, None, form, FormResult())


async def find_next_lesson(context: PageContext, course: Course) -> int:
    """Return the number of the next lecture."""
    details = await context.read(teaching.read_details, context.actor, course.course_id)
    lessons = [stored.lesson for stored in details.materials if stored.type == KINDS[0]]
    return max(lessons, default=0) + 1


@router.get("/courses/{course_id}/edit/materials/{material_id}")
async def show_material(
    context: TeacherContext, course: LedCourse, material_id: Id
) -> Response:
    """Return the form of a material as in its files."""
    form = await _read_form(context, course, material_id)
    return await _material_page(context, course, material_id, form, FormResult())


@router.post(
    "/courses/{course_id}/edit/preview", dependencies=[Depends(require_led_course)]
)
async def preview(
    context: TeacherContext,
    text: Annotated[str, Form(max_length=2 * MAX_CHARACTERS)] = "",
) -> Response:
    """Return the rendered text, for the script of the editor."""
    lines = text.replace("\r\n", "\n")
    html, _ = await asyncio.to_thread(render_markdown, lines, context.language)
    return render_fragment(context, "preview_part.html", {"html": html})


@router.post("/courses/{course_id}/edit/materials")
async def add_material(
    context: TeacherContext, course: LedCourse, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Submit the commit of a new material."""
    return await _save(context, course, None, form)


@router.post("/courses/{course_id}/edit/materials/{material_id}")
async def edit_material(
    context: TeacherContext,
    course: LedCourse,
    material_id: Id,
    form: Annotated[MaterialForm, Form()],
) -> Response:
    """Submit the commit of an edited material."""
    return await _save(context, course, material_id, form)


async def _save(
    context: PageContext, course: Course, material_id: int | None, form: MaterialForm
) -> Response:
    def make(files: DatasetFiles) -> CourseEdits:
        draft = form.body().draft()
        if material_id is None:
            return teaching.add_material(draft, files)
        return teaching.edit_material(material_id, draft, form.revision, files)

    async def theirs(_: StaleEdit) -> MaterialForm:
        return await _read_form(context, course, material_id or 0)

    result: ChangeView | FormResult
    try:
        result, form = await submit_form(
            context, course.dataset, make, form, theirs, "stale"
        )
    except NotFound:
        # Removed in the meantime: saving creates a new one, unless the course is removed, too.
        result = FormResult(
            context.say("course-deleted" if material_id is None else "material-deleted")
        )
        material_id = None
        form = form.model_copy(update={"revision": ""})
    if isinstance(result, FormResult):
        return await _material_page(context, course, material_id, form, result)
    return seen_other(f"/changes/{result.id}")


async def _read_form(
    context: PageContext, course: Course, material_id: int
) -> MaterialForm:
    """Return the form of a stored material. Raises NotFound."""
    details = await context.read(teaching.read_details, context.actor, course.course_id)
    stored = details.material(material_id)
    return MaterialForm(
        title_ru=stored.title.ru or "",
        title_en=stored.title.en or "",
        kind=stored.type,
        lesson=stored.lesson,
        text=stored.text or "",
        file_url=stored.file_url or "",
        revision=stored.revision,
    )


async def _material_page(
    context: PageContext,
    course: Course,
    material_id: int | None,
    form: MaterialForm,
    result: FormResult,
) -> Response:
    html, _ = await asyncio.to_thread(
        render_markdown, form.normalised_text, context.language
    )
    view = {
        "course": course,
        "material_id": material_id,
        "form": form,
        "kinds": KINDS,
        "html": html,
        "result": result,
    }
    return render_page(
        context, "teach_material.html", view, status=422 if result.wrong else 200
    )
