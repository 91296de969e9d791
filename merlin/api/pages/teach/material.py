"""A material: its form with a field for Markdown, what it will look like, what would be changed.

    check -> findings, difference, preview -> save -> the page of the change

A save is checked too: whoever presses it at once loses nothing but the look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from markupsafe import Markup
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.answering import part, shown
from merlin.api.pages.doing import REFUSALS, Answer, asked, done, tried, why
from merlin.api.pages.frame import Link
from merlin.api.pages.mark import PATTERN, mark
from merlin.api.pages.markdown import Words, rendered
from merlin.api.pages.room import Teaching, course_led
from merlin.api.pages.teach.clash import Clash, clashes
from merlin.api.pages.teach.course import material_of
from merlin.api.pages.teach.proof import ProofView, proof_of
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.routes import teaching as routes
from merlin.api.shape import Id, Texts
from merlin.api.teaching.lesson import MOST_LETTERS, MaterialBody, TaughtMaterial
from merlin.core.errors import NotFound
from merlin.core.web.answering import seen_other
from merlin.course.catalogue import KINDS, Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_ACCEPTED, _STALE = 202, 409


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

    def fields(self, visit: Visit) -> dict[str, str]:
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
class Outcome:
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
    return _page(visit, course, None, MaterialForm(), Outcome())


@router.get("/courses/{course_id}/edit/materials/{material_id}")
async def show_material(visit: Teaching, course_id: Id, material_id: Id) -> Response:
    """Return the form of a material as its files say it."""
    course = await course_led(visit, course_id)
    seen = await material_of(visit, course_id, material_id)
    return _page(visit, course, material_id, _form_of(seen), Outcome())


@router.post("/courses/{course_id}/edit/preview")
async def preview(
    visit: Teaching, course_id: Id, text: Annotated[str, Form(max_length=2 * MOST_LETTERS)] = ""
) -> Response:
    """Return what a text looks like, for a script that shows it while somebody writes."""
    await course_led(visit, course_id)
    html = markdown(visit, text.replace("\r\n", "\n"))
    return part(visit, "preview_part.html", html=html)


@router.post("/courses/{course_id}/edit/materials")
async def add_material(
    visit: Teaching, course_id: Id, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Check a new material, or ask for the commit that adds it."""
    return await _submitted(visit, course_id, None, form)


@router.post("/courses/{course_id}/edit/materials/{material_id}")
async def edit_material(
    visit: Teaching, course_id: Id, material_id: Id, form: Annotated[MaterialForm, Form()]
) -> Response:
    """Check another text of a material, or ask for the commit that makes it so."""
    return await _submitted(visit, course_id, material_id, form)


async def _submitted(
    visit: Visit, course_id: int, material_id: int | None, form: MaterialForm
) -> Response:
    course = await course_led(visit, course_id)
    if form.lacks():
        return _page(visit, course, material_id, form, Outcome(wrong=visit.say(form.lacks())))
    try:
        return await _saved(visit, course, material_id, form)
    except NotFound:
        # Removed by somebody meanwhile: the same words make a new one.
        anew = form.model_copy(update={"revision": ""})
        return _page(visit, course, None, anew, Outcome(wrong=visit.say("gone-material")))
    except REFUSALS as error:
        return _page(visit, course, material_id, form, Outcome(wrong=why(visit, error)))


async def _saved(
    visit: Visit, course: Course, material_id: int | None, form: MaterialForm
) -> Response:
    answer = await _answer(visit, course.course_id, material_id, form)
    if answer.status == _ACCEPTED:
        return seen_other(f"/changes/{answer.said['id']}")
    if material_id and answer.status == _STALE and "revision" in answer.said:
        theirs = _form_of(await material_of(visit, course.course_id, material_id))
        return _clashing(visit, course, material_id, form, theirs)
    return _page(visit, course, material_id, form, _outcome(visit, answer))


def _clashing(
    visit: Visit, course: Course, material_id: int, form: MaterialForm, theirs: MaterialForm
) -> Response:
    """Return the form with what lies there instead; who saves now has seen that."""
    seen = form.model_copy(update={"revision": theirs.revision})
    told = clashes(form.fields(visit), theirs.fields(visit))
    return _page(visit, course, material_id, seen, Outcome(wrong=visit.say("stale"), clashes=told))


def _form_of(seen: TaughtMaterial) -> MaterialForm:
    return MaterialForm(
        title_ru=seen.title.ru or "",
        title_en=seen.title.en or "",
        kind=seen.type.value,
        lesson=seen.lesson,
        text=seen.text or "",
        file_url=seen.file_url or "",
        revision=seen.revision,
    )


async def _answer(
    visit: Visit, course_id: int, material_id: int | None, form: MaterialForm
) -> Answer:
    body, is_dry = form.body(), form.act == "check"

    async def deed(request: Request) -> Response:
        caller = visit.caller
        if material_id is None:
            return await routes.add_material(request, caller, course_id, body, dry_run=is_dry)
        return await routes.edit_material(
            request, caller, course_id, material_id, body, dry_run=is_dry
        )

    if is_dry:
        return await tried(visit, deed)
    # Adding knows the form's mark by itself; a change of what lies there does not.
    ask = asked if material_id is None else done
    return await ask(visit, form.once, deed)


def _outcome(visit: Visit, answer: Answer) -> Outcome:
    if answer.is_good:
        return Outcome(proof_of(visit, answer.said))
    if "findings" in answer.said:
        return Outcome(proof_of(visit, answer.said), visit.say("not-good"))
    return Outcome(wrong=str(answer.said.get("detail", "")))


def _page(
    visit: Visit, course: Course, material_id: int | None, form: MaterialForm, came: Outcome
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
    return shown(visit, "teach_material.html", v=view, status=status)


def markdown(visit: Visit, text: str) -> Markup:
    """Return what a text looks like on its page."""
    names = ("code", "copy", "copied", "table")
    words = Words(**{name: visit.say(name) for name in names})
    return rendered(text, "", (), words).html
