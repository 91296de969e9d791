"""Course: what those who lead it change: its card, and which materials there are in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.answering import shown
from merlin.api.pages.doing import REFUSALS, Answer, Mark, call, done, why
from merlin.api.pages.mark import PATTERN, mark
from merlin.api.pages.room import Teaching, course_led, nowhere
from merlin.api.pages.teach.change import Noted, NoteView, note_view
from merlin.api.pages.teach.clash import Clash, clashes
from merlin.api.pages.teach.home import of_language
from merlin.api.pages.teach.proof import ProofView, proof_of
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.routes import teaching as routes
from merlin.api.shape import Id, Texts
from merlin.api.teaching.lesson import (
    CourseBody,
    MaterialBody,
    TaughtDetails,
    TaughtMaterial,
)
from merlin.core.web.answering import seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Revision = Annotated[str, Form(max_length=64)]
_STALE = 409


class CardForm(BaseModel):
    """The course's card as its form says it."""

    name_ru: str = ""
    name_en: str = ""
    about_ru: str = ""
    about_en: str = ""
    semester: int = 1
    active: bool = False
    teachers: str = ""
    revision: str = ""
    once: str = Field(default_factory=mark, pattern=PATTERN)

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

    def fields(self, visit: Visit) -> dict[str, str]:
        """Return what each field says, by its name in the person's language."""
        said = {
            "name-ru": self.name_ru.strip(),
            "name-en": self.name_en.strip(),
            "about-ru": self.about_ru.strip().replace("\r\n", "\n"),
            "about-en": self.about_en.strip().replace("\r\n", "\n"),
            "semester-number": str(self.semester),
            "teachers": " ".join(self.teachers.replace(",", " ").split()),
            "active": visit.say("is-so" if self.active else "is-not-so"),
        }
        return {visit.say(name): words for name, words in said.items()}


@dataclass(frozen=True, slots=True)
class MaterialRow:
    """One material; one without `material_id` waits for its first commit."""

    material_id: int | None
    place: int
    kind: str
    title: str
    about: str
    revision: str
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class EditView:
    """The page; `note` tells of the edit that was just made, `wrong` why one was not.

    `clashes` are what another wrote of the card meanwhile, where somebody did (`is_stale`).
    """

    course_id: int
    title: str
    is_active: bool
    card: CardForm
    rows: tuple[MaterialRow, ...]
    note: NoteView | None = None
    wrong: str = ""
    proof: ProofView | None = None
    is_stale: bool = False
    clashes: tuple[Clash, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a form led to, besides a change; `card` is what was typed, None: another form."""

    wrong: str = ""
    card: CardForm | None = None
    proof: ProofView | None = None
    is_stale: bool = False


@router.get("/courses/{course_id}/edit")
async def show_editing(visit: Teaching, course_id: Id, changed: Noted = "") -> Response:
    """Return a course as its files say it, with what waits for its commit."""
    await course_led(visit, course_id)
    return await _page(visit, course_id, changed)


@router.post("/courses/{course_id}/edit")
async def save_card(visit: Teaching, course_id: Id, form: Annotated[CardForm, Form()]) -> Response:
    """Ask for a commit with another card."""
    await course_led(visit, course_id)

    async def deed(request: Request) -> Response:
        return await routes.edit_course(request, visit.caller, course_id, form.body())

    try:
        answer = await done(visit, form.once, deed)
    except REFUSALS as error:
        return await _page(visit, course_id, came=Outcome(why(visit, error), form))
    return await _after(visit, course_id, answer, form)


@router.post("/courses/{course_id}/edit/materials/{material_id}/move")
async def move_material(
    visit: Teaching,
    course_id: Id,
    material_id: Id,
    once: Mark,
    place: Annotated[int, Form(ge=0, le=1000)],
) -> Response:
    """Ask for a commit in which the material stands at another place."""
    await course_led(visit, course_id)
    seen = await material_of(visit, course_id, material_id)
    body = MaterialBody(
        title=Texts(**seen.title.model_dump()),
        type=seen.type.value,
        lesson=seen.lesson,
        text=seen.text,
        file_url=seen.file_url,
        place=place,
        revision=seen.revision,
    )

    async def deed(request: Request) -> Response:
        return await routes.edit_material(request, visit.caller, course_id, material_id, body)

    try:
        answer = await done(visit, once, deed)
    except REFUSALS as error:
        return await _page(visit, course_id, came=Outcome(why(visit, error)))
    return await _after(visit, course_id, answer)


@router.post("/courses/{course_id}/edit/materials/{material_id}/remove")
async def remove_material(
    visit: Teaching, course_id: Id, material_id: Id, once: Mark, revision: Revision
) -> Response:
    """Ask for a commit without the material; its page offers the way back."""
    await course_led(visit, course_id)

    async def deed(request: Request) -> Response:
        return await routes.remove_material(
            request, visit.caller, course_id, material_id, revision=revision
        )

    try:
        answer = await done(visit, once, deed)
    except REFUSALS as error:
        return await _page(visit, course_id, came=Outcome(why(visit, error)))
    if answer.is_good:
        return seen_other(f"/changes/{answer.said['id']}")
    return await _after(visit, course_id, answer)


async def material_of(visit: Visit, course_id: int, material_id: int) -> TaughtMaterial:
    """Return a material as the files say it. Raises Problem 404."""
    told = await details_of(visit, course_id)
    for each in told.materials:
        if each.id == material_id:
            return each
    raise nowhere()


async def details_of(visit: Visit, course_id: int) -> TaughtDetails:
    """Return a course as its files say it."""
    return await routes.show_taught_course(await call(visit), visit.caller, course_id)


async def _after(
    visit: Visit, course_id: int, answer: Answer, card: CardForm | None = None
) -> Response:
    """Return what follows an edit: the page with its note, or with why nothing was done."""
    if answer.is_good:
        return seen_other(f"/courses/{course_id}/edit?changed={answer.said['id']}")
    return await _page(visit, course_id, came=_outcome(visit, answer, card))


def _outcome(visit: Visit, answer: Answer, card: CardForm | None) -> Outcome:
    if answer.status == _STALE and "revision" in answer.said:
        if card is None:
            return Outcome(visit.say("stale-course"))
        return Outcome(visit.say("stale-card"), card, is_stale=True)
    if "findings" in answer.said:
        return Outcome(visit.say("not-good"), card, proof_of(visit, answer.said))
    return Outcome(str(answer.said.get("detail", "")), card)


async def _page(
    visit: Visit, course_id: int, changed: str = "", came: Outcome | None = None
) -> Response:
    came = came or Outcome()
    told = await details_of(visit, course_id)
    lying, last = _card(told), len(told.materials) - 1
    card = came.card or lying
    if came.is_stale:
        # Who saves now has seen what lies there.
        card = card.model_copy(update={"revision": told.revision})
    view = EditView(
        course_id=course_id,
        title=of_language(told.name, visit.language) or told.slug,
        is_active=told.active,
        card=card,
        rows=tuple(_row(visit, each, last) for each in told.materials),
        note=await note_view(visit, changed),
        wrong=came.wrong,
        proof=came.proof,
        is_stale=came.is_stale,
        clashes=clashes(card.fields(visit), lying.fields(visit)) if came.is_stale else (),
    )
    status = 422 if came.wrong else 200
    return shown(visit, "teach_course.html", v=view, status=status)


def _card(told: TaughtDetails) -> CardForm:
    return CardForm(
        name_ru=told.name.ru or "",
        name_en=told.name.en or "",
        about_ru=told.description.ru or "",
        about_en=told.description.en or "",
        semester=told.semester,
        active=told.active,
        teachers=" ".join(told.teachers),
        revision=told.revision,
    )


def _row(visit: Visit, material: TaughtMaterial, last: int) -> MaterialRow:
    kind = material.type.value
    said = [visit.say(f"lesson-{kind}", lesson=material.lesson)]
    said.append(visit.say("text") if material.text is not None else visit.say("file"))
    return MaterialRow(
        material_id=material.id,
        place=material.place,
        kind=kind,
        title=of_language(material.title, visit.language),
        about=" · ".join(said),
        revision=material.revision,
        is_first=material.place == 0,
        is_last=material.place == last,
    )
