"""The context of a process: its database and what its configuration says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TypedDict

from merlin.app.context import Context
from merlin.billing.plan import read_plans
from merlin.chat.model_catalogue import KnownModels
from merlin.config import Config
from merlin.config.settings import ProviderConfig
from merlin.core.clock import utc_now
from merlin.dataset.preview import EditChecker
from merlin.db.database import Database
from merlin.training import policy
from merlin.training.launch_plan import Terms
from merlin.training.policy import Caps, Decision
from merlin.training.sunset import NamedModel
from merlin.wiring.database import make_cipher, opened
from merlin.wiring.models import example_tokens, known_models, named_models


class ContextValues(TypedDict, total=False):
    """The fields of a Context that the configuration of providers and budgets gives."""

    terms: Mapping[str, Terms]
    caps: Caps
    currencies: Mapping[str, str]
    sunsets: Mapping[str, date]
    named_models: Sequence[NamedModel]
    known: KnownModels
    checker: EditChecker


def context_values(config: Config | None) -> ContextValues:
    """Return what a configuration says of providers and budgets; nothing without one."""
    if config is None:
        return ContextValues()
    models = known_models(config)
    own = {provider: price.currency for (provider, _), price in models.own.items()}
    every = {price.currency for price in models.prices.values()}
    usual = next(iter(every)) if len(every) == 1 else "USD"
    return ContextValues(
        terms={each.name: _terms(config, models, each) for each in config.providers},
        caps=_caps(config),
        currencies={each.name: own.get(each.name, usual) for each in config.providers},
        sunsets=_sunsets(config),
        named_models=named_models(config),
        known=models,
        checker=EditChecker(example_tokens(config)),
    )


def command_context(config: Config, database: Database) -> Context:
    """Return the context of a command over its database."""
    return Context(
        db=database,
        state_dir=config.state_dir,
        admins=config.telegram.admins,
        plans=read_plans(config.plans),
        language=config.language,
        timezone=config.timezone,
        known=known_models(config),
        checker=EditChecker(example_tokens(config)),
    )


@contextmanager
def writing_context(config: Config, *, makes_key: bool = False) -> Iterator[Context]:
    """Yield a command's context; all that is written becomes one transaction.

    With `makes_key` the key of people's texts is made where there is none.
    """
    with opened(config) as database, database.atomic():
        if makes_key:
            database.cipher = make_cipher(config)
        yield command_context(config, database)


def _caps(config: Config) -> Caps:
    return Caps(config.budget.per_job_micro, config.budget.per_month_micro)


def _sunsets(config: Config) -> dict[str, date]:
    return {name: each.sunset for name, each in config.base_models.items() if each.sunset}


def _terms(config: Config, models: KnownModels, provider: ProviderConfig) -> Terms:
    """Return a provider's terms as far as the configuration knows them; nobody is asked."""
    sunsets = _sunsets(config)

    def refusal(base_model: str) -> Decision | None:
        return policy.refuse_fading_base(base_model, sunsets.get(base_model), utc_now().date())

    return Terms(
        price=partial(models.price, provider.name),
        active_jobs=provider.limits.active_jobs,
        caps=_caps(config),
        sunset_refusal=refusal,
        sunset=sunsets.get,
    )
