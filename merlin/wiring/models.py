"""What the configuration tells the chat of models: windows, prices, and who helps out."""

from __future__ import annotations

from merlin.chat.model_catalogue import KnownModels
from merlin.chat.route import General
from merlin.config import Config
from merlin.config.settings import ModelChoice
from merlin.training.sunset import NamedModel


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
