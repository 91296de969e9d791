"""A material: its text to read, or its file to open, with what comes before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import Response

from merlin.api.pages.answering import same, shown, tagged
from merlin.api.pages.course import (
    Number,
    course_of,
    file_kind,
    host_of,
    material_href,
    minutes,
)
from merlin.api.pages.frame import Link, course_href
from merlin.api.pages.markdown import Heading, Rendered, Words, rendered
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit, Visiting
from merlin.core.errors import NotFound
from merlin.course.catalogue import Course, Material

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file that lies elsewhere."""

    href: str
    kind: str
    host: str


@dataclass(frozen=True, slots=True)
class MaterialView:
    """A material's page; `html` is "" where there is no text, or not yet."""

    title: str
    kind: str
    lesson: str
    course: Link
    minutes: str
    html: Markup
    contents: tuple[Heading, ...]
    file: File | None
    ask_href: str
    before: Link | None
    after: Link | None


@router.get("/courses/{course_id}/materials/{material_id}")
async def material(visit: Visiting, course_id: Number, material_id: Number) -> Response:
    """Return a material's page; the material must be one of this course."""
    course, rows = await course_of(visit, course_id), visit.services.rows

    def read() -> tuple[list[Material], Material | None, str | None]:
        all_of_it = rows.courses.materials(course.slug)
        this = next((each for each in all_of_it if each.material_id == material_id), None)
        path = this.text if this is not None else ""
        return all_of_it, this, rows.readings.text(course.dataset, path) if path else None

    materials, this, text = await visit.services.store.read(read)
    if this is None:
        raise NotFound(f"no material {material_id}", "course-none", course=str(material_id))
    tag, unchanged = same(visit, text)
    if unchanged is not None:
        return unchanged
    view = _view(visit, course, materials, this, text)
    return tagged(shown(visit, "material.html", v=view), tag)


def _view(
    visit: Visit, course: Course, materials: Sequence[Material], this: Material, text: str | None
) -> MaterialView:
    body = _body(visit, course, materials, this, text or "")
    before, after = _beside(visit, course, materials, this)
    return MaterialView(
        title=this.title(visit.language),
        kind=this.kind,
        lesson=visit.say(f"lesson-{this.kind}", lesson=this.lesson),
        course=Link(course_href(course), course.title(visit.language)),
        minutes=visit.say("minutes", count=minutes(len(text))) if text else "",
        html=body.html,
        contents=body.contents,
        file=_file(visit, this),
        ask_href=f"{course_href(course)}/chat",
        before=before,
        after=after,
    )


def _body(
    visit: Visit, course: Course, materials: Sequence[Material], this: Material, text: str
) -> Rendered:
    addresses = tuple((each.text, material_href(course, each)) for each in materials if each.text)
    words = Words(*(visit.say(key) for key in ("code", "copy", "copied", "table")))
    return rendered(text, this.text, addresses, words)


def _file(visit: Visit, this: Material) -> File | None:
    host = host_of(this.file_url)
    return File(this.file_url, file_kind(visit, this.file_url), host) if host else None


def _beside(
    visit: Visit, course: Course, materials: Sequence[Material], this: Material
) -> tuple[Link | None, Link | None]:
    """Return the materials of the same kind before and after this one."""
    alike = [each for each in materials if each.kind == this.kind]
    place = alike.index(this)

    def link(each: Material) -> Link:
        lesson = visit.say(f"lesson-{each.kind}", lesson=each.lesson)
        return Link(material_href(course, each), f"{lesson}. {each.title(visit.language)}")

    before = link(alike[place - 1]) if place else None
    after = link(alike[place + 1]) if place + 1 < len(alike) else None
    return before, after
