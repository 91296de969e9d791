"""Probes: `/healthz` and `/readyz` state whether the process is alive and ready.

The latter answers only the monitoring addresses, and 404 to all others.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.hooks import is_from_network
from merlin.api.services import ApiServices, services_of
from merlin.config import INSTALLATION_HEADER, installation_id
from merlin.core.errors import MerlinError, NotFound
from merlin.core.heartbeat import DATABASE_STATES
from merlin.core.log import get_logger, redact

T = TypeVar("T")
log = get_logger(__name__)

process_router = APIRouter(include_in_schema=False)

ANSWER_S = 3.0


@process_router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Return 200 while the process is running; checks nothing that a restart could not fix."""
    response = JSONResponse({"status": "ok"})
    with suppress(OSError):
        response.headers[INSTALLATION_HEADER] = installation_id(
            services_of(request).config
        )
    return response


@process_router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Return 200 if the database accepts writes, else 503, while reading calls are still served."""
    require_monitoring_address(request)
    state = await database_state(services_of(request))
    is_ready = state == "ok"
    return JSONResponse(
        {"ready": is_ready, "database": state}, 200 if is_ready else 503
    )


async def database_state(services: ApiServices) -> str:
    """Return whether the database stores a write: ok, full, read-only or silent."""
    try:
        await wait_for_database(services.write(lambda ctx: ctx.db.require_writable()))
    except MerlinError as error:
        return DATABASE_STATES.get(error.key, "silent")
    return "ok"


async def wait_for_database(answer: Awaitable[T]) -> T:
    """Return the database's answer. Raises MerlinError if there is none in time, and logs why."""
    try:
        return await asyncio.wait_for(answer, ANSWER_S)
    except (MerlinError, TimeoutError) as error:
        reason = redact(str(error)) or f"no answer within {ANSWER_S:g} seconds"
        log.warning("the database did not answer", reason=reason)
        raise MerlinError(
            reason, getattr(error, "key", "unhealthy-database")
        ) from error


def require_monitoring_address(request: Request) -> None:
    """Raise NotFound unless the call comes from a monitoring address."""
    if not is_from_network(request, services_of(request).config.api.monitoring):
        raise NotFound("not for this address")
