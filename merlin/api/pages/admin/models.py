"""Models: which answers, which did, how well they did at their test questions; and which shall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query
from pydantic import Field
from starlette.responses import Response

from merlin.api.pages.admin.page import Asked, admin_links, asked_view, submit
from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.forms import Mark
from merlin.api.pages.page import (
    PageRequest,
    Promoting,
    Watching,
    badge,
    day_of_year,
    render_page,
    when,
)
from merlin.api.schema import MOST_ID, DatasetName, Id, Page, page_of, page_part
from merlin.app import models
from merlin.app.models import ModelView, PromotionView, Scores
from merlin.app.status import DatasetView, datasets_by_name
from merlin.core.i18n import format_number
from merlin.core.permissions import Permission

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


@router.get("/admin/models")
async def show_models(
    visit: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    asked: Asked = 0,
) -> Response:
    """Return what answers, every model, and what answered when."""
    ctx, actor = visit.context, visit.caller.actor
    found, cursor = await page_part(ctx, actor, page, dataset, models.recent)
    moves = await ctx.read(models.history, actor, dataset, _HISTORY)
    cards = await serving_cards(visit, dataset, found, moves)
    view = {
        "rooms": admin_links(visit),
        "asked": await asked_view(visit, asked),
        "dataset": dataset,
        "serving": [each for each in cards if each.build],
        "idle": ", ".join(each.dataset for each in cards if not each.build),
        "rows": found,
        "score": partial(score, visit),
        "may_promote": partial(visit.caller.may, Permission.PROMOTE),
        "next_href": next_href(visit, cursor),
        "moves": moves,
    }
    return render_page(visit, "admin_models.html", v=view)


@router.get("/admin/models/compare")
async def compare_models(visit: Watching, model: Chosen = None) -> Response:
    """Return two models side by side; the two newest ones where nobody chose."""
    chosen = list(dict.fromkeys(model or ()))
    ctx, actor = visit.context, visit.caller.actor
    found = [await ctx.read(models.get, actor, each) for each in chosen]
    view: dict[str, object] = {
        "rooms": admin_links(visit),
        "lead": visit.say("compare-lead"),
        "rows": (),
    }
    if len(found) == _TWO:
        shared = await ctx.read(models.compare, *found)
        if not shared.is_same:
            view["lead"] = visit.say("compare-differ", shared=shared.shared)
        both = zip(*(_facts(visit, each) for each in found), strict=True)
        view["first"], view["second"] = (each.title for each in found)
        view["rows"] = [
            (visit.say(name), one, other)
            for (name, one), (_, other) in both
            if shared.is_same or name not in _SCORES
        ]
    return render_page(visit, "admin_compare.html", v=view)


@router.post("/admin/models/{model_id}/{act}")
async def change_serving(
    visit: Promoting, model_id: Id, act: Literal["promote", "pin", "unpin"], once: Mark
) -> Response:
    """Ask the daemon to let a model answer, or to keep the one that does."""
    acts: dict[str, Callable[..., models.Request]] = {
        "promote": models.promote,
        "pin": partial(models.pin_model, is_pinned=True),
        "unpin": partial(models.pin_model, is_pinned=False),
    }
    return await submit(visit, partial(acts[act], model_id=model_id), once, "/admin/models")


@router.post("/admin/models/rollback")
async def roll_back(
    visit: Promoting, once: Mark, dataset: Annotated[str, Form(min_length=1, max_length=200)]
) -> Response:
    """Ask the daemon to let the model before answer again."""
    return await submit(visit, partial(models.roll_back, dataset=dataset), once, "/admin/models")


async def serving_cards(
    visit: PageRequest,
    dataset: str,
    found: Sequence[ModelView] = (),
    moves: Sequence[PromotionView] = (),
) -> list[ServingCard]:
    """Return each dataset with what answers; of one alone where it is named."""
    every = await visit.context.read(datasets_by_name, visit.caller.actor)
    return [_card(visit, each, found, moves) for each in every if dataset in {"", each.name}]


def _card(
    visit: PageRequest,
    told: DatasetView,
    found: Sequence[ModelView],
    moves: Sequence[PromotionView],
) -> ServingCard:
    name, serving, title = told.name, told.serving, told.title
    model = next((each for each in found if each.serves and each.dataset == name), None)
    base = told.job.base_model if told.job else ""
    ends = visit.context.sunsets.get(base)
    facts = []
    if serving is not None:
        facts.append((visit.say("answers-since"), when(visit, serving.since)))
        facts.append((visit.say("score"), score(visit, model.evaluation if model else None)))
        facts.append((visit.say("base"), base or serving.provider))
    return ServingCard(
        dataset=name,
        title=title.get(visit.language) or title.get("ru") or title.get("en") or name,
        model_id=model.id if model else 0,
        build=(serving.build or serving.model) if serving else "",
        facts=tuple(facts),
        sunset=day_of_year(visit, ends) if ends and serving else "",
        is_pinned=bool(serving and serving.pinned),
        may_change=bool(serving) and visit.caller.may(Permission.PROMOTE, name),
        may_roll_back=sum(each.dataset == name for each in moves) > 1,
    )


def score(visit: PageRequest, scores: Scores | None) -> str:
    """Return how a model did at its test questions, "–" where it was not asked any."""
    if scores is None or scores.chrf is None:
        return "–"
    return visit.say("score-of", score=format_number(visit.language, scores.chrf, 1))


def _facts(visit: PageRequest, model: ModelView) -> list[tuple[str, str]]:
    scores = model.evaluation

    def share(value: float | None) -> str:
        return "–" if value is None else f"{format_number(visit.language, 100 * value, 0)}\u00a0%"

    return [
        ("dataset", model.dataset),
        ("state", badge(visit, "model", "serves" if model.serves else model.state).words),
        ("made", when(visit, model.created_at)),
        ("test-questions", str(scores.questions) if scores else "–"),
        ("likeness", score(visit, scores)),
        ("equal", share(scores.equal_share if scores else None)),
        ("unknown", share(scores.unknown_share if scores else None)),
    ]
