"""Services: everything that the bot is given by wiring; it picks nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from merlin.account.user import Users
from merlin.bot.limiter import Limits
from merlin.chat.about import Showcase
from merlin.chat.answerer import Answerer
from merlin.chat.desk import Patience
from merlin.chat.route import Shelf
from merlin.chat.session import Sessions
from merlin.chat.turn import Turns
from merlin.core.clock import Clock, utc_now
from merlin.core.heartbeat import Heartbeats
from merlin.core.notice import Notices
from merlin.core.wake import Wake
from merlin.inbox.outgoing import Outbox
from merlin.inbox.owner import Owner
from merlin.inbox.update import Inbox

T = TypeVar("T")


class Store(Protocol):
    """Runs work on the database beside the event loop."""

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, once all it wrote is stored as one transaction."""

    async def read(self, work: Callable[[], T]) -> T:
        """Return what `work`, which only reads, returns."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The families of rows that the bot works on; their methods are called within `Store`."""

    inbox: Inbox
    outbox: Outbox
    users: Users
    sessions: Sessions
    turns: Turns
    shelf: Shelf
    showcase: Showcase
    notices: Notices
    heartbeats: Heartbeats
    wake: Wake


@dataclass(frozen=True, slots=True)
class Pace:
    """How long what takes, in seconds; the defaults are for real life."""

    poll_s: float = 25.0
    conflict_s: float = 30.0
    private_edit_s: float = 1.0
    group_edit_s: float = 3.0
    typing_s: float = 4.5
    finish_s: float = 15.0
    beat_s: float = 1.0
    longest_pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class BotServices:
    """What the process is made of.

    `general` is each provider with the model its config names (None: its first), in the order of
    config. `webhook` (address and secret): updates come into the inbox by the api, and nothing
    is polled. `streams` False: no placeholder, the whole answer at once. `notify` hears what
    systemd wants to hear.
    """

    token: str
    base_url: str
    store: Store
    rows: Rows
    owner: Owner
    answerers: Mapping[str, Answerer]
    general: Sequence[tuple[str, str | None]] = ()
    admins: Sequence[int] = ()
    language: str = "ru"
    default_dataset: str | None = None
    webhook: tuple[str, str] | None = None
    streams: bool = True
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)
    clock: Clock = utc_now
    notify: Callable[[str], object] | None = None
