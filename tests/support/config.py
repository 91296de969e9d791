"""Configurations built from keyword arguments."""

from merlin.config import Config


def make_config(**settings):
    """Return a configuration with these settings and defaults for the rest."""
    return Config.model_validate({"state_dir": "/", **settings})


def make_priced_config(model, **prices):
    """Return a configuration with one model, priced in dollars per million tokens."""
    return make_config(models={model: {"price": {"training": 0, **prices}}})
