"""Keeping: what processes that were killed left behind is put right; any replica may do it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from merlin.api.services import ApiServices
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

# Longer than any answer takes.
ABANDONED = timedelta(minutes=10)


async def keep(services: ApiServices) -> None:
    """Give back what nobody asks any more, now and then every so often, until cancelled."""
    while True:
        try:
            await services.store.do(lambda: _keep(services))
        except MerlinError as error:
            log.warning("abandoned questions wait", reason=redact(str(error)))
        except Exception:
            log.exception("abandoned questions wait")
        await asyncio.sleep(services.door.keep_s)


def _keep(services: ApiServices) -> None:
    now = services.clock()
    count = services.rows.uses.give_back_before(now - ABANDONED)
    services.rows.repeats.clear(now)
    if count:
        log.warning("abandoned questions were given back", questions=count)
