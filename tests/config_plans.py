"""Plans as a configuration would give them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter

from merlin.billing.plan import read_plans
from merlin.config.shop import PlanConfig

_PLANS = TypeAdapter(Mapping[str, PlanConfig])


def plans_of(said):
    """Return the plans that the part `plans` of a configuration says."""
    return read_plans(_PLANS.validate_python(said))
