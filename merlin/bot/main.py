"""`merlin bot`: take updates in, answer them, tell people what is to be told.

Its parts run side by side and each begins anew when it breaks. On a stop nothing new is begun, what
is being answered has some seconds to end, and the rest lies stored for the next start.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Set
from functools import partial

from telegram import Bot as TelegramBot
from telegram.error import InvalidToken, TelegramError

from merlin.bot.calls import Calls
from merlin.bot.files import Files
from merlin.bot.greeting import greet
from merlin.bot.herald import EVERY_S, Herald
from merlin.bot.housekeeping import EVERY_S as HOUSE_S
from merlin.bot.housekeeping import Housekeeping
from merlin.bot.intake import Intake, writers
from merlin.bot.kit import Kit
from merlin.bot.lanes import AT_ONCE, Lanes
from merlin.bot.limiter import ChatLimiter
from merlin.bot.line import Line
from merlin.bot.me import Me
from merlin.bot.post import Post
from merlin.bot.results import Results
from merlin.bot.rounds import counter, every, forever, walk
from merlin.bot.sender import Sender
from merlin.bot.services import BotServices
from merlin.bot.stars.comparing import Comparing
from merlin.bot.stars.sending import StarsDesk
from merlin.bot.stars.teller import EVERY_S as TELLER_S
from merlin.bot.stars.teller import Teller
from merlin.bot.transport import AiohttpRequest
from merlin.bot.windows import ModelLists
from merlin.bot.wire import Wire
from merlin.bot.work import Work
from merlin.chat.desk import Desk
from merlin.core.errors import ConfigError
from merlin.core.heartbeat import BugCount, Heartbeat
from merlin.core.log import get_logger
from merlin.core.notice import tell_failing
from merlin.inbox.owner import RENEW_S
from merlin.inbox.update import Update

log = get_logger(__name__)


async def run(services: BotServices, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then end cleanly. Raises ConfigError for a wrong token."""
    transport = AiohttpRequest()
    await transport.initialize()
    try:
        await Bot(services, transport).serve(stop)
    finally:
        await transport.shutdown()


class Bot:
    """The parts of one running bot."""

    def __init__(self, services: BotServices, transport: AiohttpRequest) -> None:
        self._services = services
        self._line = Line(services.pace.longest_pause_s)
        pace = ChatLimiter(services.limits)
        # For what belongs to no chat and needs no pace; the library's ExtBot takes 4 MB more.
        self._telegram = TelegramBot(
            services.token,
            base_url=services.base_url,
            request=transport,
            get_updates_request=transport,
        )
        wire = Wire(f"{services.base_url}{services.token}", transport, pace)
        calls = Calls(wire, self._line, self._moved)
        sender = Sender(services, calls, self._line)
        self._files = Files(services.token, services.base_url)
        desk = Desk(services.answerers, services.patience)
        self._me = Me(services.link_url)
        kit = Kit(services, calls, sender, desk, self._files, me=self._me)
        work = Work(kit)
        self._watch = partial(kit.watches.round, services.store, calls)
        self._lanes = Lanes(work.do, work.refuse)
        self._intake = Intake(services, transport, self._line, self._lanes)
        self._post = Post(services, sender)
        self._housekeeping = Housekeeping(services)
        self._results = Results(services)
        self._herald = Herald(services)
        stars = StarsDesk(calls)
        self._teller = Teller(services, stars)
        self._comparing = Comparing(services, stars)
        self._bugs = BugCount()
        self._since = services.clock()

    async def serve(self, stop: asyncio.Event) -> None:
        """Run every part until `stop` is set."""
        await self._files.open()
        try:
            await self._serve(stop)
        finally:
            await self._files.close()

    async def _serve(self, stop: asyncio.Event) -> None:
        await self._check_token()
        longest_s = self._services.pace.longest_pause_s
        parts = [
            asyncio.create_task(forever(name, part, longest_s, self._bugs))
            for name, part in self._parts()
        ]
        parts.append(asyncio.create_task(self._greet()))
        self._notify("READY=1")
        log.info(
            "bot started", polls=self._services.webhook is None, streaming=self._services.streaming
        )
        await stop.wait()
        self._notify("STOPPING=1")
        await self._end(parts)
        log.info("bot stopped")

    def _parts(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        look = counter(self._services.rows.wake, self._services.store.read)
        parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("heartbeat", self._beat),
            ("introduction", self._introduce),
            ("takeover", lambda: walk(self._take_over, look)),
            ("post", lambda: walk(self._post.round, look)),
            ("housekeeping", lambda: walk(self._housekeeping.round, look, HOUSE_S)),
            ("results", lambda: walk(self._results.round, look)),
            ("herald", lambda: walk(self._herald.round, look, EVERY_S)),
            ("teller", lambda: walk(self._teller.round, look, TELLER_S)),
            ("comparing", self._comparing.run),
            ("watches", lambda: every(self._watch, self._services.pace.watch_s)),
            ("windows", ModelLists(self._services).run),
        ]
        if self._services.webhook is None:
            parts.append(("intake", self._intake.run))
        return parts

    async def _end(self, parts: list[asyncio.Task[None]]) -> None:
        for part in parts:
            part.cancel()
        await asyncio.wait(parts)
        await self._lanes.close(self._services.pace.finish_s)
        await self._post.close()
        await self._services.store.do(
            lambda: self._services.rows.inbox.release(self._services.owner)
        )

    async def _check_token(self) -> None:
        try:
            self._me.knows((await self._telegram.get_me()).to_dict())
        except InvalidToken:
            raise ConfigError("Telegram does not know this bot token", "bot-bad-token") from None
        except TelegramError as error:
            # Telegram may be down: what waits is answered when it is back.
            self._line.fails(error)

    async def _moved(self, old_id: int, new_id: int) -> None:
        """Let what is kept of a group follow it into its supergroup."""
        log.info("a group became a supergroup", old=old_id, new=new_id)
        groups = self._services.rows.groups
        await self._services.store.do(lambda: groups.move(old_id, new_id))

    async def _introduce(self) -> None:
        """Leave word of who we are as soon as Telegram has said it, then rest."""
        attempt = 0
        while not self._me.name:
            await self._line.pause(attempt)
            await self._check_token()
            attempt += 1
        settings = self._services.rows.settings
        await self._services.store.do(lambda: self._me.leave_word(settings))
        await asyncio.Event().wait()

    async def _greet(self) -> None:
        await greet(self._telegram, self._line, self._services, self._bugs)

    async def _take_over(self) -> None:
        """Work on what waits in chats that nobody alive holds, and what others stored in ours."""
        room = AT_ONCE - self._lanes.working
        in_hand = self._lanes.in_hand
        fresh, found = await self._services.store.do(lambda: self._found(in_hand, room))
        self._lanes.add(fresh)
        self._lanes.add(found, is_resumed=True)

    def _found(self, in_hand: Set[int], room: int) -> tuple[list[Update], list[Update]]:
        rows, owner = self._services.rows, self._services.owner
        # Asked first: what is claimed now is in our chats too, and not new to everybody.
        fresh = rows.inbox.arrived(owner, in_hand, AT_ONCE)
        found = rows.inbox.claim(owner, room) if room > 0 else []
        rows.users.seen(writers([*fresh, *found]))
        return fresh, found

    async def _beat(self) -> None:
        """Say once a second that the bot lives, and keep its leases."""
        renewed = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            self._notify("WATCHDOG=1")
            is_due = clock() - renewed >= RENEW_S
            await self._services.store.do(partial(self._say, is_due=is_due))
            if is_due:
                renewed = clock()
            await asyncio.sleep(self._services.pace.beat_s)

    def _say(self, *, is_due: bool) -> None:
        services = self._services
        if is_due:
            services.rows.inbox.renew(services.owner)
        services.rows.heartbeats.beat(
            Heartbeat(
                process="bot",
                host=socket.gethostname(),
                pid=os.getpid(),
                since=self._since,
                at=services.clock(),
                step="telegram is down" if self._line.is_down else "serving",
                counters={
                    "waiting": services.rows.inbox.waiting(),
                    "queued": self._lanes.waiting,
                    "working": self._lanes.working,
                },
                failing=self._bugs.failing,
            )
        )
        tell_failing(services.rows.notices, "bot", self._bugs.failing, services.clock().date())

    def _notify(self, word: str) -> None:
        if self._services.notify is not None:
            self._services.notify(word)
