"""The catalogue: courses by semester, search, favourites; a course and its materials.

/                all courses
/?q=графы        search results

The search of the pages is implemented here. Without scripts the «+» and «−» buttons submit a form
and redirect back; with scripts they call /api/user/courses.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import badge
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    PageContext,
    PublicContext,
    course_href,
    render_page,
    sign_in_href,
)
from merlin.api.problems import Problem
from merlin.api.schema import MAX_ID, Id
from merlin.app import courses
from merlin.app.bot_settings import bot_link
from merlin.app.context import Context
from merlin.app.courses import FoundCourse
from merlin.core.web.assets import local_address, seen_other
from merlin.core.web.templates import Badge
from merlin.course.catalogue import KINDS, Course, Material
from merlin.course.search import MAX_QUERY_LENGTH, SearchResult, highlight_spans

router = page_router()

Chosen = Annotated[int | None, Form(ge=1, le=MAX_ID)]


@router.post("/favourites")
async def favourite(
    context: PublicContext,
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's field
    add: Chosen = None,
    remove: Chosen = None,
) -> Response:
    """Add or remove a favourite, and return to the page of the form."""
    back = local_address(next)
    if context.user is None:
        return seen_other(sign_in_href(back))
    number = add or remove
    if number is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request")
    if add:
        await context.write(courses.add_favourite, context.actor, add)
    else:
        await context.write(courses.remove_favourite, context.actor, number)
    return seen_other(back)


# Pieces of a text, and whether each matches.
Pieces = list[tuple[str, bool]]


def mark_matches(text: str, result: SearchResult) -> Pieces:
    """Return the text in pieces, with the matches marked."""
    pieces = []
    end = 0
    for start, stop in highlight_spans(text, result):
        pieces += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    pieces.append((text[end:], False))
    return [piece for piece in pieces if piece[0]]


# Maximum number of cards; a search narrows the list down.
MAX_CARDS = 240
# Course, name, description, whether only the description matches, and materials that do.
Card = tuple[Course, Pieces, Pieces, bool, Sequence[Material]]
# Of a card.
MAX_MATERIALS = 3


@router.get("/")
async def show_front(context: PublicContext, q: str = "") -> Response:
    """Return the front page."""
    query = " ".join(q[:MAX_QUERY_LENGTH].split())
    return render_page(
        context, "catalogue.html", {"list": await list_view(context, query)}
    )


async def list_view(context: PageContext, query: str) -> dict[str, object]:
    """Return all courses by semester, or the matches of `query`, best first within each.

    `terms` are semesters with their cards and count ("4", or "1 из 4"). `result` tells screen
    readers how many were found, `meant` the corrected query.
    """
    all_courses = context.courses.courses
    matches, result = await context.services.read(
        courses.search, query, max(len(all_courses), 1)
    )
    total = len(matches)
    meant = result.suggestion
    states = await context.services.read(courses.list_chat_states)
    return {
        "query": query,
        "count": _count(context, total, len(all_courses)),
        "terms": _list_semesters(
            context, matches[:MAX_CARDS], result, is_whole=not query
        ),
        "counts": partial(counts, context),
        "state": partial(_state, context, states),
        "favourites": {course.course_id for course in context.favourites},
        "result": context.say("found", count=total) if query else "",
        "meant": context.say("search-corrected", query=query, meant=meant)
        if meant
        else "",
        "more": max(total - MAX_CARDS, 0),
    }


def _state(context: PageContext, states: Mapping[str, str], course: Course) -> Badge:
    """Return whether questions about a course are answered."""
    return badge(context, "page-course", states.get(course.dataset, "reading"))


def _list_semesters(
    context: PageContext,
    matches: Sequence[FoundCourse],
    result: SearchResult,
    *,
    is_whole: bool,
) -> list[tuple[int, str, list[Card]]]:
    totals = context.courses.semesters
    terms = defaultdict[int, list[Card]](list)
    for match in matches:
        course = match.course
        name = mark_matches(course.title(context.language), result)
        about = mark_matches(course.about(context.language), result)
        is_why = any(hit for _, hit in about) and not any(hit for _, hit in name)
        found_in = match.found_in[:MAX_MATERIALS]
        terms[course.semester].append((course, name, about, is_why, found_in))
    listed = []
    for semester, cards in sorted(terms.items()):
        total = totals[semester]
        listed.append(
            (semester, _count(context, total if is_whole else len(cards), total), cards)
        )
    return listed


def _count(context: PageContext, shown_count: int, total: int) -> str:
    if shown_count == total:
        return str(total)
    return context.say("some-of", here=shown_count, total=total)


def counts(context: PageContext, course: Course) -> str:
    """Return "8 лекций · 4 семинара · 5 лаб."."""
    by_kind = course.counts
    labels = [
        context.say(f"count-{kind}", count=by_kind[kind])
        for kind in KINDS
        if by_kind.get(kind)
    ]
    return " · ".join(labels) or context.say("count-none")


_ENDING = re.compile(r"\.([a-z0-9]{1,5})$", re.ASCII | re.IGNORECASE)


@router.get("/courses/{course_id}")
async def course(context: PublicContext, course_id: Id, type: str = "") -> Response:  # noqa: A002
    """Return a course's page."""
    details = await context.read(courses.read_details, context.actor, course_id)
    kind = type if type in KINDS else ""
    view = {
        "course": details.course,
        "details": details,
        "kinds": KINDS,
        "kind": kind,
        "about": partial(about, context),
        "bot_href": await context.services.read(bot_href, details.course),
    }
    return render_page(context, "course.html", view)


def bot_href(ctx: Context, course: Course) -> str:
    """Return the link that opens the bot on a course, "" if unknown."""
    return bot_link(ctx, f"course_{course.slug}")


async def find_course(context: PublicContext, course_id: Id) -> Course:
    """Return a course. Raises NotFound for an inactive one, unless the person edits it."""
    return await context.read(courses.get, context.actor, course_id)


OneCourse = Annotated[Course, Depends(find_course)]


def about(context: PageContext, material: Material) -> str:
    """Return "Лекция 3 · Текст", or the host of its file."""
    labels = [context.say(f"lesson-{material.kind}", lesson=material.lesson)]
    host, kind = describe_file(context, material.file_url)
    if material.text:
        labels.append(context.say("text"))
    elif host:
        labels += [kind, context.say("at-host", host=host)]
    return " · ".join(labels)


def describe_file(context: PageContext, url: str) -> tuple[str, str]:
    """Return host and kind of a file: "PDF" by the extension of its address, else "Файл".

    The host is "" if the address is not HTTPS.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    host = parts.scheme == "https" and parts.hostname
    ending = _ENDING.search(parts.path)
    return host or "", ending[1].upper() if ending else context.say("file")


@router.get("/courses/{course_id}/materials/{material_id}")
async def material(context: PublicContext, course_id: Id, material_id: Id) -> Response:
    """Return a material's page; the material must belong to this course."""
    material_view = await context.read(
        courses.read_material, context.actor, course_id, material_id
    )
    course = material_view.course
    shown = material_view.material
    materials = material_view.materials
    alike = [other for other in materials if other.kind == shown.kind]
    place = alike.index(shown)
    addresses = tuple(
        (other.text, f"{course_href(course)}/materials/{other.material_id}")
        for other in materials
        if other.text
    )
    body, contents = await asyncio.to_thread(
        render_markdown,
        material_view.text or "",
        context.language,
        shown.text,
        addresses,
    )
    host, kind = describe_file(context, shown.file_url)
    view = {
        "course": course,
        "material": shown,
        "body": body,
        "contents": contents,
        "host": host,
        "file_kind": kind,
        "before": alike[place - 1] if place else None,
        "after": alike[place + 1] if place + 1 < len(alike) else None,
    }
    return render_page(context, "material.html", view)
