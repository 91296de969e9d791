"""The providers of a configuration, as the daemon's ports."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

from merlin.config import Config, credential
from merlin.config.settings import ProviderConfig
from merlin.core.clock import utc_now
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger
from merlin.core.money import Price
from merlin.providers.openai_training import OpenAIAsker, OpenAIProvider
from merlin.training import policy
from merlin.training.launch_plan import Terms
from merlin.training.policy import Caps

log = get_logger(__name__)
DAY_S, AGAIN_S = 86_400.0, 60.0


def trainer(
    provider: ProviderConfig, timeout_s: float = 60.0, language: str = ""
) -> OpenAIProvider:
    """Return the provider's files, jobs and models, its words in a language where it has several.

    Raises ConfigError without its credential.
    """
    key = credential(provider.credential)
    return OpenAIProvider(provider.base_url, key, provider.dialect, timeout_s, language)


def asker(provider: ProviderConfig) -> OpenAIAsker:
    """Return what asks the provider's models. Raises ConfigError without its credential."""
    return OpenAIAsker(provider.base_url, credential(provider.credential))


def missing_credentials(config: Config) -> list[str]:
    """Return the names of the providers' credentials that are not given, in order."""
    names = dict.fromkeys(each.credential for each in config.providers)
    return [name for name in names if not credential(name, is_needed=False)]


def terms(config: Config, provider: ProviderConfig, service: OpenAIProvider) -> Terms:
    """Return the provider's terms for launches."""

    def price(base_model: str) -> Price | None:
        known = config.base_models.get(base_model)
        return provider.prices.get(base_model) or (known.price if known else None)

    ends = _sunset_of(config, service)
    return Terms(
        price=price,
        active_jobs=provider.limits.active_jobs,
        caps=Caps(config.budget.per_job_micro, config.budget.per_month_micro),
        sunset_refusal=lambda base: policy.refuse_fading_base(base, ends(base), utc_now().date()),
        sunset=ends,
        quiet_s=config.daemon.quiet_s,
    )


def _sunset_of(config: Config, service: OpenAIProvider) -> Callable[[str], date | None]:
    """Return who answers for a base's sunset: the table first, then the provider, asked daily."""
    told: dict[str, date | None] = {}
    ask_at = 0.0

    def ends(base_model: str) -> date | None:
        nonlocal ask_at
        known = config.base_models.get(base_model)
        if known is not None and known.sunset is not None:
            return known.sunset
        if time.monotonic() >= ask_at:
            try:
                told.update({card.model_id: card.shutdown_date for card in service.models()})
                ask_at = time.monotonic() + DAY_S
            except ProviderError as error:
                # A provider that cannot answer now will refuse the launch itself.
                log.warning("sunsets cannot be read", reason=str(error))
                ask_at = time.monotonic() + AGAIN_S
        return told.get(base_model)

    return ends
