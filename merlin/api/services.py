"""What the api needs, as one frozen value that wiring fills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from merlin.account.account import Accounts
from merlin.account.audit import Audit
from merlin.account.consent import Consents
from merlin.account.key import Keys
from merlin.account.login import Logins
from merlin.account.people import People
from merlin.account.repeat import Repeats
from merlin.account.role import Roles
from merlin.account.sign_in import SignIns
from merlin.account.user import Register, Users
from merlin.api.bounds import USUAL, Bounds
from merlin.api.door.behind import Behind
from merlin.api.entrance import Entrance
from merlin.api.limits import Allowed
from merlin.api.office.pipeline import Pipeline
from merlin.api.teaching.proofs import Proofs
from merlin.billing.books import Books
from merlin.billing.guard import AnswerCaps, Costs
from merlin.billing.plan import Plan
from merlin.billing.quota import Quotas, Uses
from merlin.billing.selling import Selling
from merlin.billing.till import Payments, Returns
from merlin.chat.about import Showcase
from merlin.chat.interest import Interest
from merlin.chat.lineage import Lineage
from merlin.chat.own import OwnTalks
from merlin.chat.rating import Ratings
from merlin.chat.review import Proposals
from merlin.chat.route import Shelf
from merlin.chat.setting import Settings
from merlin.core.clock import Clock
from merlin.core.connections import Connections
from merlin.core.heartbeat import Heartbeat
from merlin.core.loopback import LOOPBACK
from merlin.core.notice import Notices
from merlin.core.request import RequestList, Requests
from merlin.core.store import Store
from merlin.core.wake import Wake
from merlin.course.catalogue import Catalogue
from merlin.course.favourite import Favourites
from merlin.course.listing import Listing
from merlin.course.reading import Readings
from merlin.course.search import Searcher
from merlin.dataset.change import ChangeList, Changes
from merlin.dataset.editing import Archive, Bookshelf
from merlin.inbox.update import Update
from merlin.model.registry import Serving


@dataclass(frozen=True, slots=True)
class Picture:
    """What the database says at one moment.

    `queues` maps a queue to how much waits in it, `jobs` a state to how many jobs stand there.
    """

    heartbeats: Sequence[Heartbeat] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    jobs: Mapping[str, int] = field(default_factory=dict)
    serving: Sequence[Serving] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The families of rows that the api works on; their methods are called within `Store`."""

    courses: Catalogue
    listing: Listing
    search: Searcher
    favourites: Favourites
    readings: Readings
    library: Bookshelf
    archive: Archive
    changes: Changes
    change_list: ChangeList
    users: Users
    register: Register
    roles: Roles
    sign_ins: SignIns
    accounts: Accounts
    logins: Logins
    settings: Settings
    keys: Keys
    consents: Consents
    quotas: Quotas
    costs: Costs
    books: Books
    uses: Uses
    repeats: Repeats
    talks: OwnTalks
    ratings: Ratings
    interest: Interest
    proposals: Proposals
    people: People
    shelf: Shelf
    showcase: Showcase
    lineage: Lineage
    audit: Audit
    wake: Wake
    requests: Requests
    asked: RequestList
    notices: Notices


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Functions of the api; each raises MerlinError when the database does not answer.

    `store_update` returns once the update is safely kept; None: this bot asks Telegram itself,
    and there is no telegram hook. `telegram_secret` is the word that Telegram repeats.
    `ask_fetch` asks the daemon to look at the repository, `ask_poll` at the providers' jobs,
    unless somebody asked already.
    `still_alive` tells the service manager, about once a second. `public_url` is the address by
    which people know this api, "" where the config does not say. `entrance` is how people may sign
    in, `limits` how many calls they may make. `proofs` checks edits, `pipeline` is
    what is read of builds, jobs and models; None: nothing is. `payments` and `returns` are the
    shop at YooKassa; None: there is none. `connections` are those of the server. `tell_keys` says
    that this process lives and which keys of people's texts it holds, about once a second.
    `hook_secrets` are those of a hook by its name, each of which proves a call; `monitoring` are
    the networks that may read /readyz and /metrics.
    """

    store: Store
    rows: Rows
    look: Callable[[], Awaitable[Picture]]
    ask_fetch: Callable[[], Awaitable[None]]
    ask_poll: Callable[[], Awaitable[None]]
    store_update: Callable[[Update], Awaitable[None]] | None
    telegram_secret: str
    clock: Clock
    still_alive: Callable[[], object]
    language: str = "ru"
    public_url: str = ""
    plans: Sequence[Plan] = ()
    selling: Selling = field(default_factory=Selling)
    caps: AnswerCaps = field(default_factory=AnswerCaps)
    payments: Payments | None = None
    returns: Returns | None = None
    timezone: str = "UTC"
    default_dataset: str | None = None
    door: Behind = field(default_factory=Behind)
    entrance: Entrance = field(default_factory=Entrance)
    limits: Allowed = field(default_factory=Allowed)
    proofs: Proofs = field(default_factory=Proofs)
    pipeline: Pipeline | None = None
    tell_keys: Callable[[], Awaitable[None]] | None = None
    bounds: Bounds = USUAL
    connections: Connections = field(default_factory=Connections)
    hook_secrets: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    monitoring: tuple[str, ...] = LOOPBACK
