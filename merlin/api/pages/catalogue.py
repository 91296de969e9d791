"""The catalogue: all courses by semester, and those among them that a person looks for.

/                closed: «ВСЕ КУРСЫ» asks for the list when it is opened
/?all=1          open
/?q=графы        open, what was found
/courses?q=…     the list alone, for the script that puts it in its place
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.answering import part, same, shown, tagged
from merlin.api.pages.finding import Found, Piece, everything, find
from merlin.api.pages.frame import course_href
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit, Visiting
from merlin.core.web.answering import seen_other
from merlin.course.catalogue import KINDS
from merlin.course.search import LONGEST

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# More cards than this nobody reads; a word in the field finds the others.
MOST = 240


@dataclass(frozen=True, slots=True)
class Card:
    """One course; `is_why`: only its description says why it was found."""

    course_id: int
    href: str
    title: str
    name: tuple[Piece, ...]
    about: tuple[Piece, ...]
    counts: str
    is_kept: bool
    is_why: bool


@dataclass(frozen=True, slots=True)
class Term:
    """One semester; `count` is "4", or "1 из 4" while something is looked for."""

    title: str
    count: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class ListView:
    """The list; `said` tells who cannot see it what was found, `meant` what was taken for it."""

    query: str
    count: str
    terms: tuple[Term, ...]
    said: str = ""
    meant: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """The front page; `list` None while nobody has opened it."""

    query: str
    count: str
    list: ListView | None


@router.get("/")
async def front(visit: Visiting, q: str = "", all: str = "") -> Response:  # noqa: A002 - the address
    """Return the front page."""
    query = _query(q)
    tag, unchanged = same(visit)
    if unchanged is not None:
        return unchanged
    listed = await listing(visit, query) if query or all else None
    total = str(len(visit.shelf.courses))
    view = CatalogueView(query, listed.count if listed else total, listed)
    return tagged(shown(visit, "catalogue.html", v=view), tag)


@router.get("/courses")
async def course_list(visit: Visiting, q: str = "") -> Response:
    """Return the list alone; a person who comes here by hand gets the whole page."""
    query = _query(q)
    address = f"/?{urlencode({'q': query} if query else {'all': '1'})}"
    if "hx-request" not in visit.request.headers:
        return seen_other(address)
    tag, unchanged = same(visit)
    if unchanged is not None:
        unchanged.headers["HX-Replace-Url"] = address
        return unchanged
    response = part(visit, "list_part.html", v=await listing(visit, query))
    response.headers["HX-Replace-Url"] = address
    return tagged(response, tag)


async def listing(visit: Visit, query: str) -> ListView:
    """Return all courses by semester, or those that `query` finds, the best of each first."""
    rows, shelf, language = visit.services.rows, visit.shelf, visit.language
    if query:
        found = await visit.services.store.read(lambda: find(rows, shelf, query, language, MOST))
    else:
        found = everything(shelf, language, MOST)
    return ListView(
        query=query,
        count=_count(visit, found.total, len(shelf.courses)),
        terms=_terms(visit, found.courses, is_whole=not query),
        said=visit.say("found", count=found.total) if query else "",
        meant=visit.say("meant", query=query, meant=found.meant) if found.meant else "",
        more=found.total - len(found.courses),
    )


def _terms(visit: Visit, found: Sequence[Found], *, is_whole: bool) -> tuple[Term, ...]:
    totals = visit.shelf.semesters
    kept = {course.course_id for course in visit.kept}
    return tuple(
        Term(
            title=visit.say("semester", number=number),
            count=_count(visit, totals[number] if is_whole else len(here), totals[number]),
            cards=tuple(_card(visit, each, kept) for each in here),
        )
        for number, here in sorted(_by_semester(found).items())
    )


def _query(text: str) -> str:
    return " ".join(text[:LONGEST].split())


def _by_semester(found: Sequence[Found]) -> Mapping[int, list[Found]]:
    terms: dict[int, list[Found]] = {}
    for each in found:
        terms.setdefault(each.course.semester, []).append(each)
    return terms


def _count(visit: Visit, here: int, total: int) -> str:
    return str(total) if here == total else visit.say("some-of", here=here, total=total)


def _card(visit: Visit, found: Found, kept: Collection[int]) -> Card:
    course = found.course
    in_name = any(piece.is_hit for piece in found.name)
    in_about = any(piece.is_hit for piece in found.about)
    return Card(
        course_id=course.course_id,
        href=course_href(course),
        title=course.title(visit.language),
        name=found.name,
        about=found.about,
        counts=counts(visit, course.course_id),
        is_kept=course.course_id in kept,
        is_why=in_about and not in_name,
    )


def counts(visit: Visit, course_id: int) -> str:
    """Return "8 лекций · 4 семинара · 5 лаб."."""
    numbers = visit.shelf.kinds.get(course_id, {})
    said = [visit.say(f"count-{kind}", count=numbers[kind]) for kind in KINDS if numbers.get(kind)]
    return " · ".join(said) or visit.say("count-none")
