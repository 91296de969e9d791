"""The API application: startup, TLS, middleware, background tasks and shutdown.

`serve` runs until SIGTERM or SIGINT, then finishes the requests in progress. TLS uses the
listener's own certificate, for installations without an HTTPS proxy.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from merlin import __version__
from merlin.api.auth import find_user_id
from merlin.api.middleware import Traffic, body_limit_layer, request_guard
from merlin.api.openapi import DESCRIPTION, add_description
from merlin.api.pages.errors import add_error_pages
from merlin.api.pages.site import page_routes
from merlin.api.problems import add_problems
from merlin.api.question_stream import release_stale_reservations
from merlin.api.rate_limits import Limits, LoginThrottle, limits_layer
from merlin.api.response_cache import CatalogueCache
from merlin.api.routers import api_routes
from merlin.api.services import ApiServices
from merlin.app.answer_counts import AnswerCounts
from merlin.app.payment_worker import PaymentWorker
from merlin.config.settings import ApiConfig
from merlin.core import server
from merlin.core.clock import utc_now
from merlin.core.connections import BoundedHttp, HttpServer, tls_context
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Failures, Heartbeat
from merlin.core.log import get_logger
from merlin.db.change_watch import MAX_WAIT_S, ChangeCounter, changes_of
from merlin.db.processes import Heartbeats

log = get_logger(__name__)

# How often stale reservations and old call counts are removed.
RELEASE_S = 60.0


def create_app(services: ApiServices) -> FastAPI:
    """Return the ASGI application; it needs its lifespan to run."""
    app = FastAPI(
        title="Merlin",
        **DESCRIPTION,
        version=__version__,
        docs_url=None,  # its page loads scripts from other sites; `api.pages.site` serves ours
        redoc_url=None,
        redirect_slashes=False,  # the redirect would contain the Host header of the request
        routes=[*api_routes(), *page_routes()],
        lifespan=partial(_lifespan, services),
    )
    app.state.services = services
    app.state.traffic = Traffic()
    app.state.answers = AnswerCounts()
    app.state.catalogue = CatalogueCache()
    app.state.login_throttle = LoginThrottle()
    app.state.limits = Limits(services.config.api.limits)
    add_problems(app)
    add_description(app)
    add_error_pages(app)
    app.add_middleware(GZipMiddleware, compresslevel=5)
    app.add_middleware(body_limit_layer)
    app.add_middleware(limits_layer, limits=app.state.limits, find_user_id=find_user_id)
    app.add_middleware(request_guard, traffic=app.state.traffic)
    return app


@asynccontextmanager
async def _lifespan(services: ApiServices, app: FastAPI) -> AsyncIterator[None]:
    """Run the background tasks; at shutdown, cancel open questions and release their quota."""
    state = app.state
    state.question_tasks = set[asyncio.Task[Any]]()
    state.payment_worker = PaymentWorker(services)
    catalogue: CatalogueCache = state.catalogue
    poll_version = partial(catalogue.poll_version, services)
    heartbeats = Heartbeats(services.db)
    since = utc_now()
    refusals = services.answer_service.refusals
    write_heartbeat = partial(_write_heartbeat, heartbeats, refusals, since)
    beat = partial(services.store.do, write_heartbeat)
    release = partial(services.write, release_stale_reservations)
    with changes_of(services.db) as changes:
        work = [
            server.notify_watchdog(server.show_alive),
            repeat(
                poll_version, MAX_WAIT_S, "the catalogue's version is unknown", changes
            ),
            repeat(beat, server.ALIVE_S, "heartbeats cannot be stored"),
            repeat(release, RELEASE_S, "abandoned questions wait"),
        ]
        if services.gateway is not None or services.plans:
            work.append(state.payment_worker.serve())
        background_tasks = [asyncio.create_task(coroutine) for coroutine in work]
        try:
            yield
        finally:
            await _cancel([*state.question_tasks])
            for answerer in services.answer_service.answerers.values():
                await answerer.aclose()
        await _cancel(background_tasks)
        with suppress(MerlinError):
            await services.store.do(heartbeats.withdraw)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _write_heartbeat(
    heartbeats: Heartbeats, refusals: Mapping[str, int], since: datetime
) -> None:
    """Write the heartbeat of this API process, which started at `since`."""
    counters = {**heartbeats.db.connection_counter, **refusals}
    process = os.getpid()
    host = socket.gethostname()
    heartbeats.beat(
        Heartbeat("api", host, process, since, utc_now(), "serving", counters)
    )


async def repeat(
    work: Callable[[], Awaitable[object]],
    every_s: float,
    failure: str,
    changes: ChangeCounter | None = None,
) -> None:
    """Run `work` every `every_s` seconds, counted from its end, until cancelled.

    A failure is logged as `failure`. With `changes`, `work` also runs after each change.
    """
    failures = Failures()
    while True:
        count = changes.count if changes else 0
        try:
            await work()
            failures.end()
        except Exception as error:  # noqa: BLE001 - it is logged
            failures.add(failure, error)
        await (changes.wait(count, every_s) if changes else asyncio.sleep(every_s))


FINISH_S = 7


def serve(
    services: ApiServices,
    api: ApiConfig,
    on_ready: Callable[[], object],
    on_exit: Callable[[], object] = object,
) -> None:
    """Serve until a signal, at which `on_exit` is called.

    `on_ready` is called once the port accepts connections.
    Port 0 takes a free port, which is logged. Raises ConfigError if the address is in use or the
    certificate is invalid.
    """
    config = server_config(services, api)
    with server.listen("api.listen", *api.address) as listener:
        address = listener.getsockname()
        log.info(
            "api listens", host=address[0], port=address[1], tls=api.tls is not None
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(HttpServer(config, on_ready, on_exit).serve([listener]))
    log.info("api stopped")


def server_config(services: ApiServices, api: ApiConfig) -> uvicorn.Config:
    """Return the uvicorn configuration. Raises ConfigError for an invalid certificate."""
    tls = api.tls
    context = tls_context(tls.certificate, tls.key, "api.tls") if tls else None
    return uvicorn.Config(
        create_app(services),
        http=BoundedHttp,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=bool(api.proxies),
        forwarded_allow_ips=list(api.proxies),
        ssl_context_factory=(lambda _config, _default: context) if context else None,
        timeout_graceful_shutdown=FINISH_S,
    )
