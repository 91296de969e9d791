"""What the bot is given by wiring: rows, providers and settings; it picks nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from merlin.account.users import Users
from merlin.app.context import Context
from merlin.app.inbox import Owner
from merlin.app.outbox import Outbox
from merlin.chat.answer import RetryPolicy
from merlin.db.processes import AsyncLead, Heartbeats
from merlin.db.writer import Store
from merlin.providers.documents import ChildReader
from merlin.providers.openai_chat import OpenAIAudio

# How an answer is shown while it is written: in its message, by drafts where Telegram has them
# (private chats; edits elsewhere), or not at all.
EDITS, DRAFTS, OFF = "edits", "drafts", "off"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long what takes, in seconds; the defaults are for real life."""

    poll_s: float = 25.0
    conflict_s: float = 30.0
    private_edit_s: float = 1.0
    group_edit_s: float = 3.0
    typing_s: float = 4.5
    finish_s: float = 15.0
    watch_s: float = 3.0
    group_s: float = 60.0
    broadcast_per_s: int = 20
    beat_s: float = 1.0
    longest_pause_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BotServices(Context):
    """What the process is made of.

    `transcriber` writes voices down, None: that is not switched on. `reader` None: documents are
    not read. `webhook` (address and secret): updates come into the inbox by the api, and nothing
    is polled. `notify` hears what systemd wants to hear.
    """

    token: str
    base_url: str
    store: Store
    heartbeats: Heartbeats
    lead: AsyncLead
    owner: Owner
    transcriber: OpenAIAudio | None = None
    reader: ChildReader | None = None
    webhook: tuple[str, str] | None = None
    pace: Pace = field(default_factory=Pace)
    patience: RetryPolicy = field(default_factory=RetryPolicy)
    notify: Callable[[str], object] | None = None

    @property
    def outbox(self) -> Outbox:
        """Return the messages that must arrive."""
        return Outbox(self.db, self.bot_id)

    def language_of(self, user_id: int) -> str:
        """Return the language that somebody is written to in; within the store's work."""
        user = Users(self.db).get(user_id)
        return user.speaks(self.config.language) if user is not None else self.config.language
