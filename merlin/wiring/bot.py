"""The bot, put together: database, cipher, providers, the lead, signals."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop

from merlin.app.inbox import this_process
from merlin.bot.main import run
from merlin.bot.services import BotServices
from merlin.config import BOT_TOKEN, Config, bot_id, credential, webhook_secret
from merlin.core.log import get_logger
from merlin.core.server import notify
from merlin.db.processes import AsyncLead, Heartbeats, Lead
from merlin.db.writer import Store
from merlin.engine.trainers.recall import teach_and_ask
from merlin.providers.documents import ChildReader, is_walled
from merlin.providers.openai_chat import OpenAIAudio
from merlin.wiring.context import (
    answerers_of,
    make_cipher,
    opened_whole,
)
from merlin.wiring.process import observe_process

# Who waits for what another thread has stored gets on five times sooner than by Python's default.
_SWITCH_S = 0.001
log = get_logger(__name__)


def run_bot(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError for a wrong token or key."""
    with observe_process(config, "bot"):
        # Beside: trying takes as long as a document.
        threading.Thread(target=_tell_walls, name="merlin-walls", daemon=True).start()
        # What was imported stays for ever: looking through it for garbage would cost long pauses.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(_SWITCH_S)
        uvloop.run(_until_signal(config))


def _tell_walls() -> None:
    """Say in the log what keeps a reader of documents from files and network on this machine."""
    if is_walled():
        log.info("the kernel keeps readers of documents from files and network")
    else:
        log.warning("no filter of system calls: only Python keeps readers of documents from files")


async def _until_signal(config: Config) -> None:
    async with services_of(config, notify) as services:
        await run(services, stop_on_signal())


def stop_on_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def services_of(
    config: Config, report: Callable[[str], object] | None = None
) -> AsyncIterator[BotServices]:
    """Yield the bot's services; `report` hears READY=1 and the rest of what systemd is told.

    Raises ConfigError for a credential that is missing or no good.
    """
    token, chat, telegram = credential(BOT_TOKEN), config.chat, config.telegram
    async with AsyncExitStack() as stack:
        database = stack.enter_context(opened_whole(config))
        database.cipher = make_cipher(config)
        store = Store(database)
        stack.callback(store.close)
        answerers = answerers_of(config, in_pieces=chat.streaming != "off")
        for answerer in answerers.values():
            stack.push_async_callback(answerer.aclose)
        # What hears voices, where something is named.
        choice, transcriber = chat.transcription, None
        provider = config.provider(choice.provider) if choice else None
        if choice is not None and provider is not None:
            key = credential(provider.credential)
            transcriber = OpenAIAudio(provider.base_url, key, choice.model)
            stack.push_async_callback(transcriber.aclose)
        leading = AsyncLead(Lead(config.state_dir, config.database, f"bot-{bot_id(token)}"))
        stack.callback(leading.close)
        is_webhook = telegram.mode == "webhook"
        yield BotServices(
            config=config,
            db=database,
            bot_id=bot_id(token),
            token=token,
            base_url=f"{telegram.base_url.rstrip('/').removesuffix('/bot')}/bot",
            store=store,
            heartbeats=Heartbeats(database),
            lead=leading,
            owner=this_process(),
            answerers=answerers,
            teach=teach_and_ask,
            transcriber=transcriber,
            reader=ChildReader(chat.limits),
            webhook=(telegram.webhook_url, webhook_secret(token)) if is_webhook else None,
            notify=report,
        )
