"""What the configuration says of money and time, and the rows of what a bot does for admins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from merlin.config import Config
from merlin.training.sunset import NamedModel
from merlin.wiring.models import example_tokens, named_models


@dataclass(frozen=True, slots=True)
class OfficeSettings:
    """What the configuration says of money and time; caps a job and a month, in millionths.

    `providers` are the names of those that may train, `active_jobs` how many unfinished jobs each
    may have (1 where it is not named). `example_tokens`: how many tokens one training example may
    have, by base model.
    """

    providers: tuple[str, ...] = ()
    caps: tuple[int | None, int | None] = (None, None)
    sunsets: Mapping[str, date] = field(default_factory=dict)
    named_models: tuple[NamedModel, ...] = ()
    example_tokens: Mapping[str, int] = field(default_factory=dict)
    active_jobs: Mapping[str, int] = field(default_factory=dict)


def office_settings(config: Config) -> OfficeSettings:
    """Return what the configuration says."""
    return OfficeSettings(
        providers=tuple(provider.name for provider in config.providers),
        caps=(config.budget.per_job_micro, config.budget.per_month_micro),
        sunsets={name: each.sunset for name, each in config.base_models.items() if each.sunset},
        named_models=named_models(config),
        example_tokens=example_tokens(config),
        active_jobs={provider.name: provider.limits.active_jobs for provider in config.providers},
    )
