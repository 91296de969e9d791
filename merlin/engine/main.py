"""The engine's process: `merlin engine` serves until SIGTERM or SIGINT, then shuts down in order.

The application has the OpenAI protocol under /v1, health checks and metrics.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus

import uvicorn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from merlin import __version__
from merlin.config.engine import EngineSettings
from merlin.core import server
from merlin.core.connections import BoundedHttp, HttpServer, tls_context
from merlin.core.durable_files import is_disk_full
from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.engine import status
from merlin.engine.api import inference, training
from merlin.engine.child_process import limit_own_threads
from merlin.engine.context import Engine
from merlin.engine.model_store import list_warnings
from merlin.engine.trainers.base import Untrainable
from merlin.engine.trainers.recall import load_recall
from merlin.openai_protocol.errors import ApiError, bad_field

log = get_logger(__name__)

_ROUTER_MODULES = training, inference, status
SHUTDOWN_S = 10


def serve(
    settings: EngineSettings,
    on_ready: Callable[[], object] = lambda: None,
    still_alive: Callable[[], object] = lambda: None,
    place: str = "engine.listen",
) -> None:
    """Serve until a signal; `on_ready` is called when the port accepts connections.

    The event loop calls `still_alive` every second while all job threads are alive. Port 0 selects
    a free one, which is logged. Raises ConfigError, which names the `place` of the setting, for an
    address in use, LeadTaken if another engine has locked the folder.
    """
    with server.listen(place, settings.host, settings.port) as listener:
        serve_on(listener, settings, on_ready, still_alive)


def serve_on(
    listener: socket.socket,
    settings: EngineSettings,
    on_ready: Callable[[], object],
    still_alive: Callable[[], object] = lambda: None,
) -> None:
    """Serve on a listening socket as `serve` does."""
    limit_own_threads()
    tls = settings.tls
    address = listener.getsockname()
    context = tls_context(tls.certificate, tls.key, "engine.tls") if tls else None
    log.info("engine listens", host=address[0], port=address[1], tls=tls is not None)
    for name, key in list_warnings(settings.models, settings.folder):
        log.warning(text(settings.language, key, name=name))
    if not settings.models:  # with language models, `recall` may never be asked
        threading.Thread(target=load_recall, name="engine-encoder", daemon=True).start()

    async def serve_engine() -> None:
        app = create_app(settings)
        app.state.engine = engine = Engine(settings)
        config = uvicorn.Config(
            app,
            http=BoundedHttp,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            ssl_context_factory=(lambda _config, _default: context)
            if context
            else None,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        watching = server.notify_watchdog(still_alive, lambda: engine.work.is_alive)
        watchdog = asyncio.create_task(watching)
        try:
            await HttpServer(config, on_ready).serve([listener])
        finally:
            watchdog.cancel()
            await engine.close()

    asyncio.run(serve_engine())
    log.info("engine stopped")


def create_app(settings: EngineSettings) -> FastAPI:
    """Return the application, whose `state.engine` has to be set before it is served."""
    app = FastAPI(
        title="Merlin engine",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Routes of included routers would be rebuilt on the first request.
        routes=[
            route for subject in _ROUTER_MODULES for route in subject.router.routes
        ],
    )
    app.state.settings = settings
    for kind in (
        ApiError,
        Untrainable,
        HTTPException,
        ClientDisconnect,
        OSError,
        Exception,
    ):
        app.exception_handler(kind)(_handle_error)
    return app


def _build_error_response(refusal: ApiError) -> Response:
    return JSONResponse(refusal.as_json(), refusal.status, refusal.headers)


def _handle_error(request: Request, error: Exception) -> Response:
    language = request.app.state.settings.language
    match error:
        case ApiError():
            refusal = error
        case Untrainable():  # the base's files are missing or invalid
            message = text(language, error.key, **error.arguments)
            refusal = bad_field("model", message, error.code)
        case HTTPException():
            call = f"{request.method} {request.url.path}"
            message = f"Invalid URL ({call}): this engine has no such call."
            if request.url.path.split("/").count("v1") != 1:
                message += " The base URL ends with /v1, once."
            refusal = ApiError(error.status_code, message, code="unknown_url")
            if error.status_code == HTTPStatus.BAD_REQUEST:
                refusal = ApiError(400, f"The form cannot be read: {error.detail}")
            refusal.headers = error.headers
        case ClientDisconnect():
            refusal = ApiError(400, "The connection ended in the middle of the call.")
        case OSError():
            log.error("disk error", reason=str(error))
            message = "The engine's disk reports an error."
            code = "disk_error"
            if is_disk_full(error):
                message = "The engine's disk is full; make room."
                code = "disk_full"
            refusal = ApiError(507, message, code=code)
        case _:  # uvicorn logs it
            message = text(language, "engine-bug", kind=type(error).__name__)
            refusal = ApiError(500, message, code="server_error")
    return _build_error_response(refusal)
