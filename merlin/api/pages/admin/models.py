"""Models: which answers, which did, how well they did at their test questions; and which shall."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query
from pydantic import Field
from starlette.responses import Response

from merlin.api.pages.admin.jobs import Asked, asked_request, submit
from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Mark, Promoting, Watching, render_page
from merlin.api.schema import MOST_ID, DatasetName, Id, Part, part
from merlin.app import evaluation, models
from merlin.app.status import datasets_by_name
from merlin.core.errors import Refused
from merlin.core.i18n import text

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_HISTORY, _TWO = 20, 2
_COUNTS, _LOST = ("questions", "right", "wrong", "refused"), ("question", "expected", "now")
Number = Annotated[int, Field(ge=1, le=MOST_ID)]
Chosen = Annotated[list[Number] | None, Query(max_length=2)]


@router.get("/admin/models")
async def show_models(
    visit: Watching, page: Part, dataset: DatasetName = "", asked: Asked = 0
) -> Response:
    """Return what answers, every model, and what answered when."""
    found = await part(visit, page, dataset, models.recent)
    every = await visit.read(datasets_by_name)
    view = {
        "asked": await asked_request(visit, asked),
        "dataset": dataset,
        "datasets": [each for each in every if dataset in {"", each.name}],
        "models": found,
        "next_href": next_href(page),
        "moves": await visit.read(models.history, dataset, _HISTORY),
        "sunsets": visit.services.config.sunsets,
    }
    return render_page(visit, "admin_models.html", view)


@router.get("/admin/models/compare")
async def compare_models(visit: Watching, model: Chosen = None) -> Response:
    """Return two models side by side; the two newest ones where nobody chose."""
    chosen = list(dict.fromkeys(model or ()))
    found = [await visit.read(models.get, each) for each in chosen]
    shared = await visit.services.read(models.compare, *found) if len(found) == _TWO else None
    view: dict[str, object] = {"models": found, "shared": shared, "answers": None}
    if len(found) == _TWO:
        with suppress(Refused):  # without kept answers there are the scores alone
            report = await visit.read(evaluation.evaluate_two, *found)
            view["answers"] = report.comparison and _answers(report.comparison, visit.language)
            view["full"] = report.scores.questions if report.is_full else 0
    return render_page(visit, "admin_compare.html", view)


def _answers(found: evaluation.Comparison, language: str) -> dict[str, object]:
    """Return the answers of two models to their common questions, with the words to show."""
    names = _COUNTS if found.now.questions else ()
    return {
        "models": (found.now.model, found.before.model),
        "verdict": evaluation.comparison_text(found, language),
        "counts": [
            (
                text(language, f"eval-col-{name}"),
                getattr(found.now, name),
                getattr(found.before, name),
            )
            for name in names
        ],
        "lost": found.lost,
        "lost_words": text(language, "eval-lost", count=len(found.lost)),
        "headings": [text(language, f"eval-col-{name}") for name in _LOST],
    }


@router.post("/admin/models/{model_id}/accept")
async def accept_lost(visit: Watching, model_id: Id, once: Mark) -> Response:
    """Ask the daemon to let a held model answer; editors of its dataset may."""
    return await submit(visit, partial(models.accept, model_id=model_id), once, "/admin/models")


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
