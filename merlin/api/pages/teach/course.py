"""A course as those change it who lead it: its card, its materials and their order, one material.

A material is a form with a field for Markdown, what it will look like, what would be changed.

    check -> findings, difference, preview -> save -> the page of the change

A save is checked too: whoever presses it at once loses nothing but the look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from markupsafe import Markup
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.components import ProofView, proof_view
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.forms import REFUSALS, Mark, refusal_text
from merlin.api.pages.markdown import Words, rendered
from merlin.api.pages.page import (
    PATTERN,
    Link,
    PageRequest,
    Teaching,
    course_led,
    mark,
    render_fragment,
    render_page,
)
from merlin.api.pages.teach.changes import Clash, Noted, NoteView, clashes, note_view
from merlin.api.rest.teaching import MOST_LETTERS, CourseBody, MaterialBody
from merlin.api.schema import Id, Texts
from merlin.app import teaching
from merlin.app.changes import EditNotGood, Make, StaleEdit
from merlin.app.teaching import TaughtDetails, TaughtMaterial
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import KINDS, Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Revision = Annotated[str, Form(max_length=64)]


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

    def fields(self, visit: PageRequest) -> dict[str, str]:
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
class CourseOutcome:
    """What a form led to, besides a change; `card` is what was typed, None: another form."""

    wrong: str = ""
    card: CardForm | None = None
    proof: ProofView | None = None
    is_stale: bool = False


@router.get("/courses/{course_id}/edit")
async def show_editing(visit: Teaching, course_id: Id, changed: Noted = "") -> Response:
    """Return a course as its files say it, with what waits for its commit."""
    return await _course_page(visit, course_id, changed)


@router.post("/courses/{course_id}/edit")
async def save_card(visit: Teaching, course_id: Id, form: Annotated[CardForm, Form()]) -> Response:
    """Ask for a commit with another card."""
    await course_led(visit, course_id)
    try:
        make = teaching.make_card(form.body().values(), form.revision)
    except REFUSALS as error:
        came = CourseOutcome(refusal_text(visit, error), form)
        return await _course_page(visit, course_id, came=came)
    return await _submit(visit, course_id, make, form.model_dump_json(), form)


@router.post("/courses/{course_id}/edit/materials/{material_id}/move")
async def move_material(
    visit: Teaching,
    course_id: Id,
    material_id: Id,
    once: Mark,
    place: Annotated[int, Form(ge=0, le=1000)],
) -> Response:
    """Ask for a commit in which the material stands at another place."""
    make = teaching.make_move(material_id, place)
    return await _submit(visit, course_id, make, f"{once} {material_id} {place}")


@router.post("/courses/{course_id}/edit/materials/{material_id}/remove")
async def remove_material(
    visit: Teaching, course_id: Id, material_id: Id, once: Mark, revision: Revision
) -> Response:
    """Ask for a commit without the material; its page offers the way back."""
    make = teaching.make_removal(material_id, revision)
    once = f"{once} {material_id}"
    return await _submit(visit, course_id, make, once, follows="/changes/{}")


async def _submit(
    visit: PageRequest,
    course_id: int,
    make: Make,
    once: str,
    card: CardForm | None = None,
    follows: str = "",
) -> Response:
    """Ask for a commit; return what follows: a page that tells of it, or why nothing was done."""
    follows = follows or f"/courses/{course_id}/edit?changed={{}}"
    try:
        done = await teaching.submit(visit.context, visit.caller.actor, course_id, make, once)
    except StaleEdit:
        wrong = visit.say("stale-card" if card else "stale-course")
        came = CourseOutcome(wrong, card, is_stale=card is not None)
    except EditNotGood as error:
        came = CourseOutcome(visit.say("not-good"), card, proof_view(visit, error.preview))
    except REFUSALS as error:
        came = CourseOutcome(refusal_text(visit, error), card)
    else:
        return seen_other(follows.format(done.id))
    return await _course_page(visit, course_id, came=came)


async def _course_page(
    visit: PageRequest, course_id: int, changed: str = "", came: CourseOutcome | None = None
) -> Response:
    came = came or CourseOutcome()
    told = await visit.context.read(teaching.details, visit.caller.actor, course_id)
    lying, last = _card(told), len(told.materials) - 1
    card = came.card or lying
    if came.is_stale:
        # Who saves now has seen what lies there.
        card = card.model_copy(update={"revision": told.revision})
    view = EditView(
        course_id=course_id,
        title=told.name.text(visit.language) or told.slug,
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
    return render_page(visit, "teach_course.html", v=view, status=status)


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


def _row(visit: PageRequest, material: TaughtMaterial, last: int) -> MaterialRow:
    kind = material.type.value
    said = [visit.say(f"lesson-{kind}", lesson=material.lesson)]
    said.append(visit.say("text") if material.text is not None else visit.say("file"))
    return MaterialRow(
        material_id=material.id,
        place=material.place,
        kind=kind,
        title=material.title.text(visit.language),
        about=" · ".join(said),
        revision=material.revision,
        is_first=material.place == 0,
        is_last=material.place == last,
    )


class MaterialForm(BaseModel):
    """A material as its form says it."""

    title_ru: str = ""
    title_en: str = ""
    kind: str = KINDS[0]
    lesson: int = 1
    text: str = Field(default="", max_length=2 * MOST_LETTERS)
    file_url: str = ""
    revision: str = ""
    act: Literal["check", "save"] = "check"
    once: str = Field(default_factory=mark, pattern=PATTERN)

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


@dataclass(frozen=True, slots=True)
class MaterialView:
    """The page; `clashes` are what lies there instead of what the editor saw, where it does."""

    course: Link
    course_id: int
    material_id: int | None
    action: str
    form: MaterialForm
    kinds: tuple[tuple[str, str], ...]
    preview: Markup
    proof: ProofView | None
    wrong: str
    is_stale: bool
    clashes: tuple[Clash, ...]


@dataclass(frozen=True, slots=True)
class MaterialOutcome:
    """What a form led to, besides a change: what the checker says, or why it was refused.

    `clashes` None: nobody else changed the material meanwhile.
    """

    proof: ProofView | None = None
    wrong: str = ""
    clashes: tuple[Clash, ...] | None = None


@router.get("/courses/{course_id}/edit/materials/new")
async def new_material(visit: Teaching, course_id: Id) -> Response:
    """Return an empty form."""
    course = await course_led(visit, course_id)
    return _material_page(visit, course, None, MaterialForm(), MaterialOutcome())


@router.get("/courses/{course_id}/edit/materials/{material_id}")
async def show_material(visit: Teaching, course_id: Id, material_id: Id) -> Response:
    """Return the form of a material as its files say it."""
    course = await course_led(visit, course_id)
    form = await _read_form(visit, course_id, material_id)
    return _material_page(visit, course, material_id, form, MaterialOutcome())


@router.post("/courses/{course_id}/edit/preview")
async def preview(
    visit: Teaching, course_id: Id, text: Annotated[str, Form(max_length=2 * MOST_LETTERS)] = ""
) -> Response:
    """Return what a text looks like, for a script that shows it while somebody writes."""
    await course_led(visit, course_id)
    html = markdown(visit, text.replace("\r\n", "\n"))
    return render_fragment(visit, "preview_part.html", html=html)


@router.post("/courses/{course_id}/edit/materials")
async def add_material(
    visit: Teaching, course_id: Id, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Check a new material, or ask for the commit that adds it."""
    return await _check_or_save(visit, course_id, None, form)


@router.post("/courses/{course_id}/edit/materials/{material_id}")
async def edit_material(
    visit: Teaching, course_id: Id, material_id: Id, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Check another text of a material, or ask for the commit that makes it so."""
    return await _check_or_save(visit, course_id, material_id, form)


async def _check_or_save(
    visit: PageRequest, course_id: int, material_id: int | None, form: MaterialForm
) -> Response:
    course = await course_led(visit, course_id)
    if form.lacks():
        return _material_page(
            visit, course, material_id, form, MaterialOutcome(wrong=visit.say(form.lacks()))
        )
    try:
        return await _save(visit, course, material_id, form)
    except NotFound:
        # Removed by somebody meanwhile: the same words make a new one.
        anew = form.model_copy(update={"revision": ""})
        return _material_page(
            visit, course, None, anew, MaterialOutcome(wrong=visit.say("gone-material"))
        )
    except REFUSALS as error:
        return _material_page(
            visit, course, material_id, form, MaterialOutcome(wrong=refusal_text(visit, error))
        )


async def _save(
    visit: PageRequest, course: Course, material_id: int | None, form: MaterialForm
) -> Response:
    ctx, actor, body = visit.context, visit.caller.actor, form.body()
    make = teaching.make_addition(body.draft())
    if material_id is not None:
        make = teaching.make_material(material_id, body.draft(), form.revision)
    try:
        if form.act == "check":
            seen = await teaching.preview(ctx, actor, course.course_id, make)
            came = MaterialOutcome(proof_view(visit, seen))
        else:
            # Of a form that is sent again with other words another change comes.
            once = form.model_dump_json()
            done = await teaching.submit(ctx, actor, course.course_id, make, once)
            return seen_other(f"/changes/{done.id}")
    except StaleEdit:
        if material_id is None:
            raise
        theirs = await _read_form(visit, course.course_id, material_id)
        return _conflict_page(visit, course, material_id, form, theirs)
    except EditNotGood as error:
        came = MaterialOutcome(proof_view(visit, error.preview), visit.say("not-good"))
    return _material_page(visit, course, material_id, form, came)


def _conflict_page(
    visit: PageRequest, course: Course, material_id: int, form: MaterialForm, theirs: MaterialForm
) -> Response:
    """Return the form with what lies there instead; who saves now has seen that."""
    seen = form.model_copy(update={"revision": theirs.revision})
    told = clashes(form.fields(visit), theirs.fields(visit))
    return _material_page(
        visit, course, material_id, seen, MaterialOutcome(wrong=visit.say("stale"), clashes=told)
    )


async def _read_form(visit: PageRequest, course_id: int, material_id: int) -> MaterialForm:
    """Return a material as it lies there. Raises NotFound."""
    told = await visit.context.read(teaching.details, visit.caller.actor, course_id)
    seen = told.material(material_id)
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
    came: MaterialOutcome,
) -> Response:
    base = f"/courses/{course.course_id}/edit"
    view = MaterialView(
        course=Link(base, course.title(visit.language)),
        course_id=course.course_id,
        material_id=material_id,
        action=f"{base}/materials" + (f"/{material_id}" if material_id else ""),
        form=form.model_copy(update={"text": form.words}),
        kinds=tuple((each, visit.say(f"kind-{each}")) for each in KINDS),
        preview=markdown(visit, form.words),
        proof=came.proof,
        wrong=came.wrong,
        is_stale=came.clashes is not None,
        clashes=came.clashes or (),
    )
    status = 422 if came.wrong else 200
    return render_page(visit, "teach_material.html", v=view, status=status)


def markdown(visit: PageRequest, text: str) -> Markup:
    """Return what a text looks like on its page."""
    names = ("code", "copy", "copied", "table")
    words = Words(**{name: visit.say(name) for name in names})
    return rendered(text, "", (), words).html
