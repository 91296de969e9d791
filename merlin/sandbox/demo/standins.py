"""The demo's stand-ins in one process.

Telegram with its chat page, a chat model, YooKassa with its payment page, and the way of the
newest commit as JSON, for the right side of the chat page.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from merlin.config import Config, credential
from merlin.config.shop import YooKassaConfig
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import language_of
from merlin.sandbox.demo.story import newest, nothing
from merlin.sandbox.provider.app import ProviderSettings
from merlin.sandbox.provider.app import create_app as create_provider
from merlin.sandbox.server import ServerThread
from merlin.sandbox.telegram.server import TelegramSettings
from merlin.sandbox.telegram.server import create_app as create_telegram
from merlin.sandbox.yookassa.server import ShopSettings
from merlin.sandbox.yookassa.server import create_app as create_shop
from merlin.wiring.reading import reading_context


class WayApp:
    """ASGI application that tells the newest commit's way, read from the demo's database.

    `?lang=` picks the language of its notes.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._app = Starlette(routes=[Route("/", self._tell)])

    async def open(self) -> None:
        """Begin; nothing is kept open."""

    async def close(self) -> None:
        """End."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        await self._app(scope, receive, send)

    async def _tell(self, request: Request) -> Response:
        language = language_of(request.query_params.get("lang"), self._config.language)
        try:
            return JSONResponse(await run_in_threadpool(self._read, language))
        except MerlinError as error:
            return JSONResponse({"error": str(error)}, 503)

    def _read(self, language: str) -> dict[str, object]:
        try:
            with reading_context(self._config) as ctx:
                return newest(ctx, self._config.datasets.default, language)
        except NotFound:
            return nothing(self._config.datasets.default)  # the database is not made yet


@dataclass(frozen=True, slots=True)
class StandInPorts:
    """Where each of the stand-ins listens."""

    chat: int
    till: int
    model: int
    way: int


def run_standins(config: Config, folder: Path, ports: StandInPorts) -> None:
    """Serve them all until SIGTERM or SIGINT; what people said and paid survives a restart.

    Their people and pages speak the configuration's language.
    """
    language = config.language
    way = f"http://127.0.0.1:{ports.way}/"
    telegram = TelegramSettings(folder / "telegram", pipeline_url=way, language=language)
    servers = [
        ServerThread(lambda: create_telegram(telegram), ports.chat),
        ServerThread(lambda: create_provider(ProviderSettings(folder / "provider")), ports.model),
        ServerThread(lambda: create_shop(_shop(config, folder / "yookassa", language)), ports.till),
        ServerThread(lambda: WayApp(config), ports.way),
    ]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        server.start()
    stop.wait()
    for server in servers:
        server.stop()


def _shop(config: Config, folder: Path, language: str) -> ShopSettings:
    """Return the shop that the configuration speaks of; it tells our api of every payment."""
    shop = config.payments.yookassa or YooKassaConfig()
    host, port = config.api.address
    return ShopSettings(
        shop_id=credential(shop.shop_id),
        key=credential(shop.secret_key),
        notify_url=f"http://{host}:{port}/hooks/payment",
        language=language,
        folder=folder,
    )
