"""Models: which answers, which did, how well they did at their test questions; and which shall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.actions import Mark, as_api_request
from merlin.api.pages.admin.page import Asked, AskedView, ask, asked_view, rooms
from merlin.api.pages.components import listed
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    Link,
    PageRequest,
    Promoting,
    Watching,
    badge,
    day_of_year,
    render_page,
    when,
    word,
)
from merlin.api.permissions import pipeline_of, services_of
from merlin.api.rest import datasets as dataset_routes
from merlin.api.rest import models as routes
from merlin.api.rest.views import DatasetShown, ModelShown, PromotionShown, Scores
from merlin.api.schema import MOST_ID, DatasetName, Id, Page, page_of
from merlin.core.i18n import format_number
from merlin.core.permissions import Permission
from merlin.core.web.templates import Badge
from merlin.training.evaluate import Overlap
from merlin.training.models import ModelState

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_HISTORY, _TWO = 20, 2
_SCORES = ("likeness", "equal", "unknown")  # of `_told`: side by side only on the same questions
Number = Annotated[int, Field(ge=1, le=MOST_ID)]
Chosen = Annotated[list[Number] | None, Query(max_length=2)]


@dataclass(frozen=True, slots=True)
class ServingCard:
    """A dataset and the model that answers; `model_id` 0 where none does."""

    dataset: str
    title: str
    model_id: int
    build: str
    facts: tuple[tuple[str, str], ...]
    sunset: str
    is_pinned: bool
    may_change: bool
    may_roll_back: bool


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model; `may_serve`: the person may let it answer."""

    model_id: int
    title: str
    name: str
    dataset: str
    chip: Badge
    score: str
    at: str
    job_href: str
    note: str
    may_serve: bool


@dataclass(frozen=True, slots=True)
class Move:
    """That another model came to answer."""

    at: str
    dataset: str
    to: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class ModelsView:
    """The page; `idle` are the datasets for which no model of their own answers."""

    rooms: tuple[Link, ...]
    asked: AskedView | None
    dataset: str
    serving: tuple[ServingCard, ...]
    idle: str
    rows: tuple[ModelRow, ...]
    next_href: str
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models side by side: name, first, second; `lead` says what the figures are worth."""

    rooms: tuple[Link, ...]
    lead: str
    first: str = ""
    second: str = ""
    rows: tuple[tuple[str, str, str], ...] = ()


@router.get("/admin/models")
async def show_models(
    visit: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    asked: Asked = 0,
) -> Response:
    """Return what answers, every model, and what answered when."""

    async def read(request: Request, response: Response) -> list[ModelShown]:
        told = await routes.list_models(request, response, visit.caller, page, dataset)
        return told.models

    found = await listed(visit, read)
    moves = await routes.list_promotions(
        await as_api_request(visit), Response(), visit.caller, Page(_HISTORY), dataset
    )
    cards = await serving_cards(visit, dataset, found.rows, moves.promotions)
    view = ModelsView(
        rooms=rooms(visit),
        asked=await asked_view(visit, asked),
        dataset=dataset,
        serving=tuple(each for each in cards if each.build),
        idle=", ".join(each.dataset for each in cards if not each.build),
        rows=tuple(_row(visit, each) for each in found.rows),
        next_href=found.next_href,
        moves=tuple(_move(visit, each) for each in moves.promotions),
    )
    return render_page(visit, "admin_models.html", v=view)


@router.get("/admin/models/compare")
async def compare_models(visit: Watching, model: Chosen = None) -> Response:
    """Return two models side by side; the two newest ones where nobody chose."""
    chosen = list(dict.fromkeys(model or ()))
    found = [
        await routes.show_model(await as_api_request(visit), visit.caller, each) for each in chosen
    ]
    lead = visit.say("compare-lead")
    if len(found) != _TWO:
        return render_page(visit, "admin_compare.html", v=Compared(rooms(visit), lead))
    first, second = found
    asked = await _overlap(visit, first, second)
    if not asked.is_same:
        lead = visit.say("compare-differ", shared=asked.shared)
    rows = tuple(
        (visit.say(name), one, other)
        for (name, one), (_, other) in zip(_told(visit, first), _told(visit, second), strict=True)
        if asked.is_same or name not in _SCORES
    )
    names = first.build or first.model, second.build or second.model
    return render_page(visit, "admin_compare.html", v=Compared(rooms(visit), lead, *names, rows))


async def _overlap(visit: PageRequest, first: ModelShown, second: ModelShown) -> Overlap:
    """Return what the test questions of two models have in common."""
    reports, jobs = pipeline_of(visit.request).reports, (first.job or 0, second.job or 0)
    return await services_of(visit.request).store.read(lambda: reports.overlap(*jobs))


@router.post("/admin/models/{model_id}/{act}")
async def change_serving(
    visit: Promoting, model_id: Id, act: Literal["promote", "pin", "unpin"], once: Mark
) -> Response:
    """Ask the daemon to let a model answer, or to keep the one that does."""
    route = {
        "promote": routes.promote_model,
        "pin": routes.pin_model,
        "unpin": routes.unpin_model,
    }[act]

    async def deed(request: Request) -> Response:
        return await route(request, visit.caller, model_id)

    return await ask(visit, once, deed, "/admin/models")


@router.post("/admin/models/rollback")
async def roll_back(
    visit: Promoting, once: Mark, dataset: Annotated[str, Form(min_length=1, max_length=200)]
) -> Response:
    """Ask the daemon to let the model before answer again."""

    async def deed(request: Request) -> Response:
        return await dataset_routes.roll_back(request, visit.caller, dataset)

    return await ask(visit, once, deed, "/admin/models")


async def serving_cards(
    visit: PageRequest,
    dataset: str,
    models: Sequence[ModelShown] = (),
    moves: Sequence[PromotionShown] = (),
) -> tuple[ServingCard, ...]:
    """Return each dataset with what answers; of one alone where it is named."""
    told = await dataset_routes.list_datasets(await as_api_request(visit), visit.caller)
    mine = [each for each in told.datasets if dataset in {"", each.name}]
    return tuple(_card(visit, each, models, moves) for each in mine)


def _card(
    visit: PageRequest,
    told: DatasetShown,
    models: Sequence[ModelShown],
    moves: Sequence[PromotionShown],
) -> ServingCard:
    serving = told.serving
    model = next((each for each in models if each.serves and each.dataset == told.name), None)
    base = str(told.job.recipe.get("base_model", "")) if told.job else ""
    ends = pipeline_of(visit.request).sunsets.get(base)
    facts = []
    if serving is not None:
        facts.append((visit.say("answers-since"), when(visit, serving.since)))
        facts.append((visit.say("score"), _score(visit, model.evaluation if model else None)))
        facts.append((visit.say("base"), base or serving.provider))
    title = told.title.en if visit.language == "en" else told.title.ru
    return ServingCard(
        dataset=told.name,
        title=title or told.title.ru or told.title.en or told.name,
        model_id=model.id if model else 0,
        build=(serving.build or serving.model) if serving else "",
        facts=tuple(facts),
        sunset=day_of_year(visit, ends) if ends and serving else "",
        is_pinned=bool(serving and serving.pinned),
        may_change=bool(serving) and visit.caller.may(Permission.PROMOTE, told.name),
        may_roll_back=sum(each.dataset == told.name for each in moves) > 1,
    )


def _row(visit: PageRequest, model: ModelShown) -> ModelRow:
    state = "serves" if model.serves else model.state.value
    may_serve = model.state is ModelState.GOOD and not model.serves
    is_offered = may_serve and visit.caller.may(Permission.PROMOTE, model.dataset)
    return ModelRow(
        model_id=model.id,
        title=model.build or model.model,
        name=model.model,
        dataset=model.dataset,
        chip=badge(visit, "model", state),
        score=_score(visit, model.evaluation),
        at=when(visit, model.created_at),
        job_href=f"/admin/jobs/{model.job}" if model.job else "",
        note=model.note,
        may_serve=is_offered,
    )


def _score(visit: PageRequest, scores: Scores | None) -> str:
    if scores is None or scores.chrf is None:
        return "–"
    return visit.say("score-of", score=format_number(visit.language, scores.chrf, 1))


def _told(visit: PageRequest, model: ModelShown) -> list[tuple[str, str]]:
    scores = model.evaluation

    def share(value: float | None) -> str:
        return "–" if value is None else f"{format_number(visit.language, 100 * value, 0)}\u00a0%"

    return [
        ("dataset", model.dataset),
        ("state", badge(visit, "model", "serves" if model.serves else model.state.value).words),
        ("made", when(visit, model.created_at)),
        ("test-questions", str(scores.questions) if scores else "–"),
        ("likeness", _score(visit, scores)),
        ("equal", share(scores.equal_share if scores else None)),
        ("unknown", share(scores.unknown_share if scores else None)),
    ]


def _move(visit: PageRequest, told: PromotionShown) -> Move:
    reason = word(visit, "why", told.why)
    return Move(when(visit, told.at), told.dataset, told.to, reason, told.by)
