"""What a person talked about with the bots: sessions, turns, and ratings of answers.

Read and deleted by that person alone. A correction goes to the editors, masked, and only with the
person's consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, Reader, RequiredAccess
from merlin.api.problems import Language, problems
from merlin.api.schema import Body, Id, Part, Shape, operation_router, read_cursor
from merlin.app import feedback, sessions
from merlin.app.sessions import SessionView, TurnView
from merlin.chat.feedback import Rating
from merlin.core.clock import iso
from merlin.dataset.proposals import MOST_LETTERS

rating_router = operation_router(prefix="/api/user/turns/{turn_id}/rating", tags=["ratings"])

Writer = Annotated[Caller, Depends(RequiredAccess(Scope.CHAT_WRITE))]
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


@rating_router.get("", summary="Show my rating of an answer", responses=problems(404))
async def show_rating(turn_id: Id, caller: Reader) -> RatingView:
    """Return what the caller thinks of an answer of theirs."""
    turn = await caller.read(sessions.get_turn, turn_id)
    return RatingView(value=turn.rating)


@rating_router.post("", summary="Rate an answer", responses=problems(404, 409))
async def rate(turn_id: Id, body: RatingBody, caller: Writer, language: Language) -> RatingView:
    """Keep what the caller thinks of an answer; a correction waits for an editor."""
    draft = await caller.write(feedback.rate, turn_id, body.value, body.correction, language)
    return RatingView.of({"value": body.value, "correction": draft}, language)


@rating_router.delete("", summary="Take my rating back", status_code=204, responses=problems(404))
async def unrate(turn_id: Id, caller: Writer) -> None:
    """Forget what the caller thinks of an answer; harmless where there is nothing."""
    await caller.write(feedback.take_rating_back, turn_id)


session_router = operation_router(prefix="/api/user/sessions", tags=["sessions"])


SessionList = TypedDict("SessionList", {"sessions": Sequence[SessionView]})


TurnList = TypedDict("TurnList", {"turns": Sequence[TurnView]})


@session_router.get("", summary="List my sessions")
async def list_sessions(caller: Reader, page: Part) -> SessionList:
    """Return the sessions of private chats, the newest used first."""
    key = read_cursor(page.cursor, str, int)
    after = None if key is None else (str(key[0]), int(key[1]))
    found = await caller.read(sessions.recent, page.size + 1, after)
    sort = (lambda each: iso(each.touched_at), lambda each: each.id)
    return {"sessions": page.cut(found, *sort)}


@session_router.get("/{session_id}", summary="Show a session of mine", responses=problems(404))
async def show_session(session_id: Id, caller: Reader) -> SessionView:
    """Return one session."""
    return await caller.read(sessions.get, session_id)


@session_router.get(
    "/{session_id}/turns", summary="List the turns of a session of mine", responses=problems(404)
)
async def list_turns(session_id: Id, caller: Reader, page: Part) -> TurnList:
    """Return the turns of one session, oldest first."""
    found = await caller.read(sessions.turns, session_id, page.size + 1, page.after(0))
    return {"turns": page.cut(found, lambda each: each.id)}


@session_router.delete(
    "/{session_id}", summary="Delete a session of mine", status_code=204, responses=problems(404)
)
async def delete_session(session_id: Id, caller: Writer) -> None:
    """Delete a session with its turns; what plans counted stays counted."""
    await caller.write(sessions.delete, session_id)
