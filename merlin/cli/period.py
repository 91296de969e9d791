"""The days between which a command looks, in the config's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.billing.report import begins

if TYPE_CHECKING:
    from merlin.config import Config

Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="From this day on. Default a year before the end."),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Up to this day, itself left out. Default to now."),
]
_USUAL_DAYS = 366


def ends_of(
    config: Config, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """Return the two ends of a time; days are those of the config's time zone."""
    from merlin.account.zone import zone_of

    zone = zone_of(config.timezone)
    last = begins(until.date(), zone) if until else datetime.now(UTC)
    day: date = since.date() if since else (last - timedelta(days=_USUAL_DAYS)).date()
    return begins(day, zone), last
