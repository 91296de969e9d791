"""The demo's stand-ins in one process.

Telegram with its chat page, a chat model, YooKassa with its payment page. The right side of the
chat page shows how far the newest commit is.
"""

from __future__ import annotations

import signal
import threading
from functools import partial
from pathlib import Path

from merlin.config import Config, credential
from merlin.config.shop import YooKassaConfig
from merlin.core.errors import NotFound
from merlin.sandbox.demo.story import newest, no_progress
from merlin.sandbox.provider.app import ProviderApp
from merlin.sandbox.server import ServerThread
from merlin.sandbox.telegram.server import TelegramSettings, create_app
from merlin.sandbox.yookassa.server import ShopApp, ShopSettings
from merlin.wiring.context import reading_context


def run_standins(config: Config, folder: Path, chat: int, shop: int, model: int) -> None:
    """Serve them all, each on its port, until SIGTERM or SIGINT; restarts lose nothing.

    Their people and pages speak the configuration's language.
    """
    read = partial(read_progress, config)
    telegram = TelegramSettings(folder / "telegram", read_pipeline=read, language=config.language)
    servers = [
        ServerThread(lambda: create_app(telegram), chat),
        ServerThread(lambda: ProviderApp(folder / "provider"), model),
        ServerThread(lambda: ShopApp(_shop(config, folder / "yookassa")), shop),
    ]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        server.start()
    stop.wait()
    for server in servers:
        server.stop()


def read_progress(config: Config, language: str) -> dict[str, object]:
    """Return how far the newest commit is, read from the demo's database."""
    try:
        with reading_context(config) as ctx:
            return newest(ctx, config.datasets.default, language)
    except NotFound:
        return no_progress(config.datasets.default)  # the database is not made yet


def _shop(config: Config, folder: Path) -> ShopSettings:
    """Return the shop that the configuration speaks of; it notifies our api of every payment."""
    shop = config.payments.yookassa or YooKassaConfig()
    host, port = config.api.address
    return ShopSettings(
        shop_id=credential(shop.shop_id),
        key=credential(shop.secret_key),
        notify_url=f"http://{host}:{port}/hooks/payment",
        language=config.language,
        folder=folder,
    )
