"""Services: everything that the bot is given by wiring; it picks nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from merlin.account.audit import Audit
from merlin.account.consent import Consents
from merlin.account.login import Logins
from merlin.account.people import People
from merlin.account.retention import Retained, Retention
from merlin.account.role import Roles
from merlin.account.user import Register, Users
from merlin.billing.books import Books
from merlin.billing.guard import AnswerCaps, Costs
from merlin.billing.plan import Plan
from merlin.billing.quota import Quotas
from merlin.billing.selling import Selling
from merlin.bot.limiter import Limits
from merlin.bot.office import Office, Outreach
from merlin.bot.proofs import Library, Proofs
from merlin.chat.about import Showcase
from merlin.chat.answerer import Answerer
from merlin.chat.desk import Patience
from merlin.chat.dialog import Dialogs
from merlin.chat.group import Groups
from merlin.chat.inline import InlineWords
from merlin.chat.known import Known
from merlin.chat.lineage import Lineage
from merlin.chat.lineup import Listed
from merlin.chat.media import DocumentReader, MediaLimits, Transcriber
from merlin.chat.preset import OwnPresets, Preset
from merlin.chat.rating import Ratings
from merlin.chat.review import Followed, Proposals, Reviews
from merlin.chat.route import General, Shelf
from merlin.chat.session import SessionList, Sessions
from merlin.chat.setting import Settings
from merlin.chat.tally import Tally
from merlin.chat.transcript import Transcripts
from merlin.chat.turn import Corrections, Turns
from merlin.chat.window import Windows
from merlin.core.clock import Clock, utc_now
from merlin.core.heartbeat import Heartbeats
from merlin.core.notice import Notices
from merlin.core.request import Requests
from merlin.core.store import Store
from merlin.core.wake import Wake
from merlin.course.catalogue import Catalogue
from merlin.dataset.change import ChangeList, Changes
from merlin.inbox.outgoing import Outbox
from merlin.inbox.owner import Owner
from merlin.inbox.update import Inbox
from merlin.model.news import Editors

# How an answer is shown while it is written: in its message, by drafts where Telegram has them
# (private chats; edits elsewhere), or not at all.
EDITS, DRAFTS, OFF = "edits", "drafts", "off"


class Lead(Protocol):
    """The right to be the one bot that polls."""

    async def keep(self) -> bool:
        """Return whether this process leads, taking the lead where it is free."""

    async def release(self) -> None:
        """Give the lead back; harmless when it is not ours."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The families of rows that the bot works on; their methods are called within `Store`."""

    inbox: Inbox
    groups: Groups
    inline: InlineWords
    outbox: Outbox
    users: Users
    register: Register
    roles: Roles
    logins: Logins
    audit: Audit
    consents: Consents
    quotas: Quotas
    costs: Costs
    books: Books
    sessions: Sessions
    session_list: SessionList
    turns: Turns
    corrections: Corrections
    tally: Tally
    transcripts: Transcripts
    dialogs: Dialogs
    settings: Settings
    windows: Windows
    listed: Listed
    presets: OwnPresets
    courses: Catalogue
    shelf: Shelf
    showcase: Showcase
    ratings: Ratings
    proposals: Proposals
    reviews: Reviews
    followed: Followed
    lineage: Lineage
    library: Library
    changes: Changes
    change_list: ChangeList
    people: People
    retained: Retained
    notices: Notices
    news: Editors
    requests: Requests
    outreach: Outreach
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
    watch_s: float = 3.0
    group_s: float = 60.0
    broadcast_per_s: int = 20
    beat_s: float = 1.0
    longest_pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class BotServices:
    """What the process is made of.

    `general` is each provider with the model its config names (None: its first), in the order of
    config; `assistant` the model for presets and summaries; `known` what config says of models.
    `transcriber` is the model `transcription`, `vision` the one that sees pictures; None: that is
    not switched on. `reader` None: documents are not read.
    `presets` are the operator's; `retention` is how long what is kept; `hosts` the machine of each
    provider, "" for this one.
    `webhook` (address and secret): updates come into the inbox by the api, and nothing is polled.
    `link_url` is where links open the bot, `public_url` where our pages are, "" for none.
    `streaming` is one of EDITS, DRAFTS, OFF. `notify` hears what systemd wants to hear.
    """

    token: str
    base_url: str
    store: Store
    rows: Rows
    lead: Lead
    owner: Owner
    answerers: Mapping[str, Answerer]
    office: Office
    proofs: Proofs = field(default_factory=Proofs)
    general: Sequence[General] = ()
    assistant: General | None = None
    transcription: General | None = None
    transcriber: Transcriber | None = None
    vision: General | None = None
    reader: DocumentReader | None = None
    media_limits: MediaLimits = field(default_factory=MediaLimits)
    known: Known = field(default_factory=Known)
    presets: Sequence[Preset] = ()
    retention: Retention = field(default_factory=Retention)
    hosts: Mapping[str, str] = field(default_factory=dict)
    admins: Sequence[int] = ()
    plans: Sequence[Plan] = ()
    selling: Selling = field(default_factory=Selling)
    caps: AnswerCaps = field(default_factory=AnswerCaps)
    public_url: str = ""
    timezone: str = "UTC"
    language: str = "ru"
    default_dataset: str | None = None
    webhook: tuple[str, str] | None = None
    link_url: str = "https://t.me"
    streaming: str = EDITS
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)
    clock: Clock = utc_now
    notify: Callable[[str], object] | None = None

    def language_of(self, user_id: int) -> str:
        """Return the language that somebody is written to in; within the store's work."""
        user = self.rows.users.get(user_id)
        return user.speaks(self.language) if user is not None else self.language
