"""A course: its card and its materials, all or those of one kind (`?type=lecture`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from fastapi import APIRouter, Path
from starlette.responses import Response

from merlin.account.role import Permission
from merlin.api.pages.answering import same, shown, tagged
from merlin.api.pages.bot_link import bot_href
from merlin.api.pages.frame import course_href
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit, Visiting
from merlin.api.teaching.right import account_name
from merlin.core.errors import NotFound
from merlin.course.catalogue import KINDS, Course, Material
from merlin.course.leading import leads

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_ID = 2**53 - 1
Number = Annotated[int, Path(ge=1, le=MOST_ID)]
# Letters that somebody reads in a minute: 180 words of a Russian lecture.
READ_PER_MINUTE = 1200
_ENDING = re.compile(r"\.([a-z0-9]{1,5})$", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """What the rows say of a course; `lengths` is the path of a text -> its characters.

    `is_led`: whoever looks may change it.
    """

    materials: Sequence[Material]
    lengths: Mapping[str, int]
    bot_href: str
    is_led: bool


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
    found = await course_of(visit, course_id)
    rows = visit.services.rows

    def read() -> Told:
        lengths = rows.readings.lengths(found.dataset)
        materials = rows.courses.materials(found.slug)
        is_led = visit.caller.may(Permission.EDIT_MATERIALS) and leads(
            visit.caller.standing, account_name(visit.services, visit.caller), found
        )
        return Told(materials, lengths, bot_href(visit.services, found), is_led)

    told = await visit.services.store.read(read)
    tag, unchanged = same(visit, tuple(sorted(told.lengths.items())), told.bot_href)
    if unchanged is not None:
        return unchanged
    kind = type if type in KINDS else ""
    return tagged(shown(visit, "course.html", v=_view(visit, found, told, kind)), tag)


async def course_of(visit: Visit, course_id: int) -> Course:
    """Return a course. Raises NotFound for one that is not active, unless the person edits it."""
    known = visit.shelf.by_id.get(course_id)
    if known is not None:
        return known
    found = await visit.services.store.read(lambda: visit.services.rows.courses.numbered(course_id))
    if not found.is_active and not visit.caller.may(Permission.EDIT_MATERIALS, found.slug):
        raise NotFound(f"no course {course_id}", "course-none", course=str(course_id))
    return found


def _view(visit: Visit, course: Course, told: Told, kind: str) -> CourseView:
    shown_now = [each for each in told.materials if kind in {"", each.kind}]
    return CourseView(
        course_id=course.course_id,
        href=course_href(course),
        title=course.title(visit.language),
        about=course.about(visit.language),
        place=_place(visit, course),
        is_kept=course in visit.kept,
        is_active=course.is_active,
        ask_href=f"{course_href(course)}/chat",
        edit_href=f"{course_href(course)}/edit" if told.is_led else "",
        bot_href=told.bot_href,
        filters=tuple(_filters(visit, course, told.materials, kind)),
        groups=tuple(_groups(visit, course, shown_now, told.lengths)),
        said=visit.say("shown", count=len(shown_now)),
    )


def _place(visit: Visit, course: Course) -> str:
    said = [visit.say("semester", number=course.semester)]
    if course.teachers:
        teachers = ", ".join(course.teachers)
        said.append(visit.say("taught-by", count=len(course.teachers), teachers=teachers))
    return " · ".join(said)


def _filters(
    visit: Visit, course: Course, materials: Sequence[Material], kind: str
) -> Sequence[Filter]:
    href = course_href(course)
    filters = [Filter("all", href, visit.say("kind-all"), len(materials), not kind)]
    for each in KINDS:
        count = sum(material.kind == each for material in materials)
        title, is_current = visit.say(f"kinds-{each}"), kind == each
        filters.append(Filter(each, f"{href}?type={each}", title, count, is_current))
    return filters


def _groups(
    visit: Visit, course: Course, materials: Sequence[Material], lengths: Mapping[str, int]
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


def about(visit: Visit, material: Material, length: int) -> str:
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


def file_kind(visit: Visit, url: str) -> str:
    """Return what kind of file an address ends in: "PDF", else just "Файл"."""
    parts = _parts(url)
    ending = _ENDING.search(parts.path) if parts is not None else None
    return ending[1].upper() if ending else visit.say("file")


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
