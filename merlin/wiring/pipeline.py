"""The pipeline as the api reads it, put together."""

from __future__ import annotations

from pathlib import Path

from merlin.api.services import Pipeline
from merlin.app.builds import PipelineRows
from merlin.app.reports import Reports
from merlin.chat.model_catalogue import KnownModels
from merlin.db.database import Database
from merlin.db.processes import Heartbeats
from merlin.wiring.office import OfficeSettings, office_of


def pipeline_of(
    settings: OfficeSettings, known: KnownModels, state_dir: Path, database: Database
) -> Pipeline:
    """Return what the routes of the pipeline read; caps, prices and sunsets as the bot has them."""
    office = office_of(settings, known, state_dir, database)
    return Pipeline(
        lists=PipelineRows(database),
        reports=Reports(database),
        gauges=office.gauges,
        spending=office.spending,
        verdicts=office.verdicts,
        launching=office.launching,
        heartbeats=Heartbeats(database),
        caps=office.caps,
        currencies=office.currencies,
        sunsets=office.sunsets,
        relies_on=office.relies_on,
        state_dir=state_dir,
    )
