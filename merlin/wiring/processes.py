"""Which processes a configuration wants, and how the smaller ones start."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from merlin.config import Config, credential
from merlin.config.faults import wrong
from merlin.config.settings import ProviderConfig
from merlin.core.errors import ConfigError
from merlin.core.log import hide_secrets, set_up_logging
from merlin.core.loopback import is_loopback
from merlin.core.webhook_signing import key_of
from merlin.db.drivers import skip_unused_driver
from merlin.wiring.bot_token import bot_id, webhook_secret

if TYPE_CHECKING:
    from merlin.providers.openid import OpenIdSettings
    from merlin.providers.yookassa import YooKassaGateway

# Optional. `merlin.db.encryption` names it too, but loads cryptography, which `run` does without.
TEXT_KEY = "MERLIN_TEXT_KEY"


def names(config: Config) -> list[str]:
    """Return the processes of `merlin run`: the engine where a provider points at it."""
    wanted = ["engine"] if any(is_engine(config, each) for each in config.providers) else []
    wanted += ["daemon"] if config.repository is not None else []
    return [*wanted, "bot", "api"]


def need_credentials(config: Config) -> None:
    """Raise ConfigError that names every credential which the processes of `merlin run` lack."""
    asked = [credentials_of(config, process) for process in names(config)]
    needed = [name for each in asked for name, is_needed in each.items() if is_needed]
    missing = [name for name in dict.fromkeys(needed) if not credential(name, is_needed=False)]
    if missing:
        raise wrong([{"key": "credential-missing", "arguments": {"name": n}} for n in missing])


def credentials_of(config: Config, process: str) -> dict[str, bool]:
    """Return the credentials that a process asks for; False: it starts without this one too.

    Units and compose file load what this names where everything is switched on.
    """
    providers = [each.credential for each in config.providers]
    text_key = {TEXT_KEY: False}
    if process == "engine":
        models = [each.credential for each in config.engine.models.values()]
        webhooks = [each.credential for each in config.engine.webhooks]
        return dict.fromkeys([config.engine.credential, *filter(None, models), *webhooks], True)
    if process == "daemon":
        return dict.fromkeys(providers, True) | text_key
    if process == "bot":
        return dict.fromkeys(["TELEGRAM_BOT_TOKEN", *providers], True) | text_key
    needed = ["TELEGRAM_BOT_TOKEN"] if config.telegram.mode == "webhook" else []
    shop, openid = config.payments.yookassa, config.api.openid
    needed += [shop.shop_id, shop.secret_key] if shop is not None else []
    needed += [openid.credential] if openid is not None else []
    needed += config.api.hooks.credentials.values()
    return dict.fromkeys(providers, False) | text_key | dict.fromkeys(needed, True)


def is_engine(config: Config, provider: ProviderConfig) -> bool:
    """Return whether a provider is the engine of this very configuration."""
    host, port = config.engine.address
    asked = urlsplit(provider.base_url)
    return asked.port == port and (is_loopback(asked.hostname) or asked.hostname == host)


def start_bot(config: Config) -> None:
    """Answer people in Telegram until told to stop."""
    telegram = config.telegram
    token = credential("TELEGRAM_BOT_TOKEN")
    bot_id(token)  # A wrong one is told before all that takes its time.
    skip_unused_driver(config.database)
    from merlin.billing.plan import read_plans
    from merlin.chat.presets import read_presets
    from merlin.wiring.bot import BotSettings, run_bot
    from merlin.wiring.models import assistant, chosen, providers_of

    run_bot(
        BotSettings(
            state_dir=config.state_dir,
            database=config.database,
            token=token,
            telegram_url=telegram.base_url,
            mode=telegram.mode,
            webhook_url=telegram.webhook_url,
            webhook_secret=webhook_secret(token),
            link_url=telegram.link_url,
            admins=telegram.admins,
            limits=telegram.limits,
            streaming=config.chat.streaming,
            language=config.language,
            default_dataset=config.datasets.default or None,
            plans=read_plans(config.plans),
            selling=config.payments,
            caps=config.budget.answers,
            public_url=config.api.public_url,
            retention=config.retention,
            timezone=config.timezone,
            providers=providers_of(config),
            assistant=assistant(config),
            transcription=chosen(config.chat.transcription),
            vision=chosen(config.chat.vision),
            media_limits=config.chat.limits,
            config=config,
            presets=read_presets(config.chat.presets),
            text_key=credential(TEXT_KEY, is_needed=False) or None,
        )
    )


def start_api(config: Config) -> None:
    """Serve the pages, the open api and hooks until told to stop."""
    from merlin.billing.plan import read_plans
    from merlin.wiring.api import ApiSettings, run_api
    from merlin.wiring.models import assistant, chosen, providers_of

    is_webhook = config.telegram.mode == "webhook"
    token = credential("TELEGRAM_BOT_TOKEN") if is_webhook else ""
    set_up_logging("api")
    run_api(
        ApiSettings(
            database=config.database,
            state_dir=config.state_dir,
            listening=config.api,
            language=config.language,
            telegram_token=token,
            telegram_secret=webhook_secret(token) if token else "",
            text_key=credential(TEXT_KEY, is_needed=False) or None,
            link_url=config.telegram.link_url,
            allows_plain=config.allow_plain_http,
            openid=_openid(config),
            hook_secrets={
                hook: _secrets(name) for hook, name in config.api.hooks.credentials.items()
            },
            config=config,
            admins=config.telegram.admins,
            plans=read_plans(config.plans),
            selling=config.payments,
            caps=config.budget.answers,
            till=_yookassa(config),
            timezone=config.timezone,
            default_dataset=config.datasets.default or None,
            providers=providers_of(config, all_needed=False),
            assistant=assistant(config),
            vision=chosen(config.chat.vision),
        )
    )


def _secrets(name: str) -> list[str]:
    """Return the secrets in a credential. Raises ConfigError for one that is missing or no good."""
    secrets = credential(name).split()
    for secret in secrets:
        try:
            key_of(secret)
        except ValueError as error:
            raise ConfigError(f"credential {name}: {error}") from error
    hide_secrets(secrets)
    return secrets


def _yookassa(config: Config) -> YooKassaGateway | None:
    from merlin.wiring.billing import yookassa_gateway

    shop = config.payments.yookassa
    return None if shop is None else yookassa_gateway(shop)


def _openid(config: Config) -> OpenIdSettings | None:
    from merlin.providers.openid import OpenIdSettings

    said = config.api.openid
    if said is None:
        return None
    return OpenIdSettings(said.issuer, said.client_id, credential(said.credential))
