"""`/healthz`, `/readyz`, `/metrics`: whether the process lives, can work, and what it counts.

The last two are for those who watch over it, by their addresses; to all others they are not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.api.described import problems
from merlin.api.hook_secrets import is_near
from merlin.api.metrics import families
from merlin.api.problems import Problem
from merlin.api.services import ApiServices, Picture
from merlin.core.errors import MerlinError
from merlin.core.exposition import MEDIA_TYPE, exposed
from merlin.core.heartbeat import Heartbeat
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

router = APIRouter(tags=["process"])

ANSWER_S = 3.0
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
    **problems(404),
}
OTHERS = ("daemon", "bot")


class Alive(BaseModel):
    """A process that lives."""

    model_config = ConfigDict(frozen=True)

    status: str


class ProcessShown(BaseModel):
    """Another process, as its heartbeat tells."""

    model_config = ConfigDict(frozen=True)

    alive: bool
    age_s: float | None = Field(description="seconds since its last heartbeat; null: none came")
    step: str


class Ready(BaseModel):
    """Whether calls can be served, and how the other processes do."""

    model_config = ConfigDict(frozen=True)

    ready: bool
    database: str = Field(description="ok or silent")
    processes: dict[str, ProcessShown]


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Alive:
    """Say that the process lives; touches nothing else, so a restart would mend a silence."""
    return Alive(status="ok")


@router.get(
    "/readyz",
    summary="Whether calls can be served",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "The database is silent"}, **problems(404)},
)
async def readyz(request: Request) -> Response:
    """Say whether calls can be served: 200 when the database answers, else 503.

    The other processes are told of, but do not decide: pages answer without them.
    """
    services: ApiServices = request.app.state.services
    _refuse_strangers(request)
    try:
        picture = await asyncio.wait_for(services.look(), ANSWER_S)
    except (MerlinError, TimeoutError) as error:
        log.warning("the database did not answer", reason=redact(str(error)))
        return JSONResponse({"ready": False, "database": "silent", "processes": {}}, 503)
    told = _processes(picture.heartbeats, services.clock())
    return JSONResponse({"ready": True, "database": "ok", "processes": told})


def _refuse_strangers(request: Request) -> None:
    """Raise Problem 404 for a call from elsewhere than those who watch over this api."""
    services: ApiServices = request.app.state.services
    if not is_near(request, services.monitoring):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")


def _processes(beats: Sequence[Heartbeat], now: datetime) -> dict[str, dict[str, object]]:
    """Return the newest words of each process; more hosts may run the same one."""
    newest = {beat.process: beat for beat in sorted(beats, key=lambda beat: beat.at)}
    told: dict[str, dict[str, object]] = {
        name: {"alive": False, "age_s": None, "step": ""} for name in OTHERS
    }
    for name, beat in newest.items():
        age_s = round((now - beat.at).total_seconds(), 1)
        told[name] = {"alive": beat.is_alive(now), "age_s": age_s, "step": beat.step}
    return told


@router.get(
    "/metrics", summary="Everything countable", response_class=PlainTextResponse, responses=_METRICS
)
async def metrics(request: Request) -> Response:
    """Return everything countable, for Prometheus; this process's own part always."""
    _refuse_strangers(request)
    state = request.app.state
    try:
        picture = await asyncio.wait_for(state.services.look(), ANSWER_S)
        is_up = True
    except (MerlinError, TimeoutError):
        picture, is_up = Picture(), False
    page = families(picture, state.traffic, state.services.clock(), database_is_up=is_up)
    page += state.services.connections.families("merlin", "http")
    page += state.bodies.families("merlin", "http")
    return PlainTextResponse(exposed(page), media_type=MEDIA_TYPE)
