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
from merlin.core.clock import utc_now
from merlin.dataset.preview import EditChecker
from merlin.db.database import Database
from merlin.training import policy
from merlin.training.launch_plan import Terms
from merlin.training.policy import Caps, Decision
from merlin.training.sunset import NamedModel
from merlin.wiring.database import make_cipher, opened
from merlin.wiring.models import example_tokens, known_models
from merlin.wiring.provider_settings import OfficeSettings


class ContextValues(TypedDict):
    """The fields of a Context that the configuration of providers and budgets gives."""

    terms: Mapping[str, Terms]
    caps: Caps
    currencies: Mapping[str, str]
    sunsets: Mapping[str, date]
    named_models: Sequence[NamedModel]
    known: KnownModels
    checker: EditChecker


def context_values(settings: OfficeSettings, models: KnownModels) -> ContextValues:
    """Return what the configuration says of providers and budgets."""
    caps = Caps(*settings.caps)
    own = {provider: price.currency for (provider, _), price in models.own.items()}
    every = {price.currency for price in models.prices.values()}
    usual = next(iter(every)) if len(every) == 1 else "USD"
    return ContextValues(
        terms={name: _terms(settings, models, caps, name) for name in settings.providers},
        caps=caps,
        currencies={name: own.get(name, usual) for name in settings.providers},
        sunsets=settings.sunsets,
        named_models=settings.named_models,
        known=models,
        checker=EditChecker(settings.example_tokens),
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


def _terms(settings: OfficeSettings, models: KnownModels, caps: Caps, provider: str) -> Terms:
    """Return a provider's terms as far as the configuration knows them; nobody is asked."""

    def refusal(base_model: str) -> Decision | None:
        ends = settings.sunsets.get(base_model)
        return policy.refuse_fading_base(base_model, ends, utc_now().date())

    return Terms(
        price=partial(models.price, provider),
        active_jobs=settings.active_jobs.get(provider, 1),
        caps=caps,
        sunset_refusal=refusal,
        sunset=settings.sunsets.get,
    )
