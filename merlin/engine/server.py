"""The engine as one application: the OpenAI protocol under /v1, its own health beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Scope

from merlin import __version__
from merlin.core.body import Bodies, Weight
from merlin.core.connections import Connections
from merlin.core.log import get_logger
from merlin.core.loopback import LOOPBACK
from merlin.core.text import text
from merlin.engine.answering.asking import Busy, Unavailable
from merlin.engine.bases import Bases
from merlin.engine.caller import owned
from merlin.engine.failure import is_full, language_asked, words_of_bug
from merlin.engine.guards import Guards
from merlin.engine.refusal import Refusal, bad
from merlin.engine.routes import (
    audio,
    chat,
    embeddings,
    files,
    health,
    jobs,
    models,
    page,
    webhooks,
)
from merlin.engine.services import Engine, open_engine
from merlin.engine.settings import EngineSettings
from merlin.engine.trainers import Untrainable

log = get_logger(__name__)

# All large bodies under way together.
BODIES_BYTES = 128 * 1024 * 1024


def create_app(
    settings: EngineSettings, engine: Engine | None = None, bases: Bases | None = None
) -> FastAPI:
    """Return the application of an open engine; without one it opens and closes its own.

    `bases` are the settings' own where none are given.

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
    app.state.bases = bases
    # Our own processes ask from here, as many questions at once as there are people.
    app.state.connections = Connections(trusted=LOOPBACK)
    app.state.bodies = Bodies(BODIES_BYTES)
    for topic in (files, jobs, models, chat, embeddings, audio, webhooks):
        app.include_router(topic.router, prefix="/v1", dependencies=[Depends(owned)])
    app.include_router(health.router)
    app.include_router(page.router)
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(Busy)(_busy)
    app.exception_handler(Unavailable)(_unavailable)
    app.exception_handler(Untrainable)(_not_ready)
    app.exception_handler(HTTPException)(_no_such_call)
    app.exception_handler(ClientDisconnect)(_gone)
    app.exception_handler(OSError)(_disk_refuses)
    app.exception_handler(Exception)(_bug)
    app.add_middleware(Weight, bodies=app.state.bodies, full=_no_room)
    app.add_middleware(Guards, key=settings.key, calls=calls)
    return app


@asynccontextmanager
async def _own_engine(app: FastAPI) -> AsyncIterator[None]:
    engine = await run_in_threadpool(open_engine, app.state.settings, app.state.bases)
    app.state.engine = engine
    try:
        yield
    finally:
        await engine.close()


def _answer(refusal: Refusal) -> Response:
    return JSONResponse(refusal.as_json(), refusal.status, refusal.headers)


def _refused(_request: Request, error: Refusal) -> Response:
    return _answer(error)


def _busy(_request: Request, error: Busy) -> Response:
    words = "Too many questions wait for this model; ask again a little later."
    answer = _answer(Refusal(429, words, code="rate_limit_exceeded"))
    answer.headers["retry-after"] = str(error.retry_after_s)
    return answer


def _unavailable(_request: Request, error: Unavailable) -> Response:
    return _answer(Refusal(503, str(error), code="model_unavailable"))


def _not_ready(request: Request, error: Untrainable) -> Response:
    """Answer for a base whose files are missing or cannot be used."""
    words = text(language_asked(request), error.key, **error.arguments)
    return _answer(bad("model", words, error.code))


def _no_such_call(request: Request, error: HTTPException) -> Response:
    words = f"Invalid URL ({request.method} {request.url.path}): this engine has no such call."
    return _answer(Refusal(error.status_code, words, code="unknown_url"))


def _no_room(_scope: Scope) -> ASGIApp:
    words = "Too many large bodies are under way; try again a little later."
    answer = _answer(Refusal(503, words, code="too_many_bodies"))
    answer.headers["retry-after"] = "5"
    return answer


def _gone(_request: Request, _error: ClientDisconnect) -> Response:
    return _answer(Refusal(400, "The connection ended in the middle of the call."))


def _disk_refuses(_request: Request, error: OSError) -> Response:
    log.error("disk refuses", reason=str(error))
    if is_full(error):
        return _answer(Refusal(507, "The engine's disk is full; make room.", code="disk_full"))
    return _answer(Refusal(507, "The engine's disk refuses.", code="disk_error"))


def _bug(_request: Request, error: Exception) -> Response:
    return _answer(Refusal(500, words_of_bug(error), code="server_error"))
