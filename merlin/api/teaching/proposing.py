"""Proposing: an example of somebody who may not edit; masked, it waits for the editors.

Nobody's words are taken without their consent.
"""

from __future__ import annotations

from http import HTTPStatus

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.consent import ConsentKind
from merlin.account.key import Scope
from merlin.api.caller import Caller
from merlin.api.language import headers_of, language_of_request
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.api.shape import Shape
from merlin.api.teaching.right import need, services_of
from merlin.chat.review import MOST_LETTERS, Draft, ProposalState
from merlin.core.errors import NotFound
from merlin.core.notice import ADMINS
from merlin.dataset.masking import mask

# A question and its answer, None for one that is missing.
Said = tuple[str | None, str | None]


class ProposalShown(Shape):
    """An example that waits for an editor; its words are masked."""

    proposal: int | None = Field(description="null for a dry run")
    state: ProposalState
    question: str
    answer: str


async def propose(
    request: Request, caller: Caller, dataset: str, words: Said, *, dry_run: bool
) -> Response:
    """Let an example wait for an editor.

    Raises Problem 404 for a dataset that is not open, 409 without a consent or with too many that
    wait, 422 for words that are no example.
    """
    need(caller, Scope.CHAT_WRITE)
    services, language = services_of(request), language_of_request(request)
    draft = _draft(dataset, words, language)

    def put() -> int | None:
        _open(services, dataset)
        if not services.rows.consents.has(caller.user_id, ConsentKind.TRAINING):
            raise Problem(HTTPStatus.CONFLICT, "consent-needed")
        if dry_run:
            return None
        proposal = services.rows.proposals.add(caller.user_id, draft)
        if proposal is None:
            raise Problem(HTTPStatus.CONFLICT, "too-many-proposals")
        day = f"{services.clock():%Y-%m-%d}"
        services.rows.notices.tell(ADMINS, "notice-proposal", {}, f"proposals:{day}")
        return proposal

    shown = ProposalShown(
        proposal=await services.store.do(put),
        state=ProposalState.WAITING,
        question=draft.question,
        answer=draft.answer,
    )
    status = HTTPStatus.OK if dry_run else HTTPStatus.ACCEPTED
    return JSONResponse(shown.model_dump(mode="json"), status, headers_of(language))


def _draft(dataset: str, words: Said, language: str) -> Draft:
    """Return what an editor would see. Raises Problem 422."""
    asked, said = words
    if asked is None or said is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "question-and-answer")
    if max(len(asked), len(said)) > MOST_LETTERS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "too-long-example", limit=MOST_LETTERS)
    question, answer = mask(asked, language).words, mask(said, language).words
    return Draft(question.strip(), answer.strip(), dataset)


def _open(services: ApiServices, dataset: str) -> None:
    """Raise Problem 404 for a dataset that people are not asked about."""
    try:
        is_open = services.rows.courses.course(dataset).is_active
    except NotFound:
        is_open = False
    if not is_open and dataset != services.default_dataset:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
