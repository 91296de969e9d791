"""`merlin bot`: receives updates, answers them and sends notices.

Its parts run concurrently and each restarts after an error. On shutdown nothing new starts,
answers in progress have some seconds to finish, and the rest stays stored for the next start.

It also reads the model lists and context windows of the providers: at the start, then every hour; a
provider that failed is retried after a minute. Without a repository, and so without a daemon, it
deletes old rows too.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from telegram.error import InvalidToken, TelegramError

from merlin.account.users import Users
from merlin.app.bot_settings import BOT_ID, BOT_NAME, Settings
from merlin.app.groups import Groups
from merlin.app.inbox import RENEW_S, Inbox, Update
from merlin.app.payment_worker import PaymentWorker
from merlin.app.retention import delete_in_batches
from merlin.bot.application import create_application, register
from merlin.bot.bot_api import BotApi, FileDownloader
from merlin.bot.commands import send_settings
from merlin.bot.context import ReceivedUpdate
from merlin.bot.notices import NoticeSender
from merlin.bot.outbox import OutboxSender, show_results
from merlin.bot.processor import (
    MAX_CONCURRENT,
    UpdateReceiver,
    message_authors,
    retry_until_stored,
)
from merlin.bot.services import OUTAGES, BotServices, run_every, run_forever, run_loop
from merlin.bot.stars import StarsGateway, with_stars
from merlin.bot.transport import AiohttpRequest
from merlin.chat.model_catalogue import ModelCatalogue, Windows
from merlin.core.errors import ConfigError, ProviderError
from merlin.core.heartbeat import TELEGRAM_DOWN, Failures, Heartbeat
from merlin.core.log import get_logger, redact
from merlin.core.probe import LIFE_SIGNS
from merlin.core.server import READY, STOPPING, WATCHDOG, notify_watchdog
from merlin.db.change_watch import ChangeCounter, changes_of
from merlin.db.notices import Notices
from merlin.providers.payments import Gateway

log = get_logger(__name__)

PAYMENTS_EVERY_S = 30.0
# A shorter pause between rounds, so that updates stored by the api are picked up quickly.
TAKEOVER_REST_S = 0.02


LISTS_EVERY_S = 3600.0
LISTS_LOOK_S = 60.0
MAX_LISTED = 1000


def make_model_list_loop(services: BotServices) -> Callable[[], Awaitable[None]]:
    """Return a loop that reads the model list of each provider and stores changes."""
    due: dict[str, float] = {}
    values: dict[str, Mapping[str, int | None]] = {}
    windows = Windows(services.db)

    async def ask(provider: str) -> None:
        try:
            cards = await services.answer_service.answerers[provider].models()
        except ProviderError as error:
            log.info("models are not listed", provider=provider, reason=str(error))
            return
        listed = {card.model_id: card.context_window for card in cards[:MAX_LISTED]}
        due[provider] = asyncio.get_running_loop().time() + LISTS_EVERY_S
        # An unchanged list must not overwrite a limit learned from a rejected request.
        if listed != values.get(provider):
            await services.store.do(lambda: windows.store_list(provider, listed))
            values[provider] = listed

    async def run() -> None:
        while True:
            serving = await services.store.read(ModelCatalogue(services.db).all_serving)
            models = [model.model for model in serving]
            # A list that lacks a serving model is read again at once.
            lacking = {
                model.provider
                for model in models
                if model.model_id not in values.get(model.provider, {})
            }
            now = asyncio.get_running_loop().time()
            listed_providers = [
                answerer
                for answerer in services.answer_service.answerers
                if answerer in lacking or due.get(answerer, now) <= now
            ]
            await asyncio.gather(*map(ask, listed_providers))
            await asyncio.sleep(LISTS_LOOK_S)

    return run


async def run(services: BotServices, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then shut down. Raises ConfigError for a wrong token."""
    pace = services.pace
    transport = AiohttpRequest(pace.read_s, pace.longest_pause_s, services.proxy)
    await transport.initialize()
    try:
        await Bot(services, transport).serve(stop)
    finally:
        await transport.shutdown()


class Bot:
    """The parts of one running bot."""

    def __init__(self, services: BotServices, transport: AiohttpRequest) -> None:
        self._services = services
        self._transport = transport
        self._application, self._processor = create_application(services, transport)
        bot_api = BotApi(
            self._application.bot,
            transport,
            self._move_group,
            self._report_refused_blocks,
        )
        self._sender = sender = OutboxSender(services, bot_api, transport)
        data = self._application.bot_data
        data.services = services
        data.bot_api = bot_api
        data.sender = sender
        data.files = FileDownloader(self._application.bot)
        register(self._application)
        self._receiver = UpdateReceiver(
            services, self._application.bot, transport, self._processor
        )
        self._notices = NoticeSender(services, sender)
        self._failures = Failures(OUTAGES)
        payments = with_stars(services, bot_api)
        self._payments = PaymentWorker(
            payments,
            only=Gateway.STARS,
            change_renewal=StarsGateway(bot_api).change_renewal,
            failures=self._failures,
        )
        self._since = services.clock()
        self._inbox = Inbox(services.db, services.bot_id)

    async def serve(self, stop: asyncio.Event) -> None:
        """Run every part until `stop` is set."""
        services = self._services
        longest_s = self._services.pace.longest_pause_s
        await self._application.initialize()
        try:
            await self._application.bot.get_me()
        except InvalidToken:
            raise ConfigError(
                "Telegram does not know this bot token", "bot-bad-token"
            ) from None
        except TelegramError as error:
            # Pending updates are answered when it is back.
            log.info("telegram did not tell the bot's name", reason=redact(str(error)))
        await retry_until_stored(
            services, self._sender.recover, "deliveries could not be stored"
        )
        self._sender.forget_recovered()
        with changes_of(services.db) as changes:
            work = [
                *(
                    run_forever(name, part, longest_s, self._failures)
                    for name, part in self._parts(changes)
                ),
                send_settings(self._application.bot, self._transport, services),
            ]
            parts = [asyncio.create_task(part) for part in work]
            services.notify(READY)
            streaming = services.config.chat.streaming
            log.info("bot started", polls=services.webhook is None, streaming=streaming)
            await stop.wait()
            services.notify(STOPPING)
            await self._end(parts)
        log.info("bot stopped")

    def _parts(
        self, changes: ChangeCounter
    ) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        services = self._services
        results = partial(show_results, services)
        parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("watchdog", lambda: notify_watchdog(self._show_alive)),
            ("heartbeat", self._send_heartbeats),
            ("introduction", self._store_identity),
            (
                "takeover",
                lambda: run_loop(self._take_over, changes, rest_s=TAKEOVER_REST_S),
            ),
            ("notices", lambda: run_loop(self._notices.send_pending, changes)),
            ("results", lambda: run_loop(results, changes)),
            (
                "payments",
                lambda: run_loop(self._payments.run_once, changes, PAYMENTS_EVERY_S),
            ),
            ("model lists", make_model_list_loop(self._services)),
        ]
        if services.config.repository is None:
            parts.append(
                ("old rows", lambda: run_every(self._expire, services.pace.expire_s))
            )
        parts.append(("updates", self._receiver.run))
        if services.webhook is None:
            parts.append(("lead", self._receiver.keep_lead))
        return parts

    async def _end(self, parts: list[asyncio.Task[None]]) -> None:
        for part in parts:
            part.cancel()
        await asyncio.wait(parts)
        await self._processor.close(self._services.pace.finish_s)
        await self._notices.close()
        await self._services.store.do(lambda: self._inbox.release(self._services.owner))
        await self._services.store.do(self._services.heartbeats.withdraw)
        # The database is closed next: under a statement of `_expire` SQLite crashed the process.
        await asyncio.get_running_loop().shutdown_default_executor()

    async def _move_group(self, old_id: int, new_id: int) -> None:
        """Move the data of a group to its supergroup."""
        log.info("a group became a supergroup", old=old_id, new=new_id)
        groups = Groups(self._services.db, self._services.bot_id)
        await self._services.store.do(lambda: groups.move(old_id, new_id))

    async def _report_refused_blocks(self, reason: str) -> None:
        notices = Notices(self._services.db, self._services.clock)
        arguments = {"reason": reason}
        await self._services.store.do(
            lambda: notices.notify_daily("notice-blocks-refused", arguments)
        )

    async def _store_identity(self) -> None:
        """Store the bot's id and name as soon as getMe succeeds, then wait for ever."""
        bot = self._application.bot
        if not bot.username:
            await self._transport.retry_until_accepted(bot.get_me)
        settings = Settings(self._services.db)

        def store() -> None:
            # The api process has no token.
            settings.put(BOT_ID, str(bot.id))
            settings.put(BOT_NAME, bot.username)

        await self._services.store.do(store)
        await asyncio.Event().wait()

    async def _expire(self) -> None:
        """Delete old rows, in a thread of its own: the writing one has people waiting."""
        services = self._services
        work = partial(
            delete_in_batches, services.db, services.config.retention, services.clock()
        )
        await asyncio.to_thread(work)

    async def _take_over(self) -> None:
        """Queue updates of chats without a live owner, and those stored by others in own chats."""
        owner = self._services.owner
        unfinished = self._processor.unfinished
        room = MAX_CONCURRENT - self._processor.working

        def find() -> tuple[list[Update], list[Update]]:
            # Read first: updates claimed below are in own chats too, and must count as resumed.
            fresh = self._inbox.list_arrived(owner, unfinished, MAX_CONCURRENT)
            claimed = self._inbox.claim(owner, room) if room > 0 else []
            if claimed:
                self._sender.recover()
            Users(self._services.db).record(message_authors([*fresh, *claimed]))
            return fresh, claimed

        fresh, claimed = await self._services.store.do(find)
        bot = self._application.bot
        self._processor.add(ReceivedUpdate.parse(stored, bot) for stored in fresh)
        self._processor.add(
            ReceivedUpdate.parse(stored, bot, is_resumed=True) for stored in claimed
        )

    def _show_alive(self) -> None:
        self._services.notify(WATCHDOG)
        LIFE_SIGNS.show_alive()

    async def _send_heartbeats(self) -> None:
        """Send a heartbeat once a second, and renew the leases."""
        renewed = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            is_due = clock() - renewed >= RENEW_S
            await self._services.store.do(partial(self._store_heartbeat, is_due=is_due))
            if is_due:
                renewed = clock()
            await asyncio.sleep(self._services.pace.beat_s)

    @property
    def _step(self) -> str:
        if self._transport.is_down:
            return TELEGRAM_DOWN
        return "updates go elsewhere" if self._receiver.has_conflict else "serving"

    def _store_heartbeat(self, *, is_due: bool) -> None:
        services = self._services
        if is_due:
            self._inbox.renew(services.owner)
        services.heartbeats.beat(
            Heartbeat(
                process="bot",
                host=socket.gethostname(),
                pid=os.getpid(),
                since=self._since,
                at=services.clock(),
                step=self._step,
                counters={
                    "waiting": self._inbox.count_unfinished(),
                    "queued": self._processor.waiting,
                    "working": self._processor.working,
                    **services.db.connection_counter,
                    "telegram_429": self._transport.floods,
                    **services.answer_service.refusals,
                },
                failing=self._failures.bugs,
            )
        )
