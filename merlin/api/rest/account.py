"""A person's account: usage, export, sessions, ratings.

Keys, name, password, signing out everywhere and erasure are on the page of the account: a stolen
key must not change them. Usage is the
remaining quota, this month's consumption, and all stored data of the person. Sessions and turns are
accessible to that person only.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field, StringConstraints
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import (
    Caller,
    Reader,
    RequiredAccess,
)
from merlin.api.problems import problems
from merlin.api.schema import Body, Id, Part, operation_router, read_cursor
from merlin.app import accounts, feedback, sessions
from merlin.app.accounts import OwnAccount, UsageView
from merlin.app.sessions import SessionView, TurnView
from merlin.chat.feedback import Rating
from merlin.core.clock import iso
from merlin.dataset.proposals import MAX_CHARACTERS

usage_router = operation_router(prefix="/api/user", tags=["usage"])

_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A JSON file with all stored data of the caller, decrypted",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@usage_router.get("/usage", summary="Get my usage and limits")
async def show_usage(caller: Reader) -> UsageView:
    """Return the remaining quota of each question format, and this month's usage."""
    return await caller.read(accounts.read_usage, caller.actor, caller.language)


@usage_router.get("/export", summary="Export my data", responses=_EXPORT)
async def export(caller: Reader) -> Response:
    """Return all stored data of the caller as one JSON file."""
    return await export_file(caller)


async def export_file(caller: Caller) -> Response:
    """Return the file with all data of a caller."""
    data = await caller.read(accounts.export, caller.actor)
    content = json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    headers = {"Content-Disposition": f'attachment; filename="merlin-{caller.user_id}.json"'}
    return Response(content, headers=headers, media_type="application/json")


me_router = operation_router(prefix="/api/user", tags=["me"])


@me_router.get("", summary="Get my account")
async def show_me(caller: Reader) -> OwnAccount:
    """Return the caller's account and permissions."""
    return await caller.read(accounts.read_own_account, caller.actor)


rating_router = operation_router(prefix="/api/user/turns/{turn_id}/rating", tags=["ratings"])

Writer = Annotated[Caller, Depends(RequiredAccess(Scope.CHAT_WRITE))]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_CHARACTERS)
]


class RatingBody(Body):
    """The rating of an answer."""

    value: Rating
    correction: Words | None = Field(
        default=None,
        description="Better answer, submitted to the editors; requires the person's consent.",
    )


# The correction as editors see it.
_Before = Annotated[
    Sequence[str],
    Field(description="Question and answer of the turn before, for a question that needs them."),
]
CorrectionView = TypedDict(
    "CorrectionView", {"dataset": str, "before": _Before, "question": str, "answer": str}
)
_Value = Annotated[Rating | None, Field(description="Rating; null if there is none.")]
_Correction = Annotated[
    CorrectionView | None,
    Field(description="Correction submitted with this call, personal data masked; else null."),
]
RatingView = TypedDict("RatingView", {"value": _Value, "correction": _Correction})


@rating_router.post("", summary="Rate an answer", responses=problems(409))
async def rate(turn_id: Id, body: RatingBody, caller: Writer) -> RatingView:
    """Rate an answer, or replace the rating; a correction is submitted to the editors."""
    draft = await caller.write(
        feedback.rate, caller.actor, turn_id, body.value, body.correction, caller.language
    )
    correction: CorrectionView | None = None
    if draft is not None:
        *before, question, answer = (message.content for message in draft.messages)
        correction = CorrectionView(
            dataset=draft.dataset, before=before, question=question, answer=answer
        )
    return {"value": body.value, "correction": correction}


@rating_router.delete("", summary="Delete my rating of an answer", status_code=204)
async def unrate(turn_id: Id, caller: Writer) -> None:
    """Delete the caller's rating of an answer; 204 even if there is none."""
    await caller.write(feedback.take_rating_back, caller.actor, turn_id)


session_router = operation_router(prefix="/api/user/sessions", tags=["sessions"])


SessionList = TypedDict("SessionList", {"sessions": Sequence[SessionView]})
TurnList = TypedDict("TurnList", {"turns": Sequence[TurnView]})


@session_router.get("", summary="List my sessions")
async def list_sessions(caller: Reader, page: Part) -> SessionList:
    """Return the caller's sessions in private chats, most recently used first."""
    after = read_cursor(page.cursor, str, int)
    views = await caller.read(sessions.list_recent, caller.actor, page.size + 1, after)
    sort = (lambda view: iso(view.last_used_at), lambda view: view.id)
    return {"sessions": page.take_part(views, *sort)}


@session_router.get("/{session_id}/turns", summary="List the turns of a session")
async def list_turns(session_id: Id, caller: Reader, page: Part) -> TurnList:
    """Return the turns of one session, oldest first."""
    views = await caller.read(
        sessions.list_turns, caller.actor, session_id, page.size + 1, page.after(0)
    )
    return {"turns": page.take_part(views, lambda view: view.id)}


@session_router.delete("/{session_id}", summary="Delete a session", status_code=204)
async def delete_session(session_id: Id, caller: Writer) -> None:
    """Delete a session with its turns; its questions still count towards the plan's limits."""
    await caller.write(sessions.delete, caller.actor, session_id)
