"""`merlin api`: serve until SIGTERM or SIGINT, then finish what is under way."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import uvicorn
import uvloop

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.api.tls import tls_context
from merlin.core.listening import Listening
from merlin.core.log import get_logger
from merlin.core.server import Server, listen

log = get_logger(__name__)

FINISH_S = 15


def serve(services: ApiServices, where: Listening, on_ready: Callable[[], object]) -> None:
    """Serve until a signal; `on_ready` is called once the port answers.

    Port 0 takes a free one, told in the log. Raises ConfigError when the address is taken, or the
    certificate is no good.
    """
    config = server_config(services, where)
    with listen("api.listen", *where.address) as listener:
        address = listener.getsockname()
        log.info("api listens", host=address[0], port=address[1], tls=where.tls is not None)
        # What was imported stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Server(config, on_ready, services.connections).serve([listener]))
    log.info("api stopped")


def server_config(services: ApiServices, where: Listening) -> uvicorn.Config:
    """Return how the api is served. Raises ConfigError for a certificate that is no good."""
    context = tls_context(*where.tls) if where.tls else None
    return uvicorn.Config(
        create_app(services),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=bool(where.proxies),
        forwarded_allow_ips=list(where.proxies),
        ssl_context_factory=(lambda _config, _default: context) if context else None,
        timeout_graceful_shutdown=FINISH_S,
    )
