"""What the configuration says of models and providers: clients, windows, prices, helpers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.chat.model_catalogue import General, KnownModels
from merlin.config import Config, credential
from merlin.config.settings import ModelChoice
from merlin.providers.openai_chat import OpenAIChat
from merlin.training.sunset import NamedModel


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One service of the OpenAI protocol; `model` None: the first that it lists."""

    name: str
    base_url: str
    key: str
    model: str | None = None


def providers_of(config: Config, *, all_needed: bool = True) -> tuple[ProviderSettings, ...]:
    """Return the providers of a configuration; where not all are needed, those with a credential.

    Raises ConfigError for a credential that is needed and missing.
    """
    said = config.providers
    keys = [credential(each.credential, is_needed=all_needed) for each in said]
    return tuple(
        ProviderSettings(each.name, each.base_url, key, each.model)
        for each, key in zip(said, keys, strict=True)
        if key
    )


def answerers_of(
    providers: Sequence[ProviderSettings], *, in_pieces: bool = True
) -> dict[str, OpenAIChat]:
    """Return a client for each; to be closed in the loop that asks."""
    return {
        each.name: OpenAIChat(each.base_url, each.key, in_pieces=in_pieces) for each in providers
    }


def known_models(config: Config) -> KnownModels:
    """Return windows and prices of models by their names."""
    return KnownModels(
        windows={name: each.context for name, each in config.base_models.items() if each.context},
        prices={name: each.price for name, each in config.base_models.items() if each.price},
        own={
            (provider.name, model): price
            for provider in config.providers
            for model, price in provider.prices.items()
        },
    )


def example_tokens(config: Config) -> dict[str, int]:
    """Return how many tokens one training example may have, by base model."""
    models = config.base_models.items()
    return {name: one.training_example for name, one in models if one.training_example}


def named_models(config: Config) -> tuple[NamedModel, ...]:
    """Return the models that are relied on as they are, as far as they are named."""
    return tuple(NamedModel(name, each.provider, each.model) for name, each in config.named_models)


def chosen(choice: ModelChoice | None) -> General | None:
    """Return a model that config names for one purpose, None where it names none."""
    return None if choice is None else choice.pair


def assistant(config: Config) -> General | None:
    """Return the general model for summaries and presets, None without any provider."""
    if config.chat.assistant is not None:
        return chosen(config.chat.assistant)
    named = [(each.name, each.model) for each in config.providers if each.model]
    first = [(each.name, each.model) for each in config.providers]
    return next(iter([*named, *first]), None)
