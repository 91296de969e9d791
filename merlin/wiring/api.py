"""The api, put together: rows behind a writing thread, the address, the service manager."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from merlin.adapters.systemd import READY, STOPPING, WATCHDOG, notify
from merlin.api.main import serve
from merlin.api.services import ApiServices, Picture, Rows
from merlin.api.wish import wish
from merlin.billing.plan import Plan
from merlin.core.clock import utc_now
from merlin.core.request import RequestKind
from merlin.inbox.update import Update
from merlin.store.audit import AuditRows
from merlin.store.changes import ChangeRows
from merlin.store.cipher import Cipher, load_or_make_key
from merlin.store.consents import ConsentRows
from merlin.store.courses import CourseRows
from merlin.store.database import Database, open_database
from merlin.store.editing import EditingRows
from merlin.store.favourites import FavouriteRows
from merlin.store.gauges import Gauges
from merlin.store.heartbeats import HeartbeatRows
from merlin.store.keys import KeyRows
from merlin.store.migrations import migrate
from merlin.store.notices import NoticeRows
from merlin.store.promotions import PromotionRows
from merlin.store.quotas import QuotaRows
from merlin.store.requests import RequestRows
from merlin.store.roles import RoleRows
from merlin.store.sign_ins import SignInRows
from merlin.store.updates import UpdateRows
from merlin.store.users import UserRows
from merlin.store.wake import WakeRow
from merlin.store.writer import Writer
from merlin.wiring.bot_token import bot_id
from merlin.wiring.store import WriterStore


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the api is started with.

    `database` is a URL; `telegram_token` is the bot's in webhook mode, else empty, and then
    there is no telegram hook. `text_key` is the credential MERLIN_TEXT_KEY, None without one.
    """

    database: str
    state_dir: Path
    host: str
    port: int
    language: str = "ru"
    telegram_token: str = ""
    telegram_secret: str = ""
    text_key: str | None = None
    public_url: str = ""
    admins: tuple[int, ...] = ()
    plans: tuple[Plan, ...] = ()
    timezone: str = "UTC"
    default_dataset: str | None = None


# Questions that come through the api belong to no bot of Telegram.
NO_BOT = 0


def run_api(settings: ApiSettings) -> None:
    """Serve until told to stop. Raises ConfigError for an address that is taken."""
    with open_database(settings.database) as database:
        migrate(database)
        writer = Writer(database)
        try:
            services = services_of(settings, writer)
            serve(services, settings.host, settings.port, partial(notify, READY))
            notify(STOPPING)
        finally:
            writer.close()


def services_of(settings: ApiSettings, writer: Writer) -> ApiServices:
    """Return the api's services over one database."""
    cipher = load_or_make_key(settings.state_dir, settings.text_key)
    return ApiServices(
        store=WriterStore(writer),
        rows=_rows(settings, writer.db, cipher),
        look=partial(writer.read, _picture),
        wake=partial(writer.do, lambda db: WakeRow(db).bump()),
        ask_fetch=_ask(writer, RequestKind.FETCH),
        ask_poll=_ask(writer, RequestKind.POLL),
        store_update=_store_update(settings, writer, cipher) if settings.telegram_token else None,
        telegram_secret=settings.telegram_secret,
        clock=utc_now,
        still_alive=partial(notify, WATCHDOG),
        language=settings.language,
        public_url=settings.public_url,
        plans=settings.plans,
        timezone=settings.timezone,
        default_dataset=settings.default_dataset,
    )


def _rows(settings: ApiSettings, database: Database, cipher: Cipher) -> Rows:
    users = UserRows(database, cipher=cipher)
    return Rows(
        courses=CourseRows(database),
        favourites=FavouriteRows(database),
        library=EditingRows(database),
        changes=ChangeRows(database, cipher),
        users=users,
        register=users,
        roles=RoleRows(database, settings.admins),
        sign_ins=SignInRows(database, cipher),
        keys=KeyRows(database, cipher),
        consents=ConsentRows(database),
        quotas=QuotaRows(database, NO_BOT, cipher=cipher),
        audit=AuditRows(database),
        requests=RequestRows(database),
        notices=NoticeRows(database),
    )


def _picture(db: Database) -> Picture:
    gauges = Gauges(db)
    with db.snapshot():
        return Picture(
            heartbeats=HeartbeatRows(db).all(),
            queues=gauges.queues(),
            jobs=gauges.jobs(),
            serving=list(PromotionRows(db).serving().values()),
        )


def _ask(writer: Writer, kind: RequestKind) -> Callable[[], Awaitable[None]]:
    asked: int | None = None

    async def ask() -> None:
        nonlocal asked
        before = asked
        asked = await writer.do(lambda db: wish(RequestRows(db), kind, before))

    return ask


def _store_update(
    settings: ApiSettings, writer: Writer, cipher: Cipher
) -> Callable[[Update], Awaitable[None]]:
    bot = bot_id(settings.telegram_token)

    async def store(update: Update) -> None:
        # Without an owner: whoever serves the chat is woken.
        await writer.do(lambda db: UpdateRows(db, cipher, bot).store([update], None))

    return store
