"""ETags, and a small cache of the catalogue's answers.

An answer is identified by the catalogue's version, path, query and language; its ETag is their
hash. So a cached answer and a 304 need no database.

The version is not read for each call: a task reads it after every change of the database. While the
database is unreachable the last version stays: old answers are better than none.
"""

import hashlib
from collections.abc import Callable
from http import HTTPStatus

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from merlin import __version__
from merlin.api.problems import headers_of, language_of_request
from merlin.api.services import services_of
from merlin.app.context import Context
from merlin.core.web.assets import sent_etags
from merlin.course.catalogue import Catalogue

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"
# Of the largest catalogue, some megabytes.
MAX_ANSWERS = 256
# Returns the data in a language, JSON-serializable; runs in a thread that may read rows.
MakeAnswer = Callable[[Context, str], object]


class CatalogueCache:
    """The newest known version of the catalogue, None until first read, and answers by their ETag.

    A full cache starts anew.
    """

    def __init__(self) -> None:
        self.version: int | None = None
        self.answers: dict[str, bytes] = {}

    async def poll_version(self, ctx: Context) -> None:
        """Read the version. Raises MerlinError."""
        self.version = await ctx.read(lambda ctx: Catalogue(ctx.db).version())

    def store(self, version: int, tag: str, answer: bytes) -> None:
        """Cache an answer of a version just read."""
        self.version = max(version, self.version or version)
        if len(self.answers) >= MAX_ANSWERS:
            self.answers.clear()
        self.answers[tag] = answer


def _tag(request: Request, version: int | None, language: str) -> str:
    # Includes the program's version: another one may format the same data differently.
    path = request.scope["path"]
    query = request.scope["query_string"].decode("latin-1")
    parts = (__version__, str(version), path, query, language)
    seed = "\0".join(parts).encode("utf-8", "replace")
    return f'"{hashlib.blake2b(seed, digest_size=16).hexdigest()}"'


async def catalogue_answer(request: Request, make: MakeAnswer) -> Response:
    """Return a public answer, cached with an ETag until the catalogue changes."""
    cache: CatalogueCache = request.app.state.catalogue
    language = language_of_request(request)
    known = sent_etags(request.headers)
    tag = _tag(request, cache.version, language)
    answer = cache.answers.get(tag)
    if answer is None and tag not in known:

        def read(ctx: Context) -> tuple[int, bytes]:
            with ctx.db.snapshot():
                return Catalogue(ctx.db).version(), to_json(make(ctx, language))

        version, content = await services_of(request).read(read)
        tag = _tag(request, version, language)
        answer = content
        cache.store(version, tag, content)
    headers = {**headers_of(language), "Cache-Control": CACHE_CONTROL, "ETag": tag}
    if known & {tag, "*"}:
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    return Response(answer, HTTPStatus.OK, headers, "application/json")
