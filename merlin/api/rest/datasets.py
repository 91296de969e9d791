"""Datasets, builds, verdicts, and what the daemon is asked for.

What a dataset teaches now, what serves it, and going back to an earlier model; versions of the
training files and how two of them differ; what each commit led to, with what the checker said; a
request of the daemon and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, require_access
from merlin.api.idempotency import run_once
from merlin.api.permissions import (
    Launching,
    Promoting,
    Watching,
    found,
    pipeline_of,
    seen,
    services_of,
    watched,
)
from merlin.api.problems import NAMED, Problem, headers_of, language_of_request, problems
from merlin.api.rest.views import (
    BuildDetails,
    BuildDiff,
    BuildShown,
    DatasetDetails,
    DatasetShown,
    Record,
    VerdictShown,
    build_details,
    build_shown,
    dataset_values,
    finding_shown,
    finite,
    said,
    verdict_shown,
)
from merlin.api.schema import Body, Both, DatasetName, Id, Line, Name, Page, Shape, page_of, part
from merlin.api.services import Shown
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission, Role
from merlin.dataset.builds import diff
from merlin.dataset.files import DatasetCard
from merlin.dataset.tokens import count_epochs
from merlin.db import audit
from merlin.db.requests import Request as Asked
from merlin.db.requests import RequestKind, RequestState
from merlin.training.launch_plan import Quote, quote

# By which a call that is repeated finds what it asked for already.
CALL = "call"
_RECENT = 100


class RequestShown(Shape):
    """What was asked of the daemon, and how far it is."""

    id: int
    kind: RequestKind
    state: RequestState
    asked_at: datetime
    arguments: dict[str, Any]
    result: dict[str, Any] | None = Field(description="what came of it, once done")
    reason: str = Field(description='why it failed, in the language of the caller, else ""')


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be done, and to what, as the audit names it."""

    kind: RequestKind
    arguments: Mapping[str, object]
    target: str


def request_shown(asked: Asked, language: str) -> RequestShown:
    """Return a request in a language."""
    is_done, told = asked.state is RequestState.DONE, asked.result
    reason = ""
    if asked.state is RequestState.FAILED:
        arguments = told.get("arguments")
        known = arguments if isinstance(arguments, Mapping) else {}
        reason = said(str(told.get("key", "")), known, language)
    return RequestShown(
        id=asked.request_id,
        kind=RequestKind(asked.kind),
        state=asked.state,
        asked_at=asked.created_at,
        arguments={key: value for key, value in asked.arguments.items() if key != CALL},
        result=finite(dict(told)) if is_done else None,
        reason=reason,
    )


async def ask(request: Request, caller: Caller, wish: Wish) -> Response:
    """Ask the daemon, note it in the audit, and return 202 with where to look for the answer.

    With an Idempotency-Key it is asked once.
    """
    services, language = services_of(request), language_of_request(request)
    by = audit.person_reference(caller.user_id)

    async def deed(number: int) -> Response:
        def kept() -> Asked:
            rows, mark = services.rows, str(number)
            for earlier in rows.asked.of(by, _RECENT):
                if earlier.arguments.get(CALL) == mark:
                    return earlier
            asked_id = rows.requests.ask(wish.kind, {**wish.arguments, CALL: mark}, by)
            rows.audit.note(by, f"ask.{wish.kind.value}", wish.target, dict(wish.arguments))
            return rows.requests.get(asked_id)

        shown = request_shown(await services.store.do(kept), language)
        headers = {**headers_of(language), "Location": f"/api/requests/{shown.id}"}
        return JSONResponse(shown.model_dump(mode="json"), HTTPStatus.ACCEPTED, headers)

    return await run_once(request, caller, deed)


build_router = APIRouter(prefix="/api/builds", tags=["builds"])


class BuildList(Shape):
    """Builds, newest first."""

    builds: list[BuildShown]


@build_router.get("", summary="Builds", responses=problems(401, 403, 404, 422))
async def list_builds(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
) -> BuildList:
    """Return one part of them, the newest first."""
    lists = pipeline_of(request).lists
    told = await part(request, response, caller, (page, dataset), lists.builds)
    return BuildList(builds=[build_shown(each) for each in told])


@build_router.get("/{version}", summary="A build", responses=problems(401, 403, 404, 422))
async def show_build(request: Request, caller: Watching, version: Name) -> BuildDetails:
    """Return a build by its version (neurotypology-7) or the beginning of its digest."""
    return build_details(await _found(request, caller, version))


@build_router.get(
    "/{old}/diff/{new}",
    summary="What one build has that another has not",
    responses=problems(401, 403, 404, 422),
)
async def compare_builds(request: Request, caller: Watching, old: Name, new: Name) -> BuildDiff:
    """Return ids of examples by what became of them."""
    one, other = await _found(request, caller, old), await _found(request, caller, new)
    told = diff(one["manifest"], other["manifest"])
    return BuildDiff(
        old=one["build"],
        new=other["build"],
        added=list(told.added),
        removed=list(told.removed),
        changed=list(told.changed),
        moved=list(told.moved),
    )


async def _found(request: Request, caller: Caller, version: str) -> Shown:
    """Return a build that the caller may watch. Raises Problem 404."""
    reports = pipeline_of(request).reports
    return await found(request, caller, lambda: reports.build(version))


dataset_router = APIRouter(prefix="/api/datasets", tags=["datasets"])
ASKED = {
    HTTPStatus.ACCEPTED.value: {"model": RequestShown, "description": "The daemon was asked"},
    **problems(400, 401, 403, 404, 409, 413, 422),
}


class DatasetList(Shape):
    """The datasets that you may watch, by name."""

    datasets: list[DatasetShown]


class QuoteShown(Shape):
    """What training the newest build would cost; amounts in millionths of `currency`."""

    dataset: str
    build: str
    provider: str
    base_model: str
    examples: int
    epochs: int
    cost_micro: int | None = Field(description="null: nobody knows the price")
    spent_micro: int = Field(description="what the provider's jobs of this month may have cost")
    cap_micro: int | None = Field(description="what they may cost together; null: no cap")
    currency: str
    refusal: str = Field(description='why it may not be launched, "" where it may')


class Back(Body):
    """Which model shall serve again."""

    to: Annotated[Line, Field(min_length=1, max_length=300)] | None = Field(
        default=None, description="a model's name at its provider; null: the one before"
    )


@dataset_router.get("", summary="Datasets", responses=problems(401, 403, 422))
async def list_datasets(request: Request, caller: Watching) -> DatasetList:
    """Return what each led to, what serves it and its newest job."""
    services, pipeline = services_of(request), pipeline_of(request)
    language, mine = language_of_request(request), watched(caller)

    def found() -> DatasetList:
        told = pipeline.reports.status()["datasets"]
        cards = {each.name: each for each in services.rows.library.datasets()}
        names = [each for each in sorted({*told, *cards}) if mine is None or each in mine]
        shown = [
            DatasetShown(**_values(each, told.get(each), cards.get(each), language))
            for each in names
        ]
        return DatasetList(datasets=shown)

    return await services.store.read(found)


@dataset_router.get("/{dataset}", summary="A dataset", responses=problems(401, 403, 404, 422))
async def show_dataset(request: Request, caller: Watching, dataset: Name) -> DatasetDetails:
    """Return one, with what the checker found at its newest commit."""
    seen(caller, dataset)
    services, pipeline = services_of(request), pipeline_of(request)
    language = language_of_request(request)

    def found() -> DatasetDetails:
        told = pipeline.reports.status()["datasets"].get(dataset)
        cards = services.rows.library.datasets()
        card = next((each for each in cards if each.name == dataset), None)
        if told is None and card is None:
            raise NotFound("no dataset", "change-no-dataset", dataset=dataset)
        findings = services.rows.library.findings(dataset)
        return DatasetDetails(
            **_values(dataset, told, card, language),
            findings=[finding_shown(each, language) for each in findings],
        )

    return await services.store.read(found)


@dataset_router.get(
    "/{dataset}/quote",
    summary="What training the newest build would cost",
    responses=problems(401, 403, 404, 409, 422),
)
async def quote_launch(request: Request, caller: Launching, dataset: Name) -> QuoteShown:
    """Return it, and why it may not be launched."""
    seen(caller, dataset, Permission.LAUNCH)
    services, pipeline = services_of(request), pipeline_of(request)
    language = language_of_request(request)

    def found() -> QuoteShown:
        verdict = pipeline.verdicts.newest(dataset)
        if verdict.build_id is None:
            raise Refused(f"{dataset} is {verdict.word}", "build-none", dataset=dataset)
        told = quote(pipeline.launching, verdict)
        return _quote(dataset, told, pipeline.caps.per_month_micro, language)

    return await services.store.read(found)


@dataset_router.post(
    "/{dataset}/rollback",
    summary="Let an earlier model serve again",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses=ASKED,
)
async def roll_back(
    request: Request, caller: Promoting, dataset: Name, body: Back | None = None
) -> Response:
    """Ask the daemon; only a model that has served can."""
    seen(caller, dataset, Permission.PROMOTE)
    pipeline = pipeline_of(request)
    told = await services_of(request).store.read(pipeline.reports.status)
    if dataset not in told["datasets"]:
        raise NotFound("no dataset", "change-no-dataset", dataset=dataset)
    to = {"to": body.to} if body is not None and body.to else {}
    wish = Wish(RequestKind.ROLLBACK, {"dataset": dataset, **to}, f"dataset:{dataset}")
    return await ask(request, caller, wish)


def _values(
    name: str, told: Record | None, card: DatasetCard | None, language: str
) -> dict[str, Any]:
    return {
        **dataset_values(name, told, language),
        "title": Both(**card.title) if card else Both(),
        "examples": card.examples if card else 0,
    }


def _quote(dataset: str, told: Quote, cap_micro: int | None, language: str) -> QuoteShown:
    recipe, refusal = told.order.recipe, told.refusal
    return QuoteShown(
        dataset=dataset,
        build=told.build.version,
        provider=told.order.provider,
        base_model=recipe.base_model,
        examples=told.build.train,
        epochs=count_epochs(told.build.train, recipe.hyperparameters.get("n_epochs", "auto")),
        cost_micro=told.cost_micro,
        spent_micro=told.spent_micro,
        cap_micro=cap_micro,
        currency=told.order.currency,
        refusal=said(refusal.reason, refusal.arguments, language) if refusal else "",
    )


verdict_router = APIRouter(prefix="/api", tags=["verdicts"])

Asker = Annotated[Caller, Depends(require_access(Scope.JOBS_READ))]


class VerdictList(Shape):
    """Verdicts, newest first."""

    verdicts: list[VerdictShown]


class RequestList(Shape):
    """What you asked of the daemon, newest first; the last fifty."""

    requests: list[RequestShown]


@verdict_router.get(
    "/verdicts", summary="What commits led to", responses=problems(401, 403, 404, 422)
)
async def list_verdicts(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    commit: Annotated[
        str, Query(pattern="^([0-9a-f]{4,64})?$", description="an id, or how it begins")
    ] = "",
) -> VerdictList:
    """Return one part of them, the newest first."""
    read = partial(pipeline_of(request).lists.verdicts, commit=commit)
    told = await part(request, response, caller, (page, dataset), read)
    language = language_of_request(request)
    return VerdictList(verdicts=[verdict_shown(each, language) for each in told])


@verdict_router.get(
    "/requests", summary="What you asked of the daemon", responses=problems(401, 403)
)
async def list_requests(request: Request, caller: Asker) -> RequestList:
    """Return your own ones."""
    services, by = services_of(request), audit.person_reference(caller.user_id)
    found = await services.store.read(lambda: services.rows.asked.of(by))
    language = language_of_request(request)
    return RequestList(requests=[request_shown(each, language) for each in found])


@verdict_router.get(
    "/requests/{request_id}",
    summary="What came of a request",
    responses=problems(401, 403, 404, 422),
)
async def show_request(request: Request, caller: Asker, request_id: Id) -> RequestShown:
    """Return your own one, or any of a dataset that you may watch."""
    services = services_of(request)
    try:
        found = await services.store.read(lambda: services.rows.requests.get(request_id))
    except NotFound:
        found = None
    if found is None or not _is_theirs(caller, found):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    return request_shown(found, language_of_request(request))


def _is_theirs(caller: Caller, found: Asked) -> bool:
    if found.by == audit.person_reference(caller.user_id):
        return True
    dataset = found.arguments.get("dataset")
    is_everywhere = caller.standing.role is not Role.TEACHER
    is_known = is_everywhere or isinstance(dataset, str)
    return is_known and caller.may(Permission.WATCH, str(dataset) if dataset else None)
