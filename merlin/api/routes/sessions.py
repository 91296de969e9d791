"""Sessions: what a person talked about with the bots, read and deleted by that person alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.key import Scope
from merlin.api.caller import Caller, holding
from merlin.api.described import problems
from merlin.api.paging import USUAL, Page, cursor, links, page_of, read_cursor
from merlin.api.services import ApiServices
from merlin.chat.own import OwnSession, OwnTurn
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.money import Cost

router = APIRouter(prefix="/api/user/sessions", tags=["sessions"])

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Reader = Annotated[Caller, Depends(holding(Scope.ACCOUNT_READ))]
Writer = Annotated[Caller, Depends(holding(Scope.CHAT_WRITE))]
Part = Annotated[Page, Depends(page_of)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class CostShown(_Told):
    """A sum in one currency."""

    micro: int = Field(description="millionths of the currency")
    currency: str


class UsageShown(_Told):
    """Tokens as the providers counted them."""

    input_tokens: int
    output_tokens: int


class SessionShown(_Told):
    """One talk with a bot, in private."""

    id: int
    title: str
    dataset: str | None = Field(description="null: the default one")
    model: str | None = Field(description="the person's own choice; null: whatever serves")
    preset: str = Field(description='the preset chosen, "" for none')
    is_open: bool = Field(description="the next question goes here")
    created_at: datetime
    touched_at: datetime = Field(description="when it was used last")
    turns: int
    usage: UsageShown
    costs: list[CostShown] = Field(description="one sum a currency; none where nobody knows")


class SessionsShown(_Told):
    """A part of the sessions, the newest used first."""

    sessions: list[SessionShown]


class TurnShown(_Told):
    """One question with its answer."""

    id: int
    asked_at: datetime
    format: str = Field(description="text, voice, photo or document")
    question: str
    answer: str = Field(description='"" where none came')
    provider: str
    model: str
    standing: str = Field(description="what the model was for the question: serving, general …")
    usage: UsageShown
    cost: CostShown | None = Field(description="null where nobody knows")
    rating: str | None = Field(description="up, down; null: none")


class TurnsShown(_Told):
    """A part of a session's turns, oldest first."""

    turns: list[TurnShown]


@router.get("", summary="List my sessions", responses=problems(401, 403, 422, 429))
async def list_sessions(
    request: Request, response: Response, caller: Reader, page: Part
) -> SessionsShown:
    """Return the sessions of private chats, the newest used first."""
    services: ApiServices = request.app.state.services
    limit, after = page.limit or USUAL, _after(page.cursor)
    talks = services.rows.talks
    found = await services.store.read(lambda: talks.sessions(caller.user_id, limit + 1, after))
    shown = found[:limit]
    is_more = len(found) > limit
    following = cursor(iso(shown[-1].touched_at), shown[-1].session_id) if is_more else None
    response.headers.update(links(request, following))
    return SessionsShown(sessions=[_session(each) for each in shown])


@router.get(
    "/{session_id}", summary="Show a session of mine", responses=problems(401, 403, 404, 422, 429)
)
async def show_session(request: Request, session_id: Number, caller: Reader) -> SessionShown:
    """Return one session."""
    services: ApiServices = request.app.state.services
    found = await services.store.read(lambda: _own(services, caller, session_id))
    return _session(found)


@router.get(
    "/{session_id}/turns",
    summary="List the turns of a session of mine",
    responses=problems(401, 403, 404, 422, 429),
)
async def list_turns(
    request: Request, response: Response, session_id: Number, caller: Reader, page: Part
) -> TurnsShown:
    """Return the turns of one session, oldest first."""
    services: ApiServices = request.app.state.services
    limit, after = page.limit or USUAL, read_cursor(page.cursor, int)

    def read() -> list[OwnTurn]:
        _own(services, caller, session_id)
        last = int(after[0]) if after else 0
        return list(services.rows.talks.turns(session_id, limit + 1, last))

    found = await services.store.read(read)
    shown = found[:limit]
    following = cursor(shown[-1].turn_id) if len(found) > limit else None
    response.headers.update(links(request, following))
    return TurnsShown(turns=[_turn(each) for each in shown])


@router.delete(
    "/{session_id}",
    summary="Delete a session of mine",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def delete_session(request: Request, session_id: Number, caller: Writer) -> None:
    """Delete a session with its turns; what plans counted stays counted."""
    services: ApiServices = request.app.state.services
    talks = services.rows.talks
    if not await services.store.do(lambda: talks.delete(caller.user_id, session_id)):
        raise NotFound("no such session", "session-unknown")


def _after(text: str) -> tuple[str, int] | None:
    key = read_cursor(text, str, int)
    return None if key is None else (str(key[0]), int(key[1]))


def _own(services: ApiServices, caller: Caller, session_id: int) -> OwnSession:
    """Return a session of the caller's; to be called within the store's work."""
    found = services.rows.talks.session(caller.user_id, session_id)
    if found is None:
        raise NotFound("no such session", "session-unknown")
    return found


def _session(session: OwnSession) -> SessionShown:
    return SessionShown(
        id=session.session_id,
        title=session.title,
        dataset=session.dataset,
        model=session.model_id,
        preset=session.preset,
        is_open=session.is_open,
        created_at=session.created_at,
        touched_at=session.touched_at,
        turns=session.turns,
        usage=UsageShown(
            input_tokens=session.usage.input_tokens, output_tokens=session.usage.output_tokens
        ),
        costs=costs_shown(session.costs),
    )


def costs_shown(costs: Iterable[Cost]) -> list[CostShown]:
    """Return sums as they are told."""
    return [CostShown(micro=cost.micro, currency=cost.currency) for cost in costs]


def _turn(turn: OwnTurn) -> TurnShown:
    return TurnShown(
        id=turn.turn_id,
        asked_at=turn.asked_at,
        format=turn.format,
        question=turn.question,
        answer=turn.answer,
        provider=turn.provider,
        model=turn.model_id,
        standing=turn.standing,
        usage=UsageShown(
            input_tokens=turn.usage.input_tokens, output_tokens=turn.usage.output_tokens
        ),
        cost=CostShown(micro=turn.cost.micro, currency=turn.cost.currency) if turn.cost else None,
        rating=turn.rating or None,
    )
