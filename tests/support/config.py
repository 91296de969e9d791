"""A configuration from what a test says of it."""

from __future__ import annotations

from merlin.config import Config


def config_of(**said):
    """Return a configuration that says this, and nothing else."""
    return Config.model_validate({"state_dir": "/", **said})


def priced(model, **per_million):
    """Return a configuration that knows one model, by its price in dollars a million tokens."""
    return config_of(models={model: {"price": {"training": 0, **per_million}}})
