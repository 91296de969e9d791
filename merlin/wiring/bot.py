"""Composition of the bot process: database, cipher, providers, leadership, signals."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop

from merlin.app.inbox import read_owner
from merlin.bot.main import run
from merlin.bot.services import BotServices
from merlin.chat.answer import AnswerService
from merlin.config import Config
from merlin.config.credentials import (
    BOT_TOKEN,
    bot_id,
    credential,
    telegram_proxy,
    webhook_secret,
)
from merlin.core.log import get_logger
from merlin.db.database import Database
from merlin.db.processes import Heartbeats, Lead
from merlin.db.writer import Store
from merlin.providers.documents import ChildReader
from merlin.providers.openai_chat import OpenAIAudio
from merlin.wiring.context import (
    create_chat_clients,
    make_cipher,
    open_checked_database,
)
from merlin.wiring.process import observe_process

# Code that waits for another thread's writes continues five times sooner than with Python's
# default.
_SWITCH_INTERVAL_S = 0.001
log = get_logger(__name__)


def run_bot(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError if the token or a key is wrong."""
    with observe_process(config, "bot"):
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        with open_checked_database(config) as database:
            uvloop.run(_run_until_signal(config, database))


async def _run_until_signal(config: Config, database: Database) -> None:
    async with services_of(config, database) as services:
        await run(services, stop_on_signal())


def stop_on_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    return stop


@asynccontextmanager
async def services_of(config: Config, database: Database) -> AsyncIterator[BotServices]:
    """Yield the bot's services over one database.

    Raises ConfigError if a credential is missing or invalid.
    """
    token = credential(BOT_TOKEN)
    chat = config.chat
    telegram = config.telegram
    async with AsyncExitStack() as stack:
        database.cipher = make_cipher(config, database)
        store = Store(database)
        stack.callback(store.close)
        answerers = create_chat_clients(config, is_streaming=chat.streaming != "off")
        for answerer in answerers.values():
            stack.push_async_callback(answerer.aclose)
        # Speech recognition, if configured.
        settings = chat.transcription
        transcriber = None
        provider = config.provider(settings.provider) if settings else None
        if settings is not None and provider is not None:
            key = credential(provider.credential)
            transcriber = OpenAIAudio(provider.base_url, key, settings.model)
            stack.push_async_callback(transcriber.aclose)
        lead = Lead(config.state_dir, config.database, f"bot-{bot_id(token)}")
        stack.callback(lead.release)
        is_webhook = telegram.mode == "webhook"
        yield BotServices(
            config=config,
            db=database,
            bot_id=bot_id(token),
            token=token,
            base_url=telegram.bot_url,
            proxy=telegram_proxy(telegram),
            store=store,
            heartbeats=Heartbeats(database),
            lead=lead,
            owner=read_owner(),
            answer_service=AnswerService(answerers),
            transcriber=transcriber,
            reader=ChildReader(),
            webhook=(telegram.webhook_url, webhook_secret(token))
            if is_webhook
            else None,
        )
