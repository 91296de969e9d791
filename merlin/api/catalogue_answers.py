"""Answers about the catalogue: made in a reading thread, remembered by version, kept as bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from merlin.account.key import Scope as KeyScope
from merlin.account.role import Permission
from merlin.api.caller import caller_of
from merlin.api.kept import Answer
from merlin.api.language import headers_of, language_of_request
from merlin.api.quick import Asked
from merlin.api.services import ApiServices
from merlin.core.errors import NotFound
from merlin.course.catalogue import Course

# How often an answer is begun anew because the catalogue changed while it was made.
_TRIES = 3
PRIVATE = "private, no-store"


@dataclass(frozen=True, slots=True)
class Said:
    """What a route says, as JSON will; `link` is the Link header of a part of a list."""

    value: object
    link: str = ""


# Makes what is said in a language; called in a thread that may read the rows.
Saying = Callable[[str], Said]


class _Sent(Response):
    """An answer that is sent in the form that the caller wants."""

    def __init__(self, asked: Asked, answer: Answer) -> None:
        super().__init__()
        self._asked = asked
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await self._asked.answer(self._answer, send)


class _Unchanged(Response):
    """Word that the caller has the answer already."""

    def __init__(self, asked: Asked, tag: str, *, is_packed: bool) -> None:
        super().__init__(status_code=304)
        self._asked, self._tag, self._is_packed = asked, tag, is_packed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await self._asked.not_modified(self._tag, send, is_packed=self._is_packed)


async def catalogue_answer(request: Request, saying: Saying) -> Response:
    """Return the answer for anybody; kept, with an ETag, until the catalogue changes."""
    asked: Asked = request.state.asked
    state = asked.state
    version = state.freshness.version
    if version is not None and asked.is_conditional:
        tag = asked.key.tag(version)
        form = asked.form_of(tag)
        if form is not None:
            return _Unchanged(asked, tag, is_packed=form)
    language = asked.key.language
    read = await state.services.store.read(lambda: _made(state.services, saying, language))
    if read is None:  # it changes faster than it can be read; the next call will do
        return await private_answer(request, saying)
    version, said, body = read
    state.freshness.saw(version)
    route = request.scope.get("route")
    answer = Answer(body, asked.key.tag(version), language, said.link, route)
    state.kept.keep(asked.key, version, answer)
    return _Sent(asked, answer)


def _made(services: ApiServices, saying: Saying, language: str) -> tuple[int, Said, bytes] | None:
    """Return what is said with its version, which is that before and after it was read."""
    courses = services.rows.courses
    version = courses.version()
    for _ in range(_TRIES):
        said = saying(language)
        before, version = version, courses.version()
        if before == version:
            return version, said, to_json(said.value)
    return None


async def private_answer(request: Request, saying: Saying) -> Response:
    """Return the answer for this caller alone."""
    services: ApiServices = request.app.state.services
    language = language_of_request(request)
    said = await services.store.read(lambda: saying(language))
    headers = {**headers_of(language), "Cache-Control": PRIVATE}
    if said.link:
        headers["Link"] = said.link
    return Response(to_json(said.value), headers=headers, media_type="application/json")


async def course_answer(
    request: Request, course_id: int, saying: Callable[[Course, str], Said]
) -> Response:
    """Return the answer about one course; one that is not active is for those who edit it.

    Raises NotFound.
    """
    services: ApiServices = request.app.state.services
    try:
        return await catalogue_answer(
            request, lambda language: saying(course_of(services, course_id), language)
        )
    except NotFound:
        hidden = await _hidden(request, services, course_id)
        if hidden is None:
            raise
        return await private_answer(request, lambda language: saying(hidden, language))


def course_of(services: ApiServices, course_id: int, *, active_only: bool = True) -> Course:
    """Return a course. Raises NotFound."""
    found = services.rows.listing.cards([course_id], active_only=active_only)
    if not found:
        raise NotFound(f"no course {course_id}", "course-unknown")
    return found[0]


async def _hidden(request: Request, services: ApiServices, course_id: int) -> Course | None:
    """Return a course that is not active, if the caller edits it."""
    if not {"authorization", "cookie"} & set(request.headers.keys()):
        return None
    caller = await caller_of(request)
    try:
        course = await services.store.read(
            lambda: course_of(services, course_id, active_only=False)
        )
    except NotFound:
        return None
    is_theirs = caller.may(Permission.EDIT_MATERIALS, course.slug)
    is_shown = not course.is_active and is_theirs and caller.has(KeyScope.COURSES_READ)
    return course if is_shown else None
