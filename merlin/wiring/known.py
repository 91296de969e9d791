"""What the configuration tells the chat of models: windows, prices, and who helps out."""

from __future__ import annotations

from merlin.chat.model_catalogue import KnownModels
from merlin.chat.route import General
from merlin.config import Config
from merlin.training.sunset import Reliance


def known(config: Config) -> KnownModels:
    """Return windows and prices of models by their names."""
    return KnownModels(
        windows={name: each.context for name, each in config.models.items() if each.context},
        prices={name: each.price for name, each in config.models.items() if each.price},
        own={
            (provider.name, model): price
            for provider in config.providers
            for model, price in provider.prices.items()
        },
    )


def leaned_on(reliance: Reliance | None) -> General | None:
    """Return a model that config names for one purpose, None where it names none."""
    return None if reliance is None else (reliance.provider, reliance.model_id)


def assistant(config: Config) -> General | None:
    """Return the general model for summaries and presets, None without any provider."""
    if config.assistant is not None:
        return config.assistant.provider, config.assistant.model_id
    named = [(each.name, each.model) for each in config.providers if each.model]
    first = [(each.name, each.model) for each in config.providers]
    return next(iter([*named, *first]), None)
