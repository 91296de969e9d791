"""Settings of a bot or API under test in one flat class, so that a test changes one of them."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from merlin.account.sign_ins import PRODUCTION
from merlin.billing.quota import Plan
from merlin.bot.main import run
from merlin.bot.services import Pace
from merlin.chat.answer import AnswerService, RetryPolicy
from merlin.config import Config
from merlin.config.settings import (
    AnswerBudget,
    ApiConfig,
    BudgetConfig,
    ChatConfig,
    DatasetsConfig,
    ProviderConfig,
    Retention,
    TelegramConfig,
)
from merlin.config.shop import PaymentsConfig
from merlin.providers.yookassa import YooKassaGateway
from merlin.wiring import api, bot
from merlin.wiring.context import open_checked_database


@dataclass(frozen=True)
class Provider:
    """One service with the OpenAI protocol; `model` None: the first model it lists."""

    name: str
    base_url: str
    key: str
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """A configuration with its credentials, and settings that no configuration has."""

    state_dir: Path
    database: str
    token: str = ""
    telegram_url: str = "https://api.telegram.org"
    mode: str = "polling"
    webhook_url: str = ""
    webhook_secret: str | None = None
    admins: tuple[int, ...] = ()
    streaming: str = "edits"
    plans: tuple[Plan, ...] = ()
    selling: PaymentsConfig = field(default_factory=PaymentsConfig)
    caps: AnswerBudget = field(default_factory=AnswerBudget)
    public_url: str = ""
    timezone: str = "UTC"
    default_dataset: str | None = None
    providers: tuple[Provider, ...] = ()
    proxy: str = ""
    proxy_login: str = ""
    assistant: tuple[str, str] | None = None
    transcription: tuple[str, str] | None = None
    vision: tuple[str, str] | None = None
    grounding: tuple[str, str] | None = None
    # The operator's texts by name, each in both languages.
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    text_key: str | None = None
    retention: Retention = field(default_factory=Retention)
    # Prices, budgets and providers that these settings do not list.
    config: Config | None = None
    pace: Pace = field(default_factory=Pace)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    listening: ApiConfig = field(default_factory=ApiConfig)
    telegram_keys: tuple[str, ...] = (PRODUCTION,)
    gateway: YooKassaGateway | None = None
    git_secrets: Sequence[str] = ()

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the secrets of the environment by name."""
        keys = {_credential(provider): provider.key for provider in self.providers}
        secrets = {
            "TELEGRAM_BOT_TOKEN": self.token,
            "TELEGRAM_PROXY_LOGIN": self.proxy_login,
            "MERLIN_TEXT_KEY": self.text_key,
        }
        return keys | {name: value for name, value in secrets.items() if value}

    @contextmanager
    def in_environment(self):
        """Set the credentials in the environment during the block."""
        original = dict(os.environ)
        os.environ.update(self.credentials)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(original)

    @property
    def as_config(self) -> Config:
        """Return these settings as a configuration."""
        transcription = self.transcription
        public_url = self.public_url or self.listening.public_url
        return Config(
            state_dir=self.state_dir,
            database=self.database,
            timezone=self.timezone,
            providers=tuple(
                ProviderConfig(
                    name=provider.name,
                    base_url=provider.base_url,
                    credential=_credential(provider),
                    **({"model": provider.model} if provider.model else {}),
                )
                for provider in self.providers
            ),
            budget=BudgetConfig(answers=self.caps),
            telegram=TelegramConfig(
                base_url=self.telegram_url,
                **({"proxy": self.proxy} if self.proxy else {}),
                mode=self.mode,
                **({"webhook_url": self.webhook_url} if self.webhook_url else {}),
                admins=self.admins,
                **self.texts,
            ),
            chat=ChatConfig(
                streaming=self.streaming,
                **_choice("assistant", self.assistant),
                **_choice("transcription", transcription),
                **_choice("vision", self.vision),
                **_choice("grounding", self.grounding),
            ),
            datasets=DatasetsConfig(
                **({"default": self.default_dataset} if self.default_dataset else {})
            ),
            **(
                {"plans": {plan.name: plan for plan in self.plans}}
                if self.plans
                else {}
            ),
            payments=self.selling.model_copy(update={"yookassa": None}),
            retention=self.retention,
            api=self.listening.model_copy(update={"public_url": public_url}),
        )

    def adjust_config(self, config: Config) -> Config:
        """Return the configuration of running services with settings that need no credentials."""
        changes = {"payments": self.selling}
        if self.config is not None:
            providers = {
                provider.name: provider
                for provider in (*self.config.providers, *config.providers)
            }
            changes["providers"] = tuple(providers.values())
            changes["models"] = self.config.models
            changes["engine"] = self.config.engine
            changes["budget"] = self.config.budget.model_copy(
                update={"answers": self.caps}
            )
            transcription = config.chat.transcription or self.config.chat.transcription
            changes["chat"] = config.chat.model_copy(
                update={"transcription": transcription}
            )
        return Config.model_construct(**{**dict(config), **changes})


def _credential(provider):
    return f"KEY_OF_{provider.name.replace('-', '_')}"


def _choice(name, choice):
    return {} if choice is None else {name: "/".join(choice)}


def _answer_service(settings, services):
    return AnswerService(services.answer_service.answerers, settings.retry_policy)


async def serve_bot(settings, stop, notify):
    """Serve until the event `stop` is set."""
    async with AsyncExitStack() as stack:
        with settings.in_environment():
            database = stack.enter_context(open_checked_database(settings.as_config))
            services = await stack.enter_async_context(
                bot.services_of(settings.as_config, database)
            )
        overrides = {
            "pace": settings.pace,
            "answer_service": _answer_service(settings, services),
            "notify": notify,
        }
        if settings.webhook_secret is not None:
            overrides["webhook"] = (settings.webhook_url, settings.webhook_secret)
        config = settings.adjust_config(services.config)
        await run(replace(services, config=config, **overrides), stop)


def api_services(settings, writer):
    """Return the services of an API; with a token it receives Telegram's updates."""
    if settings.token:
        settings = replace(settings, mode="webhook")
    with settings.in_environment():
        services = api.services_of(settings.as_config, writer)
    overrides = {
        "telegram_keys": settings.telegram_keys,
        "answer_service": _answer_service(settings, services),
    }
    overrides |= {"gateway": settings.gateway, "polled": settings.gateway}
    overrides["git_secrets"] = settings.git_secrets
    if settings.webhook_secret is not None:
        overrides["telegram_secret"] = settings.webhook_secret
    return replace(
        services, config=settings.adjust_config(services.config), **overrides
    )
