"""The admins' side of the bot, put together: what it reads, caps, prices and sunsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

from merlin.app.broadcasts import Broadcasts
from merlin.app.health import Gauges
from merlin.app.outbox import WaitingRequests
from merlin.app.pipeline import PipelineHistory
from merlin.app.reports import Reports
from merlin.bot.services import Office, Outreach
from merlin.chat.model_catalogue import KnownModels
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.db.database import Database
from merlin.db.encryption import Cipher
from merlin.training import policy
from merlin.training.job_store import LaunchRows
from merlin.training.launch_plan import Desk, Terms
from merlin.training.policy import Caps, Decision
from merlin.training.sunset import Reliance


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
    relies_on: tuple[Reliance, ...] = ()
    example_tokens: Mapping[str, int] = field(default_factory=dict)
    active_jobs: Mapping[str, int] = field(default_factory=dict)


def office_settings(config: Config) -> OfficeSettings:
    """Return what the configuration says."""
    return OfficeSettings(
        providers=tuple(provider.name for provider in config.providers),
        caps=(config.per_job_micro, config.per_month_micro),
        sunsets={name: each.sunset for name, each in config.models.items() if each.sunset},
        relies_on=config.relies_on,
        example_tokens={
            name: each.training_example
            for name, each in config.models.items()
            if each.training_example
        },
        active_jobs={provider.name: provider.active_jobs for provider in config.providers},
    )


def office_of(
    settings: OfficeSettings, known: KnownModels, state_dir: Path, database: Database
) -> Office:
    """Return what the admins' screens need."""
    launches, caps = LaunchRows(database), Caps(*settings.caps)
    terms = {name: _terms(settings, known, caps, name) for name in settings.providers}
    own = {provider: price.currency for (provider, _), price in known.own.items()}
    every = {price.currency for price in known.prices.values()}
    usual = next(iter(every)) if len(every) == 1 else "USD"
    return Office(
        reports=Reports(database),
        gauges=Gauges(database),
        spending=launches,
        verdicts=PipelineHistory(database),
        launching=Desk(launches, terms, utc_now),
        caps=caps,
        currencies={name: own.get(name, usual) for name in settings.providers},
        sunsets=settings.sunsets,
        relies_on=settings.relies_on,
        state_dir=state_dir,
    )


def outreach_of(database: Database, cipher: Cipher, bot_id: int, language: str) -> Outreach:
    """Return the rows of what one bot does for admins; `language` is the bot's own."""
    broadcasts = Broadcasts(database, cipher, bot_id, language)
    return Outreach(WaitingRequests(database, bot_id), broadcasts, broadcasts)


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
