"""A cache of catalogue answers, kept as bytes until the catalogue changes.

    GET of the catalogue ── cached? ── the bytes, or 304 if the client has them
                         └─ else ───── the route, in a reading thread; then cached

An answer is identified by the catalogue's version, path, query and language; its ETag is their
hash. So a 304 needs no database, and a cached answer neither database nor route. `cache_layer` runs
inside `request_guard` and the rate limits, so cached answers get the same headers, log lines and
metrics. Personal answers are not cached, but have ETags too (`etag_of`).

`CatalogueCache` does not query the version for each call: a task reads it after every change of the
database. While the database is unreachable the last version stays: old answers are better than
none. Another task rebuilds the search vocabulary after a change of the catalogue; otherwise the
first mistyped query would wait for it, a second with many courses.
"""

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
from merlin.api.problems import PUBLIC, headers_of, language_of_request, may_ask_catalogue
from merlin.api.services import ApiServices, services_of
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import NotFound
from merlin.core.web.assets import sent_etags, takes_gzip
from merlin.core.web.browser import language_of_header
from merlin.course.catalogue import Catalogue

POLL_INTERVAL_S = 1.0


CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"
# Bytes that an entry needs besides its body.
_OVERHEAD = 1024


@dataclass(slots=True)
class CachedAnswer:
    """One complete answer; `link` is its Link header, `packed` its gzipped body once compressed.

    `tag` is its ETag without quotes, `route` the route that created it.
    """

    body: bytes
    tag: str
    link: str = ""
    route: object = None
    packed: bytes | None = None


class CatalogueCache:
    """The newest known version of the catalogue and cached answers of one version.

    `version` is None until first read. The least recently used answers are evicted.
    """

    def __init__(self, most_bytes: int) -> None:
        self.version: int | None = None
        self._most_bytes = most_bytes
        self._bytes = 0
        self._of: int | None = None
        self._answers: OrderedDict[str, CachedAnswer] = OrderedDict()

    async def poll_version(self, ctx: Context) -> None:
        """Read the version. Raises MerlinError."""
        self.version = await ctx.read(lambda ctx: Catalogue(ctx.db).version())

    def find(self, tag: str) -> CachedAnswer | None:
        """Return the cached answer with this tag, or None."""
        answer = self._answers.get(tag)
        if answer is not None:
            self._answers.move_to_end(tag)
        return answer

    def store(self, version: int, answer: CachedAnswer) -> None:
        """Cache an answer of a version just read; answers of other versions are dropped."""
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


def _size(answer: CachedAnswer) -> int:
    # Twice: the gzipped body may be added.
    return 2 * len(answer.body) + _OVERHEAD


def etag_of(seed: bytes) -> str:
    """Return a strong ETag for the data that an answer depends on."""
    return f'"{hashlib.blake2b(seed, digest_size=16).hexdigest()}"'


def not_modified(request: Request, tag: str, language: str) -> Response | None:
    """Return 304 if the request has this tag, else None."""
    if not sent_etags(request.headers) & {tag, "*"}:
        return None
    return with_etag(
        Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers_of(language)), tag
    )


def with_etag(response: Response, tag: str) -> Response:
    """Add the headers of a personal answer: its ETag, private, revalidated on each use."""
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Language, Authorization, Cookie"
    return response


# Compressing shorter bodies saves nothing.
SMALL = 700
# Longer headers are truncated; parsed headers are memoized.
MAX_HEADER_LENGTH = 500
_language = lru_cache(1024)(language_of_header)
_packs = lru_cache(256)(takes_gzip)


def cache_layer(app: ASGIApp) -> ASGIApp:
    """Return middleware that answers from the cache."""

    async def answer_from_cache(scope: Scope, receive: Receive, send: Send) -> None:
        reply = app
        if scope["type"] == "http" and may_ask_catalogue(scope):
            catalogue_request = scope["state"]["catalogue_request"] = CatalogueRequest(scope)
            tag = catalogue_request.tag(catalogue_request.cache.version)
            answer = catalogue_request.cache.find(tag)
            if answer is not None:
                scope["route"] = answer.route  # for the counters
                reply = await catalogue_request.response(answer)
        await reply(scope, receive, send)

    return answer_from_cache


class CatalogueRequest:
    """A request to the catalogue, with its language, encoding and ETags."""

    __slots__ = ("_known", "_packs", "_scope", "cache", "language", "services")

    def __init__(self, scope: Scope) -> None:
        self.services: ApiServices = scope["app"].state.services
        self.cache: CatalogueCache = scope["app"].state.catalogue
        headers = Headers(scope=scope)
        languages, encodings = (
            ", ".join(headers.getlist(name)) for name in ("accept-language", "accept-encoding")
        )
        self.language = _language(languages[:MAX_HEADER_LENGTH], self.services.config.language)
        self._scope = scope
        self._known = sent_etags(headers)
        self._packs = _packs(encodings[:MAX_HEADER_LENGTH])

    def tag(self, version: int | None) -> str:
        """Return the ETag, without quotes, of the answer at a version of the catalogue.

        It is "" if the version is not known yet.
        """
        if version is None:
            return ""
        # Includes the program's version: another one may format the same data differently.
        query = self._scope["query_string"].decode("latin-1")
        parts = (__version__, str(version), self._scope["path"], query, self.language)
        content = "\0".join(parts).encode("utf-8", "replace")
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    def not_modified(self, tag: str, *, exists: bool = False) -> Response | None:
        """Return 304 if the client has this answer, else None; "*" is any answer that `exists`."""
        for is_packed in (True, False) if tag else ():
            headers = self._headers(tag, is_packed=is_packed)
            if headers["ETag"] in self._known or (exists and "*" in self._known):
                return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return None

    async def response(self, answer: CachedAnswer) -> Response:
        """Return the answer, or 304 if the client has it."""
        unchanged = self.not_modified(answer.tag, exists=True)
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
        """Return the headers that 200 and 304 have in common."""
        return {
            "ETag": f'"{tag}-gzip"' if is_packed else f'"{tag}"',
            "Cache-Control": CACHE_CONTROL,
            "Content-Language": self.language,
            "Vary": "Accept-Language, Accept-Encoding",
            **PUBLIC,
        }


# Attempts to build an answer while the catalogue changes.
_TRIES = 3
PRIVATE = "private, no-store"
# Returns the data in a language, JSON-serializable, and the Link header, "" for none; runs in a
# thread that may read rows.
MakeAnswer = Callable[[Context, str], tuple[object, str]]


async def catalogue_answer(request: Request, make: MakeAnswer) -> Response:
    """Return a public answer, cached with an ETag until the catalogue changes."""
    catalogue_request: CatalogueRequest = request.state.catalogue_request
    cached_tag = catalogue_request.tag(catalogue_request.cache.version)
    unchanged = catalogue_request.not_modified(cached_tag)
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

    result = await catalogue_request.services.read(read)
    if result is None:  # it changed during each read: answer without caching
        return await private_answer(request, make)
    version, body, link = result
    answer = CachedAnswer(body, catalogue_request.tag(version), link, request.scope.get("route"))
    catalogue_request.cache.store(version, answer)
    return await catalogue_request.response(answer)


async def private_answer(request: Request, make: MakeAnswer) -> Response:
    """Return an answer that only this caller may store."""
    language = language_of_request(request)
    content, link = await services_of(request).read(make, language)
    headers = {**headers_of(language), "Cache-Control": PRIVATE}
    if link:
        headers["Link"] = link
    return Response(to_json(content), headers=headers, media_type="application/json")


async def course_answer(
    request: Request, make: Callable[[Actor, Context, str], tuple[object, str]]
) -> Response:
    """Return the answer about one course; an inactive one is visible to its editors only.

    Raises NotFound, from `make`, if the course does not exist for the caller.
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
