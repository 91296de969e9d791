"""Plans, built as a configuration gives them."""

from merlin.config import Config
from merlin.config.shop import Plan


def make_plans(section):
    """Return the plans of a configuration's `plans` section."""
    return (
        *Config.model_validate({"state_dir": ".", "plans": section}).plans.values(),
    )


def make_plan(name, title=None, allowances=None, **fields):
    """Return a plan by its allowances; its title may be missing."""
    counts = {kind.value: allowance for kind, allowance in (allowances or {}).items()}
    plan = Plan.model_construct(title=title or {}, **counts, **fields)
    plan._name = name
    return plan
