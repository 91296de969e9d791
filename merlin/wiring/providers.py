"""What asks a provider, trains at it and tells a forge, each made of the configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from merlin.config import Config, credential
from merlin.config.settings import ProviderConfig
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger
from merlin.core.messages import DEFAULT_SAMPLING, SamplingParams
from merlin.providers.base import TrainingApi
from merlin.providers.forge import Forge

if TYPE_CHECKING:
    from merlin.providers.openai_training import OpenAIAsker, OpenAIProvider
    from merlin.providers.yandex_training import YandexProvider

log = get_logger(__name__)
DAY_S, AGAIN_S = 86_400.0, 60.0


def forge_of(config: Config) -> Forge | None:
    """Return where commits get statuses, None where none are wanted.

    Raises ConfigError without its credential.
    """
    repository = config.repository
    if repository is None or repository.statuses is None or repository.forge is None:
        return None
    settings = repository.statuses
    return Forge(settings.kind, *repository.forge, credential(settings.credential))


def trainer(
    provider: ProviderConfig, timeout_s: float = 60.0, language: str = ""
) -> OpenAIProvider | YandexProvider:
    """Return the provider's files, jobs and models, its words in a language where it has several.

    Raises ConfigError without its credential.
    """
    # Who has no provider, or no credential yet, does without the quarter of a second it takes.
    from merlin.providers.mistral_training import MistralProvider
    from merlin.providers.openai_training import OpenAIProvider
    from merlin.providers.yandex_training import YandexProvider

    key = credential(provider.credential)
    if provider.form == "yandex":
        return YandexProvider(provider.base_url, key, provider.folder, timeout_s)
    if provider.form == "mistral":
        return MistralProvider(provider.base_url, key, timeout_s=timeout_s, language=language)
    return OpenAIProvider(provider.base_url, key, provider.dialect, timeout_s, language)


def asker(provider: ProviderConfig, wishes: SamplingParams = DEFAULT_SAMPLING) -> OpenAIAsker:
    """Return what asks the provider's models. Raises ConfigError without its credential."""
    from merlin.providers.openai_training import OpenAIAsker

    key = credential(provider.credential)
    return OpenAIAsker(provider.base_url, key, wishes, provider.folder)


def sunset_of(config: Config, service: TrainingApi) -> Callable[[str], date | None]:
    """Return who answers for a base's sunset: the table first, then the provider, asked daily."""
    values: dict[str, date | None] = {}
    ask_at = 0.0

    def ends(base_model: str) -> date | None:
        nonlocal ask_at
        known = config.base_models.get(base_model)
        if known is not None and known.sunset is not None:
            return known.sunset
        if time.monotonic() >= ask_at:
            try:
                values.update({card.model_id: card.shutdown_date for card in service.models()})
                ask_at = time.monotonic() + DAY_S
            except ProviderError as error:
                # A provider that cannot answer now will refuse the launch itself.
                log.warning("sunsets cannot be read", reason=str(error))
                ask_at = time.monotonic() + AGAIN_S
        return values.get(base_model)

    return ends
