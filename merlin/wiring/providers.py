"""Construct clients of model providers and of forges from the configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from merlin.config import Config
from merlin.config.credentials import credential
from merlin.config.settings import FORGE_TOKEN, ProviderConfig
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger
from merlin.core.messages import DEFAULT_SAMPLING, SamplingParams

if TYPE_CHECKING:  # their HTTP client is loaded only where one is configured
    from merlin.providers.forge import Forge
    from merlin.providers.openai_training import OpenAIModelClient, OpenAIProvider

log = get_logger(__name__)
DAY_S = 86_400.0
RETRY_S = 60.0


def create_forge(config: Config) -> Forge | None:
    """Return the client that sets commit statuses, None if they are not configured.

    Raises ConfigError if its credential is missing.
    """
    repository = config.repository
    if repository is None or repository.statuses is None or repository.forge is None:
        return None
    from merlin.providers.forge import Forge

    settings = repository.statuses
    return Forge(settings.kind, *repository.forge, credential(FORGE_TOKEN))


def training_client(
    provider: ProviderConfig, timeout_s: float = 60.0
) -> OpenAIProvider:
    """Return the client for a provider's files, jobs and models.

    Raises ConfigError if the credential is missing.
    """
    from merlin.providers.openai_training import OpenAIProvider

    key = credential(provider.credential)
    return OpenAIProvider(provider.base_url, key, timeout_s, provider.api_version or "")


# Nobody repeats the command that reads an account before it closes. With the pauses of openai's
# client, where the server names none, nine tries take 40 s.
ACCOUNT_RETRIES = 8
ACCOUNT_LIST_S = 3_600.0


def account_client(provider: ProviderConfig) -> OpenAIProvider:
    """Return a client that reads an account whole, however often the server refuses a call.

    Raises ConfigError if the credential is missing.
    """
    from merlin.providers.openai_training import OpenAIProvider

    return OpenAIProvider(
        provider.base_url,
        credential(provider.credential),
        api_version=provider.api_version or "",
        list_s=ACCOUNT_LIST_S,
        retries=ACCOUNT_RETRIES,
    )


def model_client(
    provider: ProviderConfig, sampling: SamplingParams = DEFAULT_SAMPLING
) -> OpenAIModelClient:
    """Return the client that queries a provider's models. Raises ConfigError without credential."""
    from merlin.providers.openai_training import OpenAIModelClient

    key = credential(provider.credential)
    return OpenAIModelClient(
        provider.base_url, key, sampling, provider.api_version or ""
    )


def sunset_lookup(
    config: Config, service: OpenAIProvider
) -> Callable[[str], date | None]:
    """Return a function that looks up a base model's sunset date.

    The configuration takes precedence; the provider's list is requested once a day.
    """
    sunsets: dict[str, date | None] = {}
    refresh_at = 0.0

    def find_sunset(base_model: str) -> date | None:
        nonlocal refresh_at
        base = config.base_models.get(base_model)
        if base is not None and base.sunset is not None:
            return base.sunset
        if time.monotonic() >= refresh_at:
            try:
                sunsets.update(
                    {card.model_id: card.shutdown_date for card in service.models()}
                )
                refresh_at = time.monotonic() + DAY_S
            except ProviderError as error:
                # A provider that cannot respond now will refuse the launch itself.
                log.warning("sunsets cannot be read", reason=str(error))
                refresh_at = time.monotonic() + RETRY_S
        return sunsets.get(base_model)

    return find_sunset
