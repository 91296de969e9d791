"""Probes: `/healthz` and `/readyz` state whether the process is alive and ready.

The latter answers only the monitoring addresses, and 404 to all others.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Annotated, TypeVar

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from merlin.api.hooks import is_from_network
from merlin.api.schema import operation_router
from merlin.api.services import ApiServices, services_of
from merlin.app.health import list_processes
from merlin.config import INSTALLATION_HEADER, installation_id
from merlin.core.errors import MerlinError, NotFound
from merlin.core.heartbeat import DATABASE_STATES
from merlin.core.log import get_logger, redact

T = TypeVar("T")
log = get_logger(__name__)

process_router = operation_router(tags=["process"])

ANSWER_S = 3.0
OTHERS = ("daemon", "bot")


Alive = TypedDict("Alive", {"status": str})
_Age = Annotated[
    float | None, Field(description="Seconds since the last heartbeat; null if there is none.")
]
ReadyProcess = TypedDict("ReadyProcess", {"alive": bool, "age_s": _Age, "step": str})
_Database = Annotated[
    str,
    Field(
        description=(
            "State of the database: `ok`, `full`, `read-only`, or `silent` if it does not respond."
        )
    ),
]
Ready = TypedDict(
    "Ready", {"ready": bool, "database": _Database, "processes": dict[str, ReadyProcess]}
)


@process_router.get("/healthz", summary="Check liveness")
async def healthz(request: Request, response: Response) -> Alive:
    """Return 200 while the process is running; checks nothing that a restart could not fix."""
    with suppress(OSError):
        response.headers[INSTALLATION_HEADER] = installation_id(services_of(request).config)
    return {"status": "ok"}


@process_router.get(
    "/readyz",
    summary="Check readiness",
    response_model=Ready,
    responses={
        503: {"model": Ready, "description": "The database does not accept writes"},
    },
)
async def readyz(request: Request) -> Response:
    """Return 200 if the database accepts writes, else 503.

    While it does not, read-only calls are still served. The state of the other processes is listed,
    but does not affect the status.
    """
    services = services_of(request)
    require_monitoring_address(request)
    views: dict[str, dict[str, object]] = {}
    try:
        found = await wait_for_database(services.read(list_processes))
        # The newest heartbeat of each process: several hosts may run the same one.
        now = services.clock()
        views = {name: {"alive": False, "age_s": None, "step": ""} for name in OTHERS}
        for beat in sorted(found, key=lambda beat: beat.at):
            age_s = round((now - beat.at).total_seconds(), 1)
            views[beat.process] = {
                "alive": beat.is_alive(now),
                "age_s": age_s,
                "step": beat.step,
            }
        state = await database_state(services)
    except MerlinError:
        state = "silent"
    is_ready = state == "ok"
    content = {"ready": is_ready, "database": state, "processes": views}
    return JSONResponse(content, 200 if is_ready else 503)


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
        raise MerlinError(reason, getattr(error, "key", "unhealthy-database")) from error


def require_monitoring_address(request: Request) -> None:
    """Raise NotFound unless the call comes from a monitoring address."""
    if not is_from_network(request, services_of(request).config.api.monitoring):
        raise NotFound("not for this address")
