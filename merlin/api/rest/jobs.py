"""Jobs: what is being trained, how far it is, launch and cancel; the models that came of them.

A job's losses over its steps are also told as a picture, in the words of whoever looks. A model is
promoted, kept, or newer ones are let serve again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.api.auth import Launching, Promoting, Watching
from merlin.api.problems import NOT_MODIFIED, headers_of, problems
from merlin.api.response_cache import not_modified, tag_of, tagged
from merlin.api.rest.requests import ASKED, accepted
from merlin.api.schema import Body, DatasetName, Id, Line, Part, operation_router, part
from merlin.app import jobs, models
from merlin.app.jobs import JobDetails, JobView
from merlin.app.models import ModelView, PromotionView
from merlin.core.charts import plot_png


async def picture_of(request: Request, job: JobDetails, language: str, *, is_dark: bool) -> bytes:
    """Return a PNG; where nothing was measured yet it says so. Few are drawn at once."""
    series = job.losses.series()
    async with request.app.state.easels:
        return await asyncio.to_thread(
            plot_png, series["train"], series["test"], language, job.title, dark=is_dark
        )


router = operation_router(prefix="/api/jobs", tags=["jobs"])


_PNG = {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}}
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"description": "The picture", "content": _PNG}}
Theme = Annotated[Literal["light", "dark"], Query(description="on which ground")]


JobList = TypedDict("JobList", {"jobs": Sequence[JobView]})


class Launch(Body):
    """Which dataset is to be trained: its newest build."""

    dataset: Annotated[Line, Field(min_length=1, max_length=200)]


@router.get("", summary="Jobs", responses=problems(404))
async def list_jobs(caller: Watching, page: Part, dataset: DatasetName = "") -> JobList:
    """Return one part of them, the newest first."""
    return {"jobs": await part(caller, page, dataset, jobs.recent)}


@router.get("/{job_id}", summary="A job", responses=problems(404))
async def show_job(caller: Watching, job_id: Id) -> JobDetails:
    """Return it with its diary, checkpoints and losses."""
    return await caller.read(jobs.get, job_id)


@router.get(
    "/{job_id}/loss.png",
    summary="A job's losses as a picture",
    response_class=Response,
    responses=_PICTURE | NOT_MODIFIED | problems(404),
)
async def show_job_losses(
    request: Request, caller: Watching, job_id: Id, theme: Theme = "light"
) -> Response:
    """Return them over the steps as a PNG of 1280 by 720, in the caller's language."""
    language = caller.language
    job = await caller.read(jobs.get, job_id)
    seed = f"{job.build} {job.dataset} {language} {theme} {json.dumps(job.losses.series())}"
    tag = tag_of(seed.encode())
    if unchanged := not_modified(request, tag, language):
        return unchanged
    content = await picture_of(request, job, language, is_dark=theme == "dark")
    headers = headers_of(language)
    return tagged(Response(content, headers=headers, media_type="image/png"), tag)


@router.post("", summary="Train the newest build of a dataset", **ASKED)
async def launch_job(request: Request, caller: Launching, body: Launch) -> Response:
    """Ask the daemon to launch; budget and sunsets are looked at there."""
    return await accepted(request, caller, partial(jobs.launch, dataset=body.dataset))


@router.post("/{job_id}/cancel", summary="Stop a job", **ASKED)
async def cancel_job(request: Request, caller: Launching, job_id: Id) -> Response:
    """Ask the daemon to stop it."""
    return await accepted(request, caller, partial(jobs.cancel, job_id=job_id))


model_router = operation_router(prefix="/api", tags=["models"])


ModelList = TypedDict("ModelList", {"models": Sequence[ModelView]})


PromotionList = TypedDict("PromotionList", {"promotions": Sequence[PromotionView]})


@model_router.get("/models", summary="Tuned models", responses=problems(404))
async def list_models(caller: Watching, page: Part, dataset: DatasetName = "") -> ModelList:
    """Return one part of them, the newest first."""
    return {"models": await part(caller, page, dataset, models.recent)}


@model_router.get("/promotions", summary="What served when", responses=problems(404))
async def list_promotions(caller: Watching, page: Part, dataset: DatasetName = "") -> PromotionList:
    """Return one part of them, the newest first."""
    return {"promotions": await part(caller, page, dataset, models.history)}


@model_router.get("/models/{model_id}", summary="A tuned model", responses=problems(404))
async def show_model(caller: Watching, model_id: Id) -> ModelView:
    """Return it with its evaluation."""
    return await caller.read(models.get, model_id)


@model_router.post("/models/{model_id}/promote", summary="Let a model serve", **ASKED)
async def promote_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; only a model that was proven can."""
    return await accepted(request, caller, partial(models.promote, model_id=model_id))


@model_router.post(
    "/models/{model_id}/pin", summary="Keep the model that serves, whatever comes", **ASKED
)
async def pin_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; 409 for a model that does not serve."""
    act = partial(models.pin_model, model_id=model_id, is_pinned=True)
    return await accepted(request, caller, act)


@model_router.post("/models/{model_id}/unpin", summary="Let newer models serve again", **ASKED)
async def unpin_model(request: Request, caller: Promoting, model_id: Id) -> Response:
    """Ask the daemon; 409 for a model that does not serve."""
    act = partial(models.pin_model, model_id=model_id, is_pinned=False)
    return await accepted(request, caller, act)
