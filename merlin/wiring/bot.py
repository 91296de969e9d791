"""The bot, put together: database, cipher, providers, signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from merlin.adapters.openai_chat import OpenAIChat
from merlin.adapters.systemd import notify
from merlin.bot.limiter import Limits
from merlin.bot.main import run
from merlin.bot.services import BotServices, Pace, Rows
from merlin.chat.desk import Patience
from merlin.core.log import hide, setup
from merlin.inbox.owner import this_process
from merlin.store.cipher import load_or_make_key
from merlin.store.database import Database, open_database
from merlin.store.heartbeats import HeartbeatRows
from merlin.store.migrations import migrate
from merlin.store.notices import NoticeRows
from merlin.store.outgoing import OutgoingRows
from merlin.store.sessions import SessionRows
from merlin.store.shelf import ShelfRows
from merlin.store.turns import TurnRows
from merlin.store.updates import UpdateRows
from merlin.store.users import UserRows
from merlin.store.wake import WakeRow
from merlin.store.writer import Writer
from merlin.wiring.bot_token import bot_id

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One service of the OpenAI protocol; `model` None: the first that it lists."""

    name: str
    base_url: str
    key: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class BotSettings:
    """What the bot is started with.

    `database` is a URL; `telegram_url` the Bot API's server. `mode` is polling or webhook; then
    `webhook_url` and `webhook_secret` are told to Telegram. `limits`: overall a second, private a
    second, group a minute; 0 lifts one. `streaming` is edits or off. `text_key` is the credential
    MERLIN_TEXT_KEY, None without one.
    """

    state_dir: Path
    database: str
    token: str
    telegram_url: str = "https://api.telegram.org"
    mode: str = "polling"
    webhook_url: str = ""
    webhook_secret: str = ""
    admins: tuple[int, ...] = ()
    limits: tuple[float, float, float] = (30.0, 1.0, 20.0)
    streaming: str = "edits"
    language: str = "ru"
    default_dataset: str | None = None
    providers: tuple[ProviderSettings, ...] = ()
    text_key: str | None = None
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)


def run_bot(settings: BotSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError for a wrong token or key."""
    setup("bot")
    hide([settings.token, *(provider.key for provider in settings.providers)])
    asyncio.run(_until_signal(settings))


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
        database = stack.enter_context(open_database(settings.database))
        migrate(database)
        writer = Writer(database)
        stack.callback(writer.close)
        answerers = {each.name: OpenAIChat(each.base_url, each.key) for each in settings.providers}
        for answerer in answerers.values():
            stack.push_async_callback(answerer.aclose)
        await run(_services(settings, database, writer, answerers, told), stop)


def _services(
    settings: BotSettings,
    database: Database,
    writer: Writer,
    answerers: dict[str, OpenAIChat],
    told: Callable[[str], object] | None,
) -> BotServices:
    is_webhook = settings.mode == "webhook"
    return BotServices(
        token=settings.token,
        base_url=_bot_url(settings.telegram_url),
        store=_Store(writer),
        rows=_rows(settings, database),
        owner=this_process(),
        answerers=answerers,
        general=[(each.name, each.model) for each in settings.providers],
        admins=settings.admins,
        language=settings.language,
        default_dataset=settings.default_dataset,
        webhook=(settings.webhook_url, settings.webhook_secret) if is_webhook else None,
        streams=settings.streaming != "off",
        limits=Limits(*settings.limits),
        pace=settings.pace,
        patience=settings.patience,
        notify=told,
    )


def _rows(settings: BotSettings, database: Database) -> Rows:
    bot = bot_id(settings.token)
    cipher = load_or_make_key(settings.state_dir, settings.text_key)
    shelf = ShelfRows(database)
    return Rows(
        inbox=UpdateRows(database, cipher, bot),
        outbox=OutgoingRows(database, cipher, bot),
        users=UserRows(database),
        sessions=SessionRows(database, bot),
        turns=TurnRows(database, cipher, bot),
        shelf=shelf,
        showcase=shelf,
        notices=NoticeRows(database),
        heartbeats=HeartbeatRows(database),
        wake=WakeRow(database),
    )


def _bot_url(telegram_url: str) -> str:
    root = telegram_url.rstrip("/")
    return root if root.endswith("/bot") else f"{root}/bot"


class _Store:
    """Fulfils `bot.services.Store` by the writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, once it is stored."""
        return await self._writer.do(lambda _db: work())

    async def read(self, work: Callable[[], T]) -> T:
        """Return what `work`, which only reads, returns."""
        return await self._writer.read(lambda _db: work())
