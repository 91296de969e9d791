"""A course: its card and its materials, all or those of one kind (`?type=lecture`).

A material: its text to read, or its file to open, with what comes before and after it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from fastapi import APIRouter, Path
from markupsafe import Markup
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.markdown import Heading, Rendered, Words, rendered
from merlin.api.pages.page import (
    Link,
    PageRequest,
    Visiting,
    bot_href,
    course_href,
    render_page,
    same,
    tagged,
)
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.courses import CourseDetails, MaterialDetails
from merlin.course.catalogue import KINDS, Course, Material

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_ID = 2**53 - 1
Number = Annotated[int, Path(ge=1, le=MOST_ID)]
# Letters that somebody reads in a minute: 180 words of a Russian lecture.
READ_PER_MINUTE = 1200
_ENDING = re.compile(r"\.([a-z0-9]{1,5})$", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filter:
    """One part of the type filter; one without materials cannot be pressed."""

    name: str
    href: str
    title: str
    count: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One material in the list."""

    href: str
    title: str
    kind: str
    about: str


@dataclass(frozen=True, slots=True)
class Group:
    """The materials of one kind."""

    kind: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class CourseView:
    """A course's page; `ask_href` leads to the chat, `edit_href` to its files, "" for most."""

    course_id: int
    href: str
    title: str
    about: str
    place: str
    is_kept: bool
    is_active: bool
    ask_href: str
    edit_href: str
    bot_href: str
    filters: tuple[Filter, ...]
    groups: tuple[Group, ...]
    said: str


@router.get("/courses/{course_id}")
async def course(visit: Visiting, course_id: Number, type: str = "") -> Response:  # noqa: A002
    """Return a course's page."""

    def read(ctx: Context, actor: Actor) -> tuple[CourseDetails, str]:
        told = courses.details(ctx, actor, course_id)
        return told, bot_href(visit.services, told.course)

    told, bot = await visit.context.read(read, visit.caller.actor)
    tag, unchanged = same(visit, tuple(sorted(told.lengths.items())), bot)
    if unchanged is not None:
        return unchanged
    kind = type if type in KINDS else ""
    return tagged(render_page(visit, "course.html", v=_course_view(visit, told, bot, kind)), tag)


async def course_of(visit: PageRequest, course_id: int) -> Course:
    """Return a course. Raises NotFound for one that is not active, unless the person edits it."""
    return await visit.context.read(courses.get, visit.caller.actor, course_id)


def _course_view(visit: PageRequest, told: CourseDetails, bot: str, kind: str) -> CourseView:
    course, shown_now = told.course, [each for each in told.materials if kind in {"", each.kind}]
    return CourseView(
        course_id=course.course_id,
        href=course_href(course),
        title=course.title(visit.language),
        about=course.about(visit.language),
        place=_place(visit, course),
        is_kept=course in visit.favourites,
        is_active=course.is_active,
        ask_href=f"{course_href(course)}/chat",
        edit_href=f"{course_href(course)}/edit" if told.is_led else "",
        bot_href=bot,
        filters=tuple(_filters(visit, course, told.materials, kind)),
        groups=tuple(_groups(visit, course, shown_now, told.lengths)),
        said=visit.say("shown", count=len(shown_now)),
    )


def _place(visit: PageRequest, course: Course) -> str:
    said = [visit.say("semester", number=course.semester)]
    if course.teachers:
        teachers = ", ".join(course.teachers)
        said.append(visit.say("taught-by", count=len(course.teachers), teachers=teachers))
    return " · ".join(said)


def _filters(
    visit: PageRequest, course: Course, materials: Sequence[Material], kind: str
) -> Sequence[Filter]:
    href = course_href(course)
    filters = [Filter("all", href, visit.say("kind-all"), len(materials), not kind)]
    for each in KINDS:
        count = sum(material.kind == each for material in materials)
        title, is_current = visit.say(f"kinds-{each}"), kind == each
        filters.append(Filter(each, f"{href}?type={each}", title, count, is_current))
    return filters


def _groups(
    visit: PageRequest, course: Course, materials: Sequence[Material], lengths: Mapping[str, int]
) -> Sequence[Group]:
    groups = []
    for kind in KINDS:
        rows = tuple(
            Row(
                href=material_href(course, each),
                title=each.title(visit.language),
                kind=kind,
                about=about(visit, each, lengths.get(each.text, 0)),
            )
            for each in materials
            if each.kind == kind
        )
        if rows:
            groups.append(Group(kind, visit.say(f"kinds-{kind}"), rows))
    return groups


def material_href(course: Course, material: Material) -> str:
    """Return the address of a material's page."""
    return f"{course_href(course)}/materials/{material.material_id}"


def about(visit: PageRequest, material: Material, length: int) -> str:
    """Return "Лекция 3 · Текст · 12 минут", or where its file lies."""
    said = [visit.say(f"lesson-{material.kind}", lesson=material.lesson)]
    if material.text:
        said.append(visit.say("text"))
        if length:
            said.append(visit.say("minutes", count=minutes(length)))
    elif host_of(material.file_url):
        said.append(file_kind(visit, material.file_url))
        said.append(visit.say("at-host", host=host_of(material.file_url)))
    return " · ".join(said)


def minutes(length: int) -> int:
    """Return how long a text of so many letters is read, at least a minute."""
    return max(1, math.ceil(length / READ_PER_MINUTE))


def host_of(url: str) -> str:
    """Return the host of a file's address, "" for one that may not be opened."""
    parts = _parts(url)
    return (parts.hostname or "") if parts is not None and parts.scheme == "https" else ""


def file_kind(visit: PageRequest, url: str) -> str:
    """Return what kind of file an address ends in: "PDF", else just "Файл"."""
    parts = _parts(url)
    ending = _ENDING.search(parts.path) if parts is not None else None
    return ending[1].upper() if ending else visit.say("file")


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


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
    act, actor = courses.material, visit.caller.actor
    found = await visit.context.read(act, actor, course_id, material_id)
    tag, unchanged = same(visit, found.text)
    if unchanged is not None:
        return unchanged
    return tagged(render_page(visit, "material.html", v=_material_view(visit, found)), tag)


def _material_view(visit: PageRequest, found: MaterialDetails) -> MaterialView:
    course, this, materials = found.course, found.material, found.materials
    body = _body(visit, course, materials, this, found.text or "")
    before, after = _neighbours(visit, course, materials, this)
    return MaterialView(
        title=this.title(visit.language),
        kind=this.kind,
        lesson=visit.say(f"lesson-{this.kind}", lesson=this.lesson),
        course=Link(course_href(course), course.title(visit.language)),
        minutes=visit.say("minutes", count=minutes(len(found.text))) if found.text else "",
        html=body.html,
        contents=body.contents,
        file=_file(visit, this),
        ask_href=f"{course_href(course)}/chat",
        before=before,
        after=after,
    )


def _body(
    visit: PageRequest, course: Course, materials: Sequence[Material], this: Material, text: str
) -> Rendered:
    addresses = tuple((each.text, material_href(course, each)) for each in materials if each.text)
    words = Words(*(visit.say(key) for key in ("code", "copy", "copied", "table")))
    return rendered(text, this.text, addresses, words)


def _file(visit: PageRequest, this: Material) -> File | None:
    host = host_of(this.file_url)
    return File(this.file_url, file_kind(visit, this.file_url), host) if host else None


def _neighbours(
    visit: PageRequest, course: Course, materials: Sequence[Material], this: Material
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
