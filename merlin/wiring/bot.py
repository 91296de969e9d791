"""The bot, put together: database, cipher, providers, the lead, signals."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from merlin.app.inbox import this_process
from merlin.billing.plan import Plan
from merlin.bot.main import run
from merlin.bot.services import BotServices, Pace
from merlin.chat.answer import RetryPolicy
from merlin.chat.model_catalogue import General
from merlin.chat.presets import Preset
from merlin.config import Config
from merlin.config.settings import AnswerBudget, MediaLimits, Retention, TelegramLimits
from merlin.config.shop import PaymentsConfig
from merlin.core.log import get_logger, hide_secrets, set_up_logging
from merlin.core.loopback import is_loopback
from merlin.core.server import notify
from merlin.db.database import Database
from merlin.db.encryption import load_or_make_key
from merlin.db.processes import Heartbeats, Lead
from merlin.db.writer import Store, Writer
from merlin.providers.documents import ChildReader, is_walled
from merlin.providers.openai_chat import OpenAIAudio, OpenAIChat
from merlin.wiring.bot_token import bot_id
from merlin.wiring.context import context_values
from merlin.wiring.database import opened_whole
from merlin.wiring.models import ProviderSettings, answerers_of


class Leading:
    """The lead of a bot by the lock of one name."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="merlin-lead")

    async def keep(self) -> bool:
        """Return whether this process leads, taking the lead where it is free.

        Raises DatabaseAway when nobody can say.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._lead.keep)

    async def release(self) -> None:
        """Give the lead back; harmless when it is not ours."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._lead.release)

    def close(self) -> None:
        """Give the lead back, and end the thread."""
        self._thread.submit(self._lead.release).result()
        self._thread.shutdown()


# Who waits for what another thread has stored gets on five times sooner than by Python's default.
_SWITCH_S = 0.001
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BotSettings:
    """What the bot is started with.

    `database` is a URL; `telegram_url` the Bot API's server. `mode` is polling or webhook; then
    `webhook_url` and `webhook_secret` are told to Telegram. `link_url` is where links open the bot.
    `limits`: overall a second, private a second, group a minute; 0 lifts one. `streaming` is edits,
    drafts or off. `text_key` is the credential MERLIN_TEXT_KEY, None without one. `transcription`
    hears voices, `vision` sees pictures; None: that is not switched on.
    """

    state_dir: Path
    database: str
    token: str
    telegram_url: str = "https://api.telegram.org"
    mode: str = "polling"
    webhook_url: str = ""
    webhook_secret: str = ""
    link_url: str = "https://t.me"
    admins: tuple[int, ...] = ()
    limits: TelegramLimits = field(default_factory=TelegramLimits)
    streaming: str = "edits"
    plans: tuple[Plan, ...] = ()
    selling: PaymentsConfig = field(default_factory=PaymentsConfig)
    caps: AnswerBudget = field(default_factory=AnswerBudget)
    public_url: str = ""
    timezone: str = "UTC"
    language: str = "ru"
    default_dataset: str | None = None
    providers: tuple[ProviderSettings, ...] = ()
    assistant: General | None = None
    transcription: General | None = None
    vision: General | None = None
    media_limits: MediaLimits = field(default_factory=MediaLimits)
    presets: tuple[Preset, ...] = ()
    text_key: str | None = None
    retention: Retention = field(default_factory=Retention)
    config: Config | None = None
    pace: Pace = field(default_factory=Pace)
    patience: RetryPolicy = field(default_factory=RetryPolicy)


def run_bot(settings: BotSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError for a wrong token or key."""
    set_up_logging("bot")
    hide_secrets([settings.token, *(provider.key for provider in settings.providers)])
    # Beside: trying takes as long as a document.
    threading.Thread(target=_tell_walls, name="merlin-walls", daemon=True).start()
    # What was imported stays for ever: looking through it for garbage would cost long pauses.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
    uvloop.run(_until_signal(settings))


def _tell_walls() -> None:
    """Say in the log what keeps a reader of documents from files and network on this machine."""
    if is_walled():
        log.info("the kernel keeps readers of documents from files and network")
    else:
        log.warning("no filter of system calls: only Python keeps readers of documents from files")


async def _until_signal(settings: BotSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop, notify)


async def serve(
    settings: BotSettings, stop: asyncio.Event, told: Callable[[str], object] | None = None
) -> None:
    """Serve until `stop` is set; `told` hears READY=1 and the rest of what systemd is told."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(opened_whole(settings.database))
        writer = Writer(database)
        stack.callback(writer.close)
        streams = settings.streaming != "off"
        answerers = answerers_of(settings.providers, in_pieces=streams)
        for answerer in answerers.values():
            stack.push_async_callback(answerer.aclose)
        name = f"bot-{bot_id(settings.token)}"
        leading = Leading(Lead(settings.state_dir, settings.database, name))
        stack.callback(leading.close)
        services = _services(settings, database, writer, answerers, told, leading)
        transcriber = _transcriber(settings)
        if transcriber is not None:
            stack.push_async_callback(transcriber.aclose)
        await run(replace(services, transcriber=transcriber), stop)


def _transcriber(settings: BotSettings) -> OpenAIAudio | None:
    """Return what hears voices, None where nothing is named or its provider is not there."""
    name, model_id = settings.transcription or ("", None)
    provider = next((each for each in settings.providers if each.name == name), None)
    if provider is None or not model_id:
        return None
    return OpenAIAudio(provider.base_url, provider.key, model_id)


def _services(
    settings: BotSettings,
    database: Database,
    writer: Writer,
    answerers: dict[str, OpenAIChat],
    told: Callable[[str], object] | None,
    leading: Leading,
) -> BotServices:
    database.cipher = load_or_make_key(settings.state_dir, settings.text_key)
    is_webhook, store = settings.mode == "webhook", Store(writer)
    return BotServices(
        token=settings.token,
        base_url=_bot_url(settings.telegram_url),
        store=store,
        heartbeats=Heartbeats(database),
        lead=leading,
        owner=this_process(),
        answerers=answerers,
        **context_values(settings.config),
        db=database,
        bot_id=bot_id(settings.token),
        state_dir=settings.state_dir,
        plans=settings.plans,
        selling=settings.selling,
        general=[(each.name, each.model) for each in settings.providers],
        assistant=settings.assistant,
        transcription=settings.transcription,
        vision=settings.vision,
        reader=ChildReader(settings.media_limits),
        media_limits=settings.media_limits,
        presets=settings.presets,
        retention=settings.retention,
        hosts={each.name: _host(each.base_url) for each in settings.providers},
        admins=settings.admins,
        answer_budget=settings.caps,
        public_url=settings.public_url,
        timezone=settings.timezone,
        language=settings.language,
        default_dataset=settings.default_dataset,
        link_url=settings.link_url,
        webhook=(settings.webhook_url, settings.webhook_secret) if is_webhook else None,
        streaming=settings.streaming,
        limits=settings.limits,
        pace=settings.pace,
        patience=settings.patience,
        notify=told,
    )


def _host(base_url: str) -> str:
    host = urlsplit(base_url).hostname or ""
    return "" if is_loopback(host) else host


def _bot_url(telegram_url: str) -> str:
    root = telegram_url.rstrip("/")
    return root if root.endswith("/bot") else f"{root}/bot"
