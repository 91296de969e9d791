"""Models: which answers, which did; and which shall."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from pydantic import Field
from starlette.responses import Response

from merlin.api.pages.admin.evaluation import evaluation_href
from merlin.api.pages.admin.jobs import Asked, asked_request, submit
from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Mark, PageRequest, Promoting, Watching, render_page
from merlin.api.schema import MOST_ID, DatasetName, Id, Part, part
from merlin.app import models
from merlin.app.status import datasets_by_name
from merlin.core.web.assets import seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_HISTORY = 20
Number = Annotated[int, Field(ge=1, le=MOST_ID)]
Chosen = Annotated[list[Number] | None, Query(max_length=2)]
QuestionDigest = Annotated[str, Form(max_length=64, pattern="^[0-9a-f]*$")]
Back = Annotated[Literal["", "evaluation"], Form()]


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
    """Lead to the evaluation of the newer of two chosen models, beside the other one."""
    found = [await visit.read(models.get, each) for each in sorted(set(model or ()))]
    if not found:
        return seen_other("/admin/models")
    query = f"?{urlencode({'against': found[0].title})}" if len(found) > 1 else ""
    return seen_other(evaluation_href(found[-1]) + query)


@router.post("/admin/models/{model_id}/accept")
async def accept_lost(
    visit: Watching, model_id: Id, once: Mark, question: QuestionDigest = "", back: Back = ""
) -> Response:
    """Ask the daemon to let a held model answer so; editors of its dataset may."""
    act = partial(models.accept, model_id=model_id, question=question)
    return await submit(visit, act, once, await _return_href(visit, model_id, back))


@router.post("/admin/models/{model_id}/{act}")
async def change_serving(
    visit: Promoting,
    model_id: Id,
    act: Literal["promote", "pin", "unpin"],
    once: Mark,
    back: Back = "",
) -> Response:
    """Ask the daemon to let a model answer, or to keep the one that does."""
    acts: dict[str, Callable[..., models.Request]] = {
        "promote": models.promote,
        "pin": partial(models.pin_model, is_pinned=True),
        "unpin": partial(models.pin_model, is_pinned=False),
    }
    href = await _return_href(visit, model_id, back)
    return await submit(visit, partial(acts[act], model_id=model_id), once, href)


async def _return_href(visit: PageRequest, model_id: int, back: Back) -> str:
    """Return the address of the page that a form was on."""
    if back != "evaluation":
        return "/admin/models"
    return evaluation_href(await visit.read(models.get, model_id))


@router.post("/admin/models/rollback")
async def roll_back(
    visit: Promoting, once: Mark, dataset: Annotated[str, Form(min_length=1, max_length=200)]
) -> Response:
    """Ask the daemon to let the model before answer again."""
    return await submit(visit, partial(models.roll_back, dataset=dataset), once, "/admin/models")
