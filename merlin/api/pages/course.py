"""A course: its card and its materials, all or those of one kind (`?type=lecture`).

A material: its text to read, or its file to open, with what comes before and after it.
"""

from __future__ import annotations

import math
import re
from functools import partial
from urllib.parse import SplitResult, urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    PageRequest,
    Visiting,
    bot_href,
    course_href,
    render_page,
    same,
)
from merlin.api.schema import Id
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.courses import CourseDetails
from merlin.course.catalogue import KINDS, Course, Material

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# Letters that somebody reads in a minute: 180 words of a Russian lecture.
READ_PER_MINUTE = 1200
_ENDING = re.compile(r"\.([a-z0-9]{1,5})$", re.ASCII | re.IGNORECASE)


@router.get("/courses/{course_id}")
async def course(visit: Visiting, course_id: Id, type: str = "") -> Response:  # noqa: A002
    """Return a course's page."""

    def read(ctx: Context, actor: Actor) -> tuple[CourseDetails, str]:
        told = courses.details(ctx, actor, course_id)
        return told, bot_href(visit.services, told.course)

    told, bot = await visit.read(read)
    tag, unchanged = same(visit, tuple(sorted(told.lengths.items())), told.teachers, bot)
    if unchanged is not None:
        return unchanged
    kind = type if type in KINDS else ""
    view = {
        "course": told.course,
        "told": told,
        "kinds": KINDS,
        "kind": kind,
        "about": partial(about, visit),
        "bot_href": bot,
    }
    return render_page(visit, "course.html", view, tag=tag)


async def course_of(visit: PageRequest, course_id: int) -> Course:
    """Return a course. Raises NotFound for one that is not active, unless the person edits it."""
    return await visit.read(courses.get, course_id)


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


@router.get("/courses/{course_id}/materials/{material_id}")
async def material(visit: Visiting, course_id: Id, material_id: Id) -> Response:
    """Return a material's page; the material must be one of this course."""
    found = await visit.read(courses.material, course_id, material_id)
    tag, unchanged = same(visit, found.text)
    if unchanged is not None:
        return unchanged
    course, this, materials = found.course, found.material, found.materials
    alike = [each for each in materials if each.kind == this.kind]
    place = alike.index(this)
    addresses = tuple(
        (each.text, f"{course_href(course)}/materials/{each.material_id}")
        for each in materials
        if each.text
    )
    body, contents = render_markdown(found.text or "", visit.language, this.text, addresses)
    view = {
        "course": course,
        "material": this,
        "minutes": minutes(len(found.text)) if found.text else 0,
        "body": body,
        "contents": contents,
        "host": host_of(this.file_url),
        "file_kind": file_kind(visit, this.file_url),
        "before": alike[place - 1] if place else None,
        "after": alike[place + 1] if place + 1 < len(alike) else None,
    }
    return render_page(visit, "material.html", view, tag=tag)
