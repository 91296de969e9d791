"""The catalogue: courses by semester, those looked for, favourites; a course, its materials.

/                all courses
/?q=графы        what was found
/courses?q=…     the list alone, for the script that puts it in its place

All that the pages know of the search lies here. Without a script «+» and «−» are buttons of one
form, and each leads back; with one the same buttons speak to /api/user/courses.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated
from urllib.parse import SplitResult, urlencode, urlsplit

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    PageRequest,
    Visiting,
    bot_href,
    course_href,
    render_fragment,
    render_page,
    same,
    say_next,
    sign_in_href,
)
from merlin.api.problems import Problem
from merlin.api.schema import MAX_ID, Id
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.courses import CourseDetails
from merlin.core.errors import NotFound
from merlin.core.web.assets import local_address, seen_other
from merlin.core.web.browser import read_cookie
from merlin.core.web.templates import Badge
from merlin.course.catalogue import KINDS, Course, Material
from merlin.course.search import LONGEST, Found, highlight_spans

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Chosen = Annotated[int | None, Form(ge=1, le=MAX_ID)]


@router.post("/favourites")
async def favourite(
    visit: Visiting,
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's field
    add: Chosen = None,
    remove: Chosen = None,
) -> Response:
    """Keep a course or let it go, and return to the page that asked."""
    back = local_address(next)
    if visit.user is None:
        return seen_other(sign_in_href(back))
    number = add or remove
    if number is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request")
    if add:
        await visit.write(courses.add_favourite, add)
    else:
        await visit.write(courses.remove_favourite, number)
    return say_next(visit, seen_other(back), "added" if add else "removed", number)


# Parts of a text, and whether their letters were found.
Pieces = list[tuple[str, bool]]


def marked(text: str, found: Found) -> Pieces:
    """Return the text in pieces, those that were found marked."""
    pieces, end = [], 0
    for start, stop in highlight_spans(text, found):
        pieces += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    pieces.append((text[end:], False))
    return [piece for piece in pieces if piece[0]]


# More cards than this nobody reads; a word in the field finds the others.
MOST = 240
# So many topics are offered where nothing was found, and so many words one has at most.
_TOPICS, _SHORT = 3, 2


# What the scripts note: a text that was not read to its end as "<course>.<material>.<percent>",
# and the semesters that are closed as "1.3".
READ_COOKIE, CLOSED_COOKIE = "merlin_read", "merlin_closed"
_READ = re.compile(r"(\d{1,15})\.(\d{1,15})\.(\d{1,2})", re.ASCII)


def _begun(cookie: str, ctx: Context, actor: Actor) -> dict[str, object] | None:
    """Return the text that the cookie names, how far it is read, and the minutes that are left.

    None where there is no such text for the actor.
    """
    match = _READ.fullmatch(cookie)
    if match is None:
        return None
    course_id, material_id, percent = map(int, match.groups())
    try:
        found = courses.material(ctx, actor, course_id, material_id)
    except NotFound:
        return None
    left = minutes(round(len(found.text or "") * (100 - percent) / 100))
    where = {"course": found.course, "material": found.material}
    return {**where, "percent": percent, "minutes": left}


def _closed(visit: PageRequest) -> set[int]:
    cookie = read_cookie(visit.request, CLOSED_COOKIE)
    return {int(each) for each in re.findall(r"\b[0-9]{1,4}\b", cookie)}


# A course, its name and description; only the description says why it was found.
Card = tuple[Course, Pieces, Pieces, bool]


@router.get("/")
async def front(visit: Visiting, q: str = "") -> Response:
    """Return the front page."""
    states = await visit.services.read(courses.chat_states)
    begun = await visit.read(partial(_begun, read_cookie(visit.request, READ_COOKIE)))
    tag, unchanged = same(visit, *sorted(states.items()), _closed(visit), begun)
    if unchanged is not None:
        return unchanged
    view = {"list": await listing(visit, _query(q), states), "begun": begun}
    return render_page(visit, "catalogue.html", view, tag=tag)


@router.get("/courses")
async def course_list(visit: Visiting, q: str = "") -> Response:
    """Return the list alone; a person who comes here by hand gets the whole page."""
    query = _query(q)
    address = f"/?{urlencode({'q': query})}" if query else "/"
    if "hx-request" not in visit.request.headers:
        return seen_other(address)
    states = await visit.services.read(courses.chat_states)
    tag, unchanged = same(visit, *sorted(states.items()), _closed(visit))
    if unchanged is not None:
        unchanged.headers["HX-Replace-Url"] = address
        return unchanged
    view = {"list": await listing(visit, query, states)}
    response = render_fragment(visit, "list_part.html", view, tag=tag)
    response.headers["HX-Replace-Url"] = address
    return response


async def listing(visit: PageRequest, query: str, states: Mapping[str, str]) -> dict[str, object]:
    """Return all courses by semester, or those that `query` finds, the best of each first.

    `terms` are semesters with their cards and how many there are ("4", or "1 из 4"). `said` tells
    who cannot see it what was found, `meant` what was taken for it.
    """
    every, here, found = visit.courses.courses, visit.courses.courses, Found()
    if query:
        hits, found = await visit.services.read(courses.search, query, max(len(every), 1))
        here = [hit for hit in hits if hit.course_id in visit.courses.by_id]
    total, meant = len(here), found.suggestion
    return {
        "query": query,
        "count": _count(visit, total, len(every)),
        "terms": _terms(visit, here[:MOST], found, is_whole=not query),
        "counts": partial(counts, visit),
        "state": partial(_state, visit, states),
        "closed": _closed(visit),
        "topics": _topics(visit) if not total else [],
        "favourites": {each.course_id for each in visit.favourites},
        "said": visit.say("found", count=total) if query else "",
        "meant": visit.say("meant", query=query, meant=meant) if meant else "",
        "more": max(total - MOST, 0),
    }


_STATES = {"ask": ("ok", "ask"), "training": ("run", "run"), "reading": ("", "lecture")}


def _state(visit: PageRequest, states: Mapping[str, str], course: Course) -> Badge:
    """Return whether a course may be asked about."""
    state = states.get(course.dataset, "reading")
    return Badge(*_STATES[state], visit.say(f"course-{state}"))


def _topics(visit: PageRequest) -> list[str]:
    """Return topics that find something: of a course each, from the list in its description."""
    topics = []
    for course in visit.courses.courses[:_TOPICS]:
        phrases = [
            each.strip() for each in re.split(r"[:;,]|\.\s", course.about(visit.language))[1:]
        ]
        short = (each for each in phrases if each[:1].isalpha() and len(each.split()) <= _SHORT)
        topics.append(next(short, course.title(visit.language)))
    return topics


def _terms(
    visit: PageRequest, here: Sequence[Course], found: Found, *, is_whole: bool
) -> list[tuple[int, str, list[Card]]]:
    totals, terms = visit.courses.semesters, defaultdict[int, list[Card]](list)
    for course in here:
        name = marked(course.title(visit.language), found)
        about = marked(course.about(visit.language), found)
        is_why = any(hit for _, hit in about) and not any(hit for _, hit in name)
        terms[course.semester].append((course, name, about, is_why))
    listed = []
    for semester, cards in sorted(terms.items()):
        total = totals[semester]
        listed.append((semester, _count(visit, total if is_whole else len(cards), total), cards))
    return listed


def _query(text: str) -> str:
    return " ".join(text[:LONGEST].split())


def _count(visit: PageRequest, here: int, total: int) -> str:
    return str(total) if here == total else visit.say("some-of", here=here, total=total)


def counts(visit: PageRequest, course: Course) -> str:
    """Return "8 лекций · 4 семинара · 5 лаб."."""
    by_kind = course.counts
    labels = [
        visit.say(f"count-{kind}", count=by_kind[kind]) for kind in KINDS if by_kind.get(kind)
    ]
    return " · ".join(labels) or visit.say("count-none")


# Letters that somebody reads in a minute: 180 words of a Russian lecture.
READ_PER_MINUTE = 1200
_ENDING = re.compile(r"\.([a-z0-9]{1,5})$", re.ASCII | re.IGNORECASE)


@router.get("/courses/{course_id}")
async def course(visit: Visiting, course_id: Id, type: str = "") -> Response:  # noqa: A002
    """Return a course's page."""

    def read(ctx: Context, actor: Actor) -> tuple[CourseDetails, str]:
        details = courses.details(ctx, actor, course_id)
        return details, bot_href(visit.services, details.course)

    details, bot = await visit.read(read)
    tag, unchanged = same(visit, tuple(sorted(details.lengths.items())), details.teachers, bot)
    if unchanged is not None:
        return unchanged
    kind = type if type in KINDS else ""
    view = {
        "course": details.course,
        "told": details,
        "kinds": KINDS,
        "kind": kind,
        "about": partial(about, visit),
        "bot_href": bot,
    }
    return render_page(visit, "course.html", view, tag=tag)


async def course_of(visit: Visiting, course_id: Id) -> Course:
    """Return a course. Raises NotFound for one that is not active, unless the person edits it."""
    return await visit.read(courses.get, course_id)


OneCourse = Annotated[Course, Depends(course_of)]


def about(visit: PageRequest, material: Material, length: int) -> str:
    """Return "Лекция 3 · Текст · 12 минут", or where its file lies."""
    labels = [visit.say(f"lesson-{material.kind}", lesson=material.lesson)]
    if material.text:
        labels.append(visit.say("text"))
        if length:
            labels.append(visit.say("minutes", count=minutes(length)))
    elif host_of(material.file_url):
        labels.append(file_kind(visit, material.file_url))
        labels.append(visit.say("at-host", host=host_of(material.file_url)))
    return " · ".join(labels)


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
