"""What a person talked about with the bots: sessions, turns, and ratings of answers.

Read and deleted by that person alone. A correction goes to the editors, masked, and only with the
person's consent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.api_keys import Scope
from merlin.account.users import ConsentKind, Consents
from merlin.api.auth import Caller, require_access
from merlin.api.problems import Problem, headers_of, language_of_request, problems
from merlin.api.schema import USUAL, Page, cursor, links, page_of, read_cursor
from merlin.api.services import ApiServices
from merlin.app.feedback import dataset_of, draft_of
from merlin.app.sessions import OwnSession, OwnTurn, PrivateSessions
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.money import Cost
from merlin.dataset.proposals import MOST_LETTERS, Draft, Proposals
from merlin.db.notices import ADMINS, Notices

rating_router = APIRouter(prefix="/api/user/turns/{turn_id}/rating", tags=["ratings"])

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Reader = Annotated[Caller, Depends(require_access(Scope.ACCOUNT_READ))]
Writer = Annotated[Caller, Depends(require_access(Scope.CHAT_WRITE))]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_LETTERS)
]


class RatingSaid(BaseModel):
    """What the person thinks of the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Rating
    correction: Words | None = Field(
        default=None,
        description="how the answer should have been; needs the person's consent",
    )


class CorrectionShown(BaseModel):
    """What editors read: personal data is masked."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    question: str
    answer: str


class RatingShown(BaseModel):
    """What the person thinks of the answer now."""

    model_config = ConfigDict(frozen=True)

    value: Rating | None = Field(description="null: nothing")
    correction: CorrectionShown | None = Field(
        default=None, description="what has just been sent to the editors"
    )


@rating_router.get(
    "", summary="Show my rating of an answer", responses=problems(401, 403, 404, 422, 429)
)
async def show_rating(request: Request, turn_id: Number, caller: Reader) -> RatingShown:
    """Return what the caller thinks of an answer of theirs."""
    services: ApiServices = request.app.state.services
    turn = await services.store.read(lambda: _own_turn(services, caller, turn_id))
    return RatingShown(value=Rating(turn.rating) if turn.rating else None)


@rating_router.post("", summary="Rate an answer", responses=problems(401, 403, 404, 409, 422, 429))
async def rate(
    request: Request, response: Response, turn_id: Number, body: RatingSaid, caller: Writer
) -> RatingShown:
    """Keep what the caller thinks of an answer; a correction waits for an editor."""
    services: ApiServices = request.app.state.services
    language = language_of_request(request)

    def work() -> Draft | None:
        turn = _own_turn(services, caller, turn_id)
        if not turn.answer:
            raise Problem(HTTPStatus.CONFLICT, "not-rateable")
        words = body.correction
        draft = _proposed(services, caller, turn, words, language) if words else None
        Ratings(services.db, services.bot_id).rate(turn_id, caller.user_id, body.value)
        return draft

    draft = await services.store.do(work)
    response.headers.update(headers_of(language))
    return RatingShown(value=body.value, correction=_shown(draft))


@rating_router.delete(
    "",
    summary="Take my rating back",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def unrate(request: Request, turn_id: Number, caller: Writer) -> None:
    """Forget what the caller thinks of an answer; harmless where there is nothing."""
    services: ApiServices = request.app.state.services

    def work() -> None:
        _own_turn(services, caller, turn_id)
        Ratings(services.db, services.bot_id).rate(turn_id, caller.user_id, None)

    await services.store.do(work)


def _own_turn(services: ApiServices, caller: Caller, turn_id: int) -> OwnTurn:
    found = PrivateSessions(services.db).turn(caller.user_id, turn_id)
    if found is None:
        raise NotFound("no such turn", "turn-unknown")
    return found


def _proposed(
    services: ApiServices, caller: Caller, turn: OwnTurn, words: str, language: str
) -> Draft:
    """Let a masked correction wait for an editor. Raises Problem 409."""
    if not Consents(services.db).has(caller.user_id, ConsentKind.TRAINING):
        raise Problem(HTTPStatus.CONFLICT, "no-consent")
    dataset = dataset_of(ModelCatalogue(services.db), turn, services.default_dataset)
    draft = draft_of(turn, words, dataset, language)
    if draft is None:
        raise Problem(HTTPStatus.CONFLICT, "no-example")
    if Proposals(services.db).add(caller.user_id, draft) is None:
        raise Problem(HTTPStatus.CONFLICT, "too-many-corrections")
    once = f"proposals:{services.clock():%Y-%m-%d}"
    Notices(services.db).tell(ADMINS, "notice-proposal", {}, once)
    return draft


def _shown(draft: Draft | None) -> CorrectionShown | None:
    if draft is None:
        return None
    return CorrectionShown(dataset=draft.dataset, question=draft.question, answer=draft.answer)


session_router = APIRouter(prefix="/api/user/sessions", tags=["sessions"])

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


@session_router.get("", summary="List my sessions", responses=problems(401, 403, 422, 429))
async def list_sessions(
    request: Request, response: Response, caller: Reader, page: Part
) -> SessionsShown:
    """Return the sessions of private chats, the newest used first."""
    services: ApiServices = request.app.state.services
    limit, after = page.limit or USUAL, _after(page.cursor)
    talks = PrivateSessions(services.db)
    found = await services.store.read(lambda: talks.sessions(caller.user_id, limit + 1, after))
    shown = found[:limit]
    is_more = len(found) > limit
    following = cursor(iso(shown[-1].touched_at), shown[-1].session_id) if is_more else None
    response.headers.update(links(request, following))
    return SessionsShown(sessions=[_session(each) for each in shown])


@session_router.get(
    "/{session_id}", summary="Show a session of mine", responses=problems(401, 403, 404, 422, 429)
)
async def show_session(request: Request, session_id: Number, caller: Reader) -> SessionShown:
    """Return one session."""
    services: ApiServices = request.app.state.services
    found = await services.store.read(lambda: _own_session(services, caller, session_id))
    return _session(found)


@session_router.get(
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
        _own_session(services, caller, session_id)
        last = int(after[0]) if after else 0
        return list(PrivateSessions(services.db).turns(session_id, limit + 1, last))

    found = await services.store.read(read)
    shown = found[:limit]
    following = cursor(shown[-1].turn_id) if len(found) > limit else None
    response.headers.update(links(request, following))
    return TurnsShown(turns=[_turn(each) for each in shown])


@session_router.delete(
    "/{session_id}",
    summary="Delete a session of mine",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def delete_session(request: Request, session_id: Number, caller: Writer) -> None:
    """Delete a session with its turns; what plans counted stays counted."""
    services: ApiServices = request.app.state.services
    talks = PrivateSessions(services.db)
    if not await services.store.do(lambda: talks.delete(caller.user_id, session_id)):
        raise NotFound("no such session", "session-unknown")


def _after(text: str) -> tuple[str, int] | None:
    key = read_cursor(text, str, int)
    return None if key is None else (str(key[0]), int(key[1]))


def _own_session(services: ApiServices, caller: Caller, session_id: int) -> OwnSession:
    """Return a session of the caller's; to be called within the store's work."""
    found = PrivateSessions(services.db).session(caller.user_id, session_id)
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
