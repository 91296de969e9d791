"""Answers about the catalogue, kept as bytes until the catalogue says something else.

    GET of the catalogue ── kept? ── its bytes, or 304 for who has them already
                         └─ else ─── the route: made in a reading thread, then kept

An answer is known by the version of the catalogue, its path and query, and the language; all of
that is its ETag. So "not modified" needs no database, and a kept answer neither database nor route.
`cache_layer` stands within `request_guard` and the limits, so a kept answer has the headers, the
log line and the count of any other; the description of the api names the routes, which answer
alike. What belongs to a person is not kept, but is known again by a tag of its own (`tag_of`).

`CatalogueCache` knows which version is the newest without asking for each call: a task looks at the
wake counter several times a second, and at the version when it has moved. What was known stays
while the database is silent: old answers are better than none. Another learns the words of the
catalogue once it changed; else the first mistyped query after a change would wait for that, with
many courses a second.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus

from pydantic_core import to_json
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from merlin import __version__
from merlin.account.api_keys import Scope as KeyScope
from merlin.api.auth import identify_caller
from merlin.api.problems import headers_of, language_of_request
from merlin.api.services import ApiServices, services_of
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import NotFound
from merlin.core.web.browser import language_of_header
from merlin.course.catalogue import Catalogue
from merlin.db.processes import read_change_counter

LOOK_S = 0.2


CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"
# What an entry costs beside its bytes.
_OVERHEAD = 1024


@dataclass(slots=True)
class CachedAnswer:
    """One whole answer; `link` is its Link header, "" for none, `packed` its gzip once made.

    `tag` is its ETag without quotes, `route` the route that made it.
    """

    body: bytes
    tag: str
    link: str = ""
    route: object = None
    packed: bytes | None = None


class CatalogueCache:
    """The newest version that this process has heard of, and the answers of one version.

    `version` is None before it heard of any. Answers that nobody asked for the longest make room
    for others.
    """

    def __init__(self, most_bytes: int) -> None:
        self.version: int | None = None
        self._most_bytes = most_bytes
        self._bytes = 0
        self._of: int | None = None
        self._answers: OrderedDict[str, CachedAnswer] = OrderedDict()
        self._counter: int | None = None
        self._learnt: int | None = None

    async def look(self, ctx: Context) -> None:
        """Read the version if anything was written since the last look. Raises MerlinError."""
        before = self._counter

        def read(ctx: Context) -> tuple[int, int | None]:
            counter = read_change_counter(ctx.db)
            return counter, Catalogue(ctx.db).version() if counter != before else None

        self._counter, version = await ctx.read(read)
        if version is not None:
            self.version = version

    async def learn(self, ctx: Context) -> None:
        """Learn the words of the version, once."""
        if self.version != self._learnt:
            self._learnt = self.version
            await ctx.read(courses.learn_vocabulary)

    def find(self, tag: str) -> CachedAnswer | None:
        """Return the answer with this tag, None where none is kept."""
        answer = self._answers.get(tag)
        if answer is not None:
            self._answers.move_to_end(tag)
        return answer

    def keep(self, version: int, answer: CachedAnswer) -> None:
        """Keep an answer of a version that was just read; those of another version go."""
        self.version = max(version, self.version or version)
        if version != self._of:
            self._answers.clear()
            self._of, self._bytes = version, 0
        size = _size(answer)
        if size > self._most_bytes // 4 or answer.tag in self._answers:
            return
        self._answers[answer.tag] = answer
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._bytes -= _size(self._answers.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._answers)


def _size(answer: CachedAnswer) -> int:
    # Twice: the packed form may come to it.
    return 2 * len(answer.body) + _OVERHEAD


def tag_of(seed: bytes) -> str:
    """Return a strong tag of all that an answer depends on."""
    return f'"{hashlib.blake2b(seed, digest_size=16).hexdigest()}"'


def not_modified(request: Request, tag: str, language: str) -> Response | None:
    """Return the word that the caller has the answer with this tag, None where that is not so."""
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if not known & {tag, f"W/{tag}", "*"}:
        return None
    return tagged(Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers_of(language)), tag)


def tagged(response: Response, tag: str) -> Response:
    """Return an answer that nobody but its caller may keep, and asks again before it is shown."""
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Language, Authorization, Cookie"
    return response


PLACES = ("/api/courses", "/api/search", "/api/semesters", "/api/teachers")
# Below this, packing gains nothing.
SMALL = 700
# Longer headers of this kind are nobody's; what was read of them is remembered.
LONGEST = 500
_language = lru_cache(1024)(language_of_header)


def cache_layer(app: ASGIApp) -> ASGIApp:
    """Return a layer of the application that answers what is kept."""

    async def answer_kept(scope: Scope, receive: Receive, send: Send) -> None:
        is_get = scope["type"] == "http" and scope["method"] == "GET"
        reply = app
        if is_get and scope["path"].startswith(PLACES):
            catalogue_request = scope["state"]["asked"] = CatalogueRequest(scope)
            version = catalogue_request.cache.version
            answer = (
                None
                if version is None
                else catalogue_request.cache.find(catalogue_request.tag(version))
            )
            if answer is not None:
                scope["route"] = answer.route  # for the counters
                reply = await catalogue_request.response(answer)
        await reply(scope, receive, send)

    return answer_kept


class CatalogueRequest:
    """A call about the catalogue, and in what form it wants its answer."""

    __slots__ = ("_known", "_packs", "_scope", "cache", "language", "services")

    def __init__(self, scope: Scope) -> None:
        self.services: ApiServices = scope["app"].state.services
        self.cache: CatalogueCache = scope["app"].state.catalogue
        headers = Headers(scope=scope)
        wanted, packs, known = (
            ", ".join(headers.getlist(name))
            for name in ("accept-language", "accept-encoding", "if-none-match")
        )
        self.language = _language(wanted[:LONGEST], self.services.config.language)
        self._scope = scope
        self._known = {one.strip().removeprefix("W/") for one in known.split(",")}
        self._packs = takes_gzip(packs[:LONGEST])

    def tag(self, version: int) -> str:
        """Return the ETag, without quotes, of the answer at a version of the catalogue."""
        # The program's own version too: a newer one may say the same in another form.
        query = self._scope["query_string"].decode("latin-1")
        parts = (__version__, str(version), self._scope["path"], query, self.language)
        content = "\0".join(parts).encode("utf-8", "replace")
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    def not_modified(self, tag: str) -> Response | None:
        """Return the word that the caller has the answer already, None where that is not so."""
        for is_packed in (True, False):
            headers = self._headers(tag, is_packed=is_packed)
            if headers["ETag"] in self._known:
                return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return None

    async def response(self, answer: CachedAnswer) -> Response:
        """Return the answer, or word that it is the one that the caller has."""
        unchanged = self.not_modified(answer.tag)
        if unchanged is not None:
            return unchanged
        is_packed = self._packs and len(answer.body) > SMALL
        if is_packed and answer.packed is None:
            answer.packed = await asyncio.to_thread(gzip.compress, answer.body, 6, mtime=0)
        headers = self._headers(answer.tag, is_packed=is_packed)
        if answer.link:
            headers["Link"] = answer.link
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        body = answer.packed if is_packed else answer.body
        return Response(body, HTTPStatus.OK, headers, "application/json")

    def _headers(self, tag: str, *, is_packed: bool) -> dict[str, str]:
        """Return the headers that "not modified" has too."""
        return {
            "ETag": f'"{tag}-gzip"' if is_packed else f'"{tag}"',
            "Cache-Control": CACHE_CONTROL,
            "Content-Language": self.language,
            "Vary": "Accept-Language, Accept-Encoding",
            # Anybody may read the catalogue, pages of other sites too.
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "ETag, Link, X-Request-Id",
        }


@lru_cache(256)
def takes_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header takes gzip (RFC 9110, 12.5.3)."""
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


# How often an answer is begun anew because the catalogue changed while it was made.
_TRIES = 3
PRIVATE = "private, no-store"
# Returns what is said in a language, as JSON will, and the Link header of a part of a list, ""
# for none; called in a thread that may read the rows.
MakeAnswer = Callable[[Context, str], tuple[object, str]]


async def catalogue_answer(request: Request, make: MakeAnswer) -> Response:
    """Return the answer for anybody; kept, with an ETag, until the catalogue changes."""
    catalogue_request: CatalogueRequest = request.state.asked
    known = catalogue_request.cache.version
    unchanged = (
        None if known is None else catalogue_request.not_modified(catalogue_request.tag(known))
    )
    if unchanged is not None:
        return unchanged

    def read(ctx: Context) -> tuple[int, bytes, str] | None:
        version = Catalogue(ctx.db).version()
        for _ in range(_TRIES):
            content, link = make(ctx, catalogue_request.language)
            before, version = version, Catalogue(ctx.db).version()
            if before == version:
                return version, to_json(content), link
        return None

    made = await catalogue_request.services.read(read)
    if made is None:  # it changes faster than it can be read; the next call will do
        return await private_answer(request, make)
    version, body, link = made
    answer = CachedAnswer(body, catalogue_request.tag(version), link, request.scope.get("route"))
    catalogue_request.cache.keep(version, answer)
    return await catalogue_request.response(answer)


async def private_answer(request: Request, make: MakeAnswer) -> Response:
    """Return the answer for this caller alone."""
    language = language_of_request(request)
    content, link = await services_of(request).read(make, language)
    headers = {**headers_of(language), "Cache-Control": PRIVATE}
    if link:
        headers["Link"] = link
    return Response(to_json(content), headers=headers, media_type="application/json")


async def course_answer(
    request: Request, make: Callable[[Actor, Context, str], tuple[object, str]]
) -> Response:
    """Return the answer about one course; one that is not active is for those who edit it.

    `make` raises NotFound for a course that is not there for the actor, and so does this.
    """
    try:
        return await catalogue_answer(request, partial(make, Actor()))
    except NotFound:
        if not {"authorization", "cookie"} & set(request.headers.keys()):
            raise
        caller = await identify_caller(request)
        if not caller.has(KeyScope.COURSES_READ):
            raise
        return await private_answer(request, partial(make, caller.actor))
