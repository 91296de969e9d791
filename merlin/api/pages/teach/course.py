"""A course as those change it who lead it: its card, its materials and their order, one material.

A material is a form with a field for Markdown, what it will look like, what would be changed.

    check -> findings, difference, preview -> save -> the page of the change

A save is checked too: whoever presses it at once loses nothing but the look.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from pydantic import Field
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    LedCourse,
    Mark,
    PageRequest,
    Teaching,
    course_href,
    course_led,
    render_fragment,
    render_page,
)
from merlin.api.pages.teach.changes import EditForm, Noted, Outcome, edit, edit_form, noted_change
from merlin.api.rest.teaching import MAX_CHARACTERS, CourseBody, MaterialBody
from merlin.api.schema import Id, Texts
from merlin.app import teaching
from merlin.app.changes import ChangeView, Make
from merlin.app.teaching import TaughtDetails
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import KINDS, Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Revision = Annotated[str, Form(max_length=64)]


class CardForm(EditForm):
    """The course's card as its form says it."""

    name_ru: str = ""
    name_en: str = ""
    about_ru: str = ""
    about_en: str = ""
    semester: int = 1
    active: bool = False
    teachers: str = ""

    def body(self) -> CourseBody:
        """Return what the api is asked for. Raises ValidationError."""
        about = {"ru": self.about_ru.strip() or None, "en": self.about_en.strip() or None}
        return CourseBody(
            name=Texts(ru=self.name_ru.strip() or None, en=self.name_en.strip() or None),
            description=Texts(**about) if any(about.values()) else None,
            semester=self.semester,
            active=self.active,
            teachers=self.teachers.replace(",", " ").split(),
            revision=self.revision,
        )

    def fields(self, visit: PageRequest) -> dict[str, str]:
        """Return what each field says, by its name in the person's language."""
        values = {
            "name-ru": self.name_ru.strip(),
            "name-en": self.name_en.strip(),
            "about-ru": self.about_ru.strip().replace("\r\n", "\n"),
            "about-en": self.about_en.strip().replace("\r\n", "\n"),
            "semester-number": str(self.semester),
            "teachers": " ".join(self.teachers.replace(",", " ").split()),
            "active": visit.say("is-so" if self.active else "is-not-so"),
        }
        return {visit.say(name): words for name, words in values.items()}


@router.get("/courses/{course_id}/edit")
async def show_editing(visit: Teaching, course: LedCourse, changed: Noted = "") -> Response:
    """Return a course as its files say it, with what waits for its commit."""
    return await _course_page(visit, course, changed)


@router.post("/courses/{course_id}/edit")
async def save_card(
    visit: Teaching, course: LedCourse, form: Annotated[CardForm, Form()]
) -> Response:
    """Ask for a commit with another card."""

    def make() -> Make:
        return partial(teaching.edit_card, form.body().values(), form.revision)

    async def theirs() -> CardForm:
        return _card(await visit.read(teaching.details, course.course_id))

    came, form = await edit_form(visit, course.dataset, make, form, theirs, "stale-card")
    if isinstance(came, Outcome):
        return await _course_page(visit, course, came=came, card=form)
    return seen_other(f"{course_href(course)}/edit?changed={came.id}")


@router.post("/courses/{course_id}/edit/materials/{material_id}/move")
async def move_material(
    visit: Teaching,
    course: LedCourse,
    material_id: Id,
    once: Mark,
    place: Annotated[int, Form(ge=0, le=1000)],
) -> Response:
    """Ask for a commit in which the material stands at another place."""
    make = partial(teaching.move_material, material_id, place)
    follows = f"{course_href(course)}/edit?changed="
    return await _rearrange(visit, course, make, f"{once} {material_id} {place}", follows)


@router.post("/courses/{course_id}/edit/materials/{material_id}/remove")
async def remove_material(
    visit: Teaching, course: LedCourse, material_id: Id, once: Mark, revision: Revision
) -> Response:
    """Ask for a commit without the material; its page offers the way back."""
    make = partial(teaching.remove_material, material_id, revision)
    return await _rearrange(visit, course, make, f"{once} {material_id}", "/changes/")


async def _rearrange(
    visit: PageRequest, course: Course, make: Make, once: str, follows: str
) -> Response:
    """Ask for a commit; return the page that tells of it, or why nothing was done."""
    came = await edit(visit, course.dataset, lambda: make, once, "stale-course")
    if isinstance(came, Outcome):
        return await _course_page(visit, course, came=came)
    return seen_other(f"{follows}{came.id}")


async def _course_page(
    visit: PageRequest,
    course: Course,
    changed: str = "",
    came: Outcome | None = None,
    card: CardForm | None = None,
) -> Response:
    """Return the page; `card` is what was typed, `changed` the edit that was just made."""
    came = came or Outcome()
    details = await visit.read(teaching.details, course.course_id)
    view = {
        "course": course,
        "told": details,
        "card": card or _card(details),
        "note": await noted_change(visit, changed),
        "came": came,
    }
    return render_page(visit, "teach_course.html", view, status=422 if came.wrong else 200)


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
    """A material as its form says it."""

    title_ru: str = ""
    title_en: str = ""
    kind: str = KINDS[0]
    lesson: int = 1
    text: str = Field(default="", max_length=2 * MAX_CHARACTERS)
    file_url: str = ""
    act: Literal["check", "save"] = "check"

    @property
    def words(self) -> str:
        """Return the text with plain line ends; browsers send others."""
        return self.text.replace("\r\n", "\n")

    def body(self) -> MaterialBody:
        """Return what the api is asked for. Raises ValidationError."""
        return MaterialBody(
            title=Texts(ru=self.title_ru.strip() or None, en=self.title_en.strip() or None),
            type=self.kind,
            lesson=self.lesson,
            text=self.words if self.words.strip() else None,
            file_url=self.file_url.strip() or None,
            revision=self.revision or None,
        )

    def lacks(self) -> str:
        """Return the text that says what is missing, "" where nothing is."""
        if not (self.title_ru.strip() or self.title_en.strip()):
            return "needs-title"
        return "" if self.words.strip() or self.file_url.strip() else "needs-text"

    def fields(self, visit: PageRequest) -> dict[str, str]:
        """Return what each field says, by its name in the person's language."""
        return {
            visit.say("title-ru"): self.title_ru.strip(),
            visit.say("title-en"): self.title_en.strip(),
            visit.say("kind-of"): visit.say(f"kind-{self.kind}") if self.kind in KINDS else "",
            visit.say("lesson-number"): str(self.lesson),
            visit.say("file-url"): self.file_url.strip(),
            visit.say("text-markdown"): self.words,
        }


@router.get("/courses/{course_id}/edit/materials/new")
async def new_material(visit: Teaching, course: LedCourse) -> Response:
    """Return an empty form."""
    return _material_page(visit, course, None, MaterialForm(), Outcome())


@router.get("/courses/{course_id}/edit/materials/{material_id}")
async def show_material(visit: Teaching, course: LedCourse, material_id: Id) -> Response:
    """Return the form of a material as its files say it."""
    form = await _read_form(visit, course, material_id)
    return _material_page(visit, course, material_id, form, Outcome())


@router.post("/courses/{course_id}/edit/preview", dependencies=[Depends(course_led)])
async def preview(
    visit: Teaching, text: Annotated[str, Form(max_length=2 * MAX_CHARACTERS)] = ""
) -> Response:
    """Return what a text looks like, for a script that shows it while somebody writes."""
    html, _ = render_markdown(text.replace("\r\n", "\n"), visit.language)
    return render_fragment(visit, "preview_part.html", {"html": html})


@router.post("/courses/{course_id}/edit/materials")
async def add_material(
    visit: Teaching, course: LedCourse, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Check a new material, or ask for the commit that adds it."""
    return await _check_or_save(visit, course, None, form)


@router.post("/courses/{course_id}/edit/materials/{material_id}")
async def edit_material(
    visit: Teaching, course: LedCourse, material_id: Id, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Check another text of a material, or ask for the commit that makes it so."""
    return await _check_or_save(visit, course, material_id, form)


async def _check_or_save(
    visit: PageRequest, course: Course, material_id: int | None, form: MaterialForm
) -> Response:
    if form.lacks():
        return _material_page(visit, course, material_id, form, Outcome(visit.say(form.lacks())))

    def make() -> Make:
        draft = form.body().draft()
        if material_id is None:
            return partial(teaching.add_material, draft)
        return partial(teaching.edit_material, material_id, draft, form.revision)

    is_check, theirs = form.act == "check", partial(_read_form, visit, course, material_id or 0)
    came: ChangeView | Outcome
    try:
        came, form = await edit_form(
            visit, course.dataset, make, form, theirs, "stale", is_check=is_check
        )
    except NotFound:
        # Removed by somebody meanwhile: the same words make a new one.
        material_id, form = None, form.model_copy(update={"revision": ""})
        came = Outcome(visit.say("gone-material"))
    if isinstance(came, Outcome):
        return _material_page(visit, course, material_id, form, came)
    return seen_other(f"/changes/{came.id}")


async def _read_form(visit: PageRequest, course: Course, material_id: int) -> MaterialForm:
    """Return a material as it lies there. Raises NotFound."""
    details = await visit.read(teaching.details, course.course_id)
    seen = details.material(material_id)
    return MaterialForm(
        title_ru=seen.title.ru or "",
        title_en=seen.title.en or "",
        kind=seen.type.value,
        lesson=seen.lesson,
        text=seen.text or "",
        file_url=seen.file_url or "",
        revision=seen.revision,
    )


def _material_page(
    visit: PageRequest,
    course: Course,
    material_id: int | None,
    form: MaterialForm,
    outcome: Outcome,
) -> Response:
    view = {
        "course": course,
        "material_id": material_id,
        "form": form,
        "kinds": KINDS,
        "html": render_markdown(form.words, visit.language)[0],
        "came": outcome,
    }
    return render_page(visit, "teach_material.html", view, status=422 if outcome.wrong else 200)
