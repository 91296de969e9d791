"""The services that wiring passes to the bot, and the loops of its parts.

A change wakes a loop early; after an error the loop restarts with backoff.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from telegram.error import TelegramError

from merlin.account.users import Users
from merlin.app.context import Context
from merlin.app.inbox import Owner
from merlin.app.outbox import Outbox
from merlin.bot.transport import LONGEST_PAUSE_S, READ_S, pause
from merlin.core import server
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Failures
from merlin.core.log import get_logger
from merlin.db.change_watch import REST_S, ChangeCounter
from merlin.db.driver_errors import DatabaseAway
from merlin.db.processes import Heartbeats, Lead
from merlin.db.writer import Store
from merlin.providers.documents import ChildReader
from merlin.providers.openai_chat import OpenAIAudio

log = get_logger(__name__)

# How a streaming answer is shown: by drafts in private chats, by edits of its message, or not at
# all.
DRAFTS = "drafts"
OFF = "off"


@dataclass(frozen=True, slots=True)
class Pace:
    """Intervals and timeouts in seconds; the defaults are for production."""

    poll_s: float = 25.0
    grace_s: float = 10.0
    read_s: float = READ_S
    conflict_s: float = 30.0
    private_edit_s: float = 1.0
    group_edit_s: float = 3.0
    typing_s: float = 4.5
    draft_s: float = 15.0
    finish_s: float = 15.0
    group_s: float = 60.0
    expire_s: float = 3600.0
    beat_s: float = 1.0
    longest_pause_s: float = LONGEST_PAUSE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BotServices(Context):
    """The services of the bot process.

    `proxy`: its URL with the login, "" without one. `transcriber` converts speech to text, None:
    disabled. `reader` None: documents are not read.
    `webhook` (URL and secret): the api stores updates in the inbox, and nothing is polled.
    `notify` sends a state to systemd.
    """

    token: str
    base_url: str
    proxy: str
    store: Store
    heartbeats: Heartbeats
    lead: Lead
    owner: Owner
    reader: ChildReader
    transcriber: OpenAIAudio | None = None
    webhook: tuple[str, str] | None = None
    pace: Pace = field(default_factory=Pace)
    notify: Callable[[str], object] = server.notify

    @property
    def outbox(self) -> Outbox:
        """Return the outbox."""
        return Outbox(self.db, self.bot_id)

    def language_of(self, user_id: int) -> str:
        """Return the language of a user; within the store's work."""
        return Users(self.db).get_or_new(user_id).speaks(self.config.language)


EVERY_S = 2.0
# A part that ran for this long before it failed counts as healthy.
LASTED_S = 60.0
# The longest pause between retries of the database.
STORE_PAUSE_S = 5.0
# Temporary failures, reported elsewhere, which do not count as bugs.
OUTAGES = (MerlinError, TelegramError, OSError)

Round = Callable[[], Awaitable[object]]


async def run_loop(
    work: Round,
    changes: ChangeCounter,
    every_s: float = EVERY_S,
    rest_s: float = REST_S,
) -> None:
    """Run `work` after every change, and at a fixed interval."""
    while True:
        count = changes.count
        await work()
        await changes.wait(count, every_s, rest_s)


async def run_every(work: Round, seconds: float) -> None:
    """Run `work` repeatedly, `seconds` after its previous end."""
    while True:
        await asyncio.sleep(seconds)
        await work()


async def run_forever(
    name: str, work: Round, longest_pause_s: float, failures: Failures
) -> None:
    """Run `work`, and restart it after an error; other parts keep running.

    Its failure is over when it has run for a while.
    """
    clock = asyncio.get_running_loop().time
    attempt = 0
    while True:
        begun = clock()
        longest_s = longest_pause_s
        lasted = asyncio.get_running_loop().call_later(LASTED_S, failures.end, name)
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - it is logged
            failures.add("a part of the bot failed and restarts", error, name)
            if isinstance(error, DatabaseAway):
                longest_s = min(longest_s, STORE_PAUSE_S)
        finally:
            lasted.cancel()
        attempt = 0 if clock() - begun > LASTED_S else attempt + 1
        await pause(attempt, longest_s)
