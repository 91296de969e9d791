"""Plans as a configuration would give them."""

from __future__ import annotations

from merlin.config import Config
from merlin.config.shop import Plan


def plans_of(said):
    """Return the plans that the part `plans` of a configuration says."""
    return (*Config.model_validate({"state_dir": ".", "plans": said}).plans.values(),)


def new_plan(name, title=None, allowances=None, **said):
    """Return a plan by its allowances; no title is asked of it."""
    counts = {kind.value: each for kind, each in (allowances or {}).items()}
    plan = Plan.model_construct(title=title or {}, **counts, **said)
    plan._name = name
    return plan
