"""The engine as one application: the OpenAI protocol under /v1, its own health beside it."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from merlin import __version__
from merlin.core.log import get_logger
from merlin.engine.guards import Guards
from merlin.engine.refusal import Refusal
from merlin.engine.routes import chat, files, health, jobs, models
from merlin.engine.services import Engine, open_engine
from merlin.engine.settings import EngineSettings

log = get_logger(__name__)


def create_app(settings: EngineSettings, engine: Engine | None = None) -> FastAPI:
    """Return the application of an open engine; without one it opens and closes its own.

    Raises ConfigError for settings that would leave it open to everybody.
    """
    settings.check()
    calls: Counter[tuple[str, int]] = Counter()
    app = FastAPI(
        title="Merlin engine",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=None if engine else _own_engine,
    )
    app.state.settings, app.state.engine, app.state.calls = settings, engine, calls
    for topic in (files, jobs, models, chat):
        app.include_router(topic.router, prefix="/v1")
    app.include_router(health.router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _no_such_call)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(OSError, _disk_refuses)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(Guards, key=settings.key, calls=calls)
    return app


@asynccontextmanager
async def _own_engine(app: FastAPI) -> AsyncIterator[None]:
    engine = await run_in_threadpool(open_engine, app.state.settings)
    app.state.engine = engine
    try:
        yield
    finally:
        await run_in_threadpool(engine.close)


def _answer(refusal: Refusal) -> Response:
    return JSONResponse(refusal.as_json(), refusal.status)


def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _answer(error)


def _no_such_call(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    words = f"Invalid URL ({request.method} {request.url.path}): this engine has no such call."
    return _answer(Refusal(status, words, code="unknown_url"))


def _gone(_request: Request, _error: Exception) -> Response:
    return _answer(Refusal(400, "The connection ended in the middle of the call."))


def _disk_refuses(_request: Request, error: Exception) -> Response:
    is_full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    log.error("disk refuses", reason=str(error))
    words = "The engine's disk is full; make room." if is_full else "The engine's disk refuses."
    return _answer(Refusal(507, words, code="disk_full" if is_full else "disk_error"))


def _bug(_request: Request, error: Exception) -> Response:
    words = f"A bug in the engine: {type(error).__name__}; its log says more."
    return _answer(Refusal(500, words, code="server_error"))
