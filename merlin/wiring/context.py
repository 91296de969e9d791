"""The context of a process: its database and what its configuration says."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from merlin.app.context import Context
from merlin.chat.model_catalogue import KnownModels
from merlin.core.clock import utc_now
from merlin.db.database import Database
from merlin.db.writer import Store
from merlin.training import policy
from merlin.training.launch_plan import Terms
from merlin.training.policy import Caps, Decision
from merlin.wiring.office import OfficeSettings


def context_of(
    settings: OfficeSettings,
    known: KnownModels,
    state_dir: Path,
    database: Database,
    store: Store | None = None,
) -> Context:
    """Return the context of a process over its database; `store` is its writing thread."""
    caps = Caps(*settings.caps)
    own = {provider: price.currency for (provider, _), price in known.own.items()}
    every = {price.currency for price in known.prices.values()}
    usual = next(iter(every)) if len(every) == 1 else "USD"
    return Context(
        db=database,
        store=store,
        state_dir=state_dir,
        terms={name: _terms(settings, known, caps, name) for name in settings.providers},
        caps=caps,
        currencies={name: own.get(name, usual) for name in settings.providers},
        sunsets=settings.sunsets,
        relies_on=settings.relies_on,
    )


def _terms(settings: OfficeSettings, known: KnownModels, caps: Caps, provider: str) -> Terms:
    """Return a provider's terms as far as the configuration knows them; nobody is asked."""

    def refusal(base_model: str) -> Decision | None:
        ends = settings.sunsets.get(base_model)
        return policy.refuse_fading_base(base_model, ends, utc_now().date())

    return Terms(
        price=partial(known.price, provider),
        active_jobs=settings.active_jobs.get(provider, 1),
        caps=caps,
        sunset_refusal=refusal,
        sunset=settings.sunsets.get,
    )
