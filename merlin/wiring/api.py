"""The api, put together: rows behind a writing thread, the address, the service manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.account.sign_ins import PRODUCTION
from merlin.api.app import serve
from merlin.api.rate_limits import Allowed, Entrance
from merlin.api.services import ApiServices, Behind
from merlin.app.ask import Means
from merlin.billing.plan import Plan
from merlin.chat.answer import RetryPolicy
from merlin.chat.model_catalogue import General
from merlin.config import Config
from merlin.config.settings import AnswerBudget, ApiConfig
from merlin.config.shop import PaymentsConfig
from merlin.core.connections import ConnectionLimits, Connections
from merlin.core.server import READY, STOPPING, notify
from merlin.db.encryption import load_or_make_key
from merlin.db.writer import Store, Writer
from merlin.providers.openid import Issuer, OpenIdSettings
from merlin.wiring.bot_token import bot_id
from merlin.wiring.context import context_values
from merlin.wiring.database import opened_whole
from merlin.wiring.models import ProviderSettings, answerers_of

if TYPE_CHECKING:
    from merlin.providers.yookassa import YooKassaGateway


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the api is started with.

    `database` is a URL; `telegram_token` is the bot's in webhook mode, else empty, and then
    there is no telegram hook. `text_key` is the credential MERLIN_TEXT_KEY, None without one.
    `link_url` is where links open the bot, `telegram_keys` are by what Telegram signs;
    `allows_plain`: people may sign in from elsewhere without https. `till` takes roubles, None
    where nobody sells for any.
    """

    database: str
    state_dir: Path
    listening: ApiConfig = field(default_factory=ApiConfig)
    language: str = "ru"
    telegram_token: str = ""
    telegram_secret: str = ""
    text_key: str | None = None
    admins: tuple[int, ...] = ()
    plans: tuple[Plan, ...] = ()
    selling: PaymentsConfig = field(default_factory=PaymentsConfig)
    caps: AnswerBudget = field(default_factory=AnswerBudget)
    till: YooKassaGateway | None = None
    timezone: str = "UTC"
    default_dataset: str | None = None
    providers: tuple[ProviderSettings, ...] = ()
    assistant: General | None = None
    vision: General | None = None
    patience: RetryPolicy = field(default_factory=RetryPolicy)
    link_url: str = "https://t.me"
    telegram_keys: tuple[str, ...] = (PRODUCTION,)
    allows_plain: bool = False
    openid: OpenIdSettings | None = None
    hook_secrets: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    config: Config | None = None


# Questions that come through the api belong to no bot of Telegram.
NO_BOT = 0
# How often it is looked for questions that a killed api left behind.
KEEP_S = 60.0


def run_api(settings: ApiSettings) -> None:
    """Serve until told to stop. Raises ConfigError for an address that is taken."""
    with opened_whole(settings.database) as database:
        writer = Writer(database)
        try:
            services = services_of(settings, writer)
            serve(services, settings.listening, partial(notify, READY))
            notify(STOPPING)
        finally:
            writer.close()


def services_of(settings: ApiSettings, writer: Writer) -> ApiServices:
    """Return the api's services over one database."""
    writer.db.cipher = load_or_make_key(settings.state_dir, settings.text_key)
    where, store = settings.listening, Store(writer)
    return ApiServices(
        store=store,
        **context_values(settings.config),
        db=writer.db,
        state_dir=settings.state_dir,
        admins=settings.admins,
        plans=settings.plans,
        selling=settings.selling,
        webhook_bot=bot_id(settings.telegram_token) if settings.telegram_token else None,
        telegram_secret=settings.telegram_secret,
        language=settings.language,
        public_url=settings.listening.public_url,
        answer_budget=settings.caps,
        gateway=settings.till,
        polled=settings.till,
        timezone=settings.timezone,
        default_dataset=settings.default_dataset,
        door=_answering(settings),
        entrance=Entrance(
            keys=settings.telegram_keys,
            token=settings.telegram_token,
            link_url=settings.link_url,
            allows_plain=settings.allows_plain,
            issuer=Issuer(settings.openid) if settings.openid else None,
        ),
        limits=Allowed(where.limits.anonymous_per_min, where.limits.person_per_min),
        connections=Connections(
            ConnectionLimits(per_address=where.limits.connections_per_address), where.proxies
        ),
        hook_secrets=settings.hook_secrets,
        monitoring=where.monitoring,
    )


def _answering(settings: ApiSettings) -> Behind:
    answerers = answerers_of(settings.providers)

    async def aclose() -> None:
        for each in answerers.values():
            await each.aclose()

    general = [(each.name, each.model) for each in settings.providers]
    means = Means(general, settings.assistant, settings.vision)
    return Behind(answerers, means, settings.patience, KEEP_S, aclose)
