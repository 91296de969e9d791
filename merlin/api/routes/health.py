"""`/healthz`, `/readyz`, `/metrics`: whether the process lives, can work, and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.api.metrics import families
from merlin.api.services import ApiServices, Picture
from merlin.core.errors import MerlinError
from merlin.core.exposition import MEDIA_TYPE, exposed
from merlin.core.heartbeat import Heartbeat
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

router = APIRouter()

ANSWER_S = 3.0
OTHERS = ("daemon", "bot")


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process lives; touches nothing else, so a restart would mend a silence."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Say whether calls can be served: 200 when the database answers, else 503.

    The other processes are told of, but do not decide: pages answer without them.
    """
    services: ApiServices = request.app.state.services
    try:
        picture = await asyncio.wait_for(services.look(), ANSWER_S)
    except (MerlinError, TimeoutError) as error:
        log.warning("the database did not answer", reason=redact(str(error)))
        return JSONResponse({"ready": False, "database": "silent", "processes": {}}, 503)
    told = _processes(picture.heartbeats, services.clock())
    return JSONResponse({"ready": True, "database": "ok", "processes": told})


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


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return everything countable, for Prometheus; this process's own part always."""
    state = request.app.state
    try:
        picture = await asyncio.wait_for(state.services.look(), ANSWER_S)
        is_up = True
    except (MerlinError, TimeoutError):
        picture, is_up = Picture(), False
    page = families(picture, state.traffic, state.services.clock(), database_is_up=is_up)
    return PlainTextResponse(exposed(page), media_type=MEDIA_TYPE)
