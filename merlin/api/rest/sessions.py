"""What a person talked about with the bots: sessions, turns, and ratings of answers.

Read and deleted by that person alone. A correction goes to the editors, masked, and only with the
person's consent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, require_access
from merlin.api.permissions import context_of
from merlin.api.problems import headers_of, language_of_request, problems
from merlin.api.schema import (
    USUAL,
    Body,
    Id,
    Page,
    Shape,
    cursor,
    links,
    page_of,
    read_cursor,
)
from merlin.app import feedback, sessions
from merlin.app.sessions import SessionView, TurnView
from merlin.chat.feedback import Rating
from merlin.core.clock import iso
from merlin.dataset.proposals import MOST_LETTERS

rating_router = APIRouter(prefix="/api/user/turns/{turn_id}/rating", tags=["ratings"])

Reader = Annotated[Caller, Depends(require_access(Scope.ACCOUNT_READ))]
Writer = Annotated[Caller, Depends(require_access(Scope.CHAT_WRITE))]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_LETTERS)
]


class RatingBody(Body):
    """What the person thinks of the answer."""

    value: Rating
    correction: Words | None = Field(
        default=None,
        description="how the answer should have been; needs the person's consent",
    )


class CorrectionView(Shape):
    """What editors read: personal data is masked."""

    dataset: str
    question: str
    answer: str


class RatingView(Shape):
    """What the person thinks of the answer now."""

    value: Rating | None = Field(description="null: nothing")
    correction: CorrectionView | None = Field(
        default=None, description="what has just been sent to the editors"
    )


@rating_router.get(
    "", summary="Show my rating of an answer", responses=problems(401, 403, 404, 422, 429)
)
async def show_rating(request: Request, turn_id: Id, caller: Reader) -> RatingView:
    """Return what the caller thinks of an answer of theirs."""
    turn = await context_of(request).read(sessions.get_turn, caller.actor, turn_id)
    return RatingView(value=turn.rating)


@rating_router.post("", summary="Rate an answer", responses=problems(401, 403, 404, 409, 422, 429))
async def rate(
    request: Request, response: Response, turn_id: Id, body: RatingBody, caller: Writer
) -> RatingView:
    """Keep what the caller thinks of an answer; a correction waits for an editor."""
    language = language_of_request(request)
    asked = (turn_id, body.value, body.correction, language)
    draft = await context_of(request).write(feedback.rate, caller.actor, *asked)
    response.headers.update(headers_of(language))
    shown = None
    if draft is not None:
        shown = CorrectionView(dataset=draft.dataset, question=draft.question, answer=draft.answer)
    return RatingView(value=body.value, correction=shown)


@rating_router.delete(
    "",
    summary="Take my rating back",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def unrate(request: Request, turn_id: Id, caller: Writer) -> None:
    """Forget what the caller thinks of an answer; harmless where there is nothing."""
    await context_of(request).write(feedback.take_rating_back, caller.actor, turn_id)


session_router = APIRouter(prefix="/api/user/sessions", tags=["sessions"])

Part = Annotated[Page, Depends(page_of)]


class SessionList(Shape):
    """A part of the sessions, the newest used first."""

    sessions: list[SessionView]


class TurnList(Shape):
    """A part of a session's turns, oldest first."""

    turns: list[TurnView]


@session_router.get("", summary="List my sessions", responses=problems(401, 403, 422, 429))
async def list_sessions(
    request: Request, response: Response, caller: Reader, page: Part
) -> SessionList:
    """Return the sessions of private chats, the newest used first."""
    limit, key = page.limit or USUAL, read_cursor(page.cursor, str, int)
    after = None if key is None else (str(key[0]), int(key[1]))
    found = await context_of(request).read(sessions.recent, caller.actor, limit + 1, after)
    shown, is_more = found[:limit], len(found) > limit
    following = cursor(iso(shown[-1].touched_at), shown[-1].id) if is_more else None
    response.headers.update(links(request, following))
    return SessionList(sessions=shown)


@session_router.get(
    "/{session_id}", summary="Show a session of mine", responses=problems(401, 403, 404, 422, 429)
)
async def show_session(request: Request, session_id: Id, caller: Reader) -> SessionView:
    """Return one session."""
    return await context_of(request).read(sessions.get, caller.actor, session_id)


@session_router.get(
    "/{session_id}/turns",
    summary="List the turns of a session of mine",
    responses=problems(401, 403, 404, 422, 429),
)
async def list_turns(
    request: Request, response: Response, session_id: Id, caller: Reader, page: Part
) -> TurnList:
    """Return the turns of one session, oldest first."""
    limit, after = page.limit or USUAL, read_cursor(page.cursor, int)
    asked = (session_id, limit + 1, int(after[0]) if after else 0)
    found = await context_of(request).read(sessions.turns, caller.actor, *asked)
    shown = found[:limit]
    following = cursor(shown[-1].id) if len(found) > limit else None
    response.headers.update(links(request, following))
    return TurnList(turns=shown)


@session_router.delete(
    "/{session_id}",
    summary="Delete a session of mine",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def delete_session(request: Request, session_id: Id, caller: Writer) -> None:
    """Delete a session with its turns; what plans counted stays counted."""
    await context_of(request).write(sessions.delete, caller.actor, session_id)
