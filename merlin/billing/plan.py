"""Plan: what may be asked, how many of which format in a day and a month, and with which models.

A plan that costs something is bought: for some days, once or again and again, or as a pack of
questions that come on top of whatever plan one has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

from merlin.config.shop import Allowance, Format, Plan

__all__ = ["Allowance", "Format", "Plan"]

# Of a format that a plan does not name.
FREELY = Allowance()


class Source(StrEnum):
    """Why somebody has a plan; the values are what is stored."""

    GRANT = "grant"
    TRIAL = "trial"
    PROMO = "promo"
    GIFT = "gift"


class UseState(StrEnum):
    """Where one question stands; the first of charged and returned stays."""

    RESERVED = "reserved"
    CHARGED = "charged"
    RETURNED = "returned"


# What counts where the config has no plans: nothing is limited, and nothing is counted.
UNLIMITED = Plan.model_construct(title={})


def plan_of(plans: Sequence[Plan], names: Iterable[str], dataset: str | None = None) -> Plan:
    """Return the plan that counts for somebody who has the plans `names`.

    The one that stands last in the config, of a course's own plans and then of all others, else
    the first one of the config, else UNLIMITED. Somebody whose plan was taken out of the config
    has the default one.
    """
    had = {*names}
    if not had:
        return next(iter(plans), UNLIMITED)
    mine = [each for each in plans if each.name in had and not each.is_pack]
    own = [each for each in mine if dataset in each.courses]
    general = [each for each in mine if not each.courses]
    return next(reversed(own or general or plans[:1]), UNLIMITED)


def allowance_of(plan: Plan, kind: Format) -> Allowance:
    """Return how many questions of this format the plan has."""
    return getattr(plan, kind) or FREELY


def is_limited(allowance: Allowance) -> bool:
    """Return whether any number is set."""
    return allowance.day is not None or allowance.month is not None


def scope_of(plan: Plan) -> str:
    """Return what its questions are counted under: "" together with those of other plans."""
    return plan.name if plan.courses else ""


def allows_model(plan: Plan, model_id: str) -> bool:
    """Return whether the plan lets this model answer."""
    return not plan.models or any(fnmatchcase(model_id, pattern) for pattern in plan.models)


def plan_named(plans: Sequence[Plan], name: str) -> Plan | None:
    """Return the plan of this name, None where the config has none."""
    return next((each for each in plans if each.name == name), None)


def plan_title(plans: Sequence[Plan], name: str, language: str) -> str:
    """Return what a plan is called, its name where the config has it no more."""
    plan = plan_named(plans, name)
    return name if plan is None else plan.titled(language)


def on_sale(plans: Sequence[Plan]) -> list[Plan]:
    """Return what may be bought, in the config's order."""
    return [each for each in plans if each.is_sold]
