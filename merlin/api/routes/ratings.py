"""Ratings: what a person thinks of an answer of theirs, and how it should have been.

A correction goes to the editors, masked, and only with the person's consent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.consent import ConsentKind
from merlin.account.key import Scope
from merlin.api.caller import Caller, holding
from merlin.api.described import problems
from merlin.api.language import headers_of, language_of_request
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.chat.correcting import dataset_of, draft_of
from merlin.chat.own import OwnTurn
from merlin.chat.rating import Rating
from merlin.chat.review import MOST_LETTERS, Draft
from merlin.core.errors import NotFound
from merlin.core.notice import ADMINS

router = APIRouter(prefix="/api/user/turns/{turn_id}/rating", tags=["ratings"])

Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Reader = Annotated[Caller, Depends(holding(Scope.ACCOUNT_READ))]
Writer = Annotated[Caller, Depends(holding(Scope.CHAT_WRITE))]
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


@router.get("", summary="Show my rating of an answer", responses=problems(401, 403, 404, 422, 429))
async def show_rating(request: Request, turn_id: Number, caller: Reader) -> RatingShown:
    """Return what the caller thinks of an answer of theirs."""
    services: ApiServices = request.app.state.services
    turn = await services.store.read(lambda: _own(services, caller, turn_id))
    return RatingShown(value=Rating(turn.rating) if turn.rating else None)


@router.post("", summary="Rate an answer", responses=problems(401, 403, 404, 409, 422, 429))
async def rate(
    request: Request, response: Response, turn_id: Number, body: RatingSaid, caller: Writer
) -> RatingShown:
    """Keep what the caller thinks of an answer; a correction waits for an editor."""
    services: ApiServices = request.app.state.services
    language = language_of_request(request)

    def work() -> Draft | None:
        turn = _own(services, caller, turn_id)
        if not turn.answer:
            raise Problem(HTTPStatus.CONFLICT, "not-rateable")
        words = body.correction
        draft = _proposed(services, caller, turn, words, language) if words else None
        services.rows.ratings.rate(turn_id, caller.user_id, body.value)
        return draft

    draft = await services.store.do(work)
    response.headers.update(headers_of(language))
    return RatingShown(value=body.value, correction=_shown(draft))


@router.delete(
    "",
    summary="Take my rating back",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def unrate(request: Request, turn_id: Number, caller: Writer) -> None:
    """Forget what the caller thinks of an answer; harmless where there is nothing."""
    services: ApiServices = request.app.state.services

    def work() -> None:
        _own(services, caller, turn_id)
        services.rows.ratings.rate(turn_id, caller.user_id, None)

    await services.store.do(work)


def _own(services: ApiServices, caller: Caller, turn_id: int) -> OwnTurn:
    found = services.rows.talks.turn(caller.user_id, turn_id)
    if found is None:
        raise NotFound("no such turn", "turn-unknown")
    return found


def _proposed(
    services: ApiServices, caller: Caller, turn: OwnTurn, words: str, language: str
) -> Draft:
    """Let a masked correction wait for an editor. Raises Problem 409."""
    rows = services.rows
    if not rows.consents.has(caller.user_id, ConsentKind.TRAINING):
        raise Problem(HTTPStatus.CONFLICT, "no-consent")
    dataset = dataset_of(rows.shelf, turn, services.default_dataset)
    draft = draft_of(turn, words, dataset, language)
    if draft is None:
        raise Problem(HTTPStatus.CONFLICT, "no-example")
    if rows.proposals.add(caller.user_id, draft) is None:
        raise Problem(HTTPStatus.CONFLICT, "too-many-corrections")
    once = f"proposals:{services.clock():%Y-%m-%d}"
    rows.notices.tell(ADMINS, "notice-proposal", {}, once)
    return draft


def _shown(draft: Draft | None) -> CorrectionShown | None:
    if draft is None:
        return None
    return CorrectionShown(dataset=draft.dataset, question=draft.question, answer=draft.answer)
