"""Learning: the words of the catalogue are learnt once it changed, before anybody mistypes one.

Else the first mistyped query after a change would wait for that, with many courses a second.
"""

from __future__ import annotations

import asyncio

from merlin.api.freshness import LOOK_S, Freshness
from merlin.api.services import ApiServices
from merlin.core.log import get_logger

log = get_logger(__name__)


async def keep_learnt(services: ApiServices, freshness: Freshness) -> None:
    """Learn the words of each version that is heard of, until cancelled."""
    tried: int | None = None
    while True:
        if freshness.version != tried:
            tried = freshness.version
            await _learn(services)
        await asyncio.sleep(LOOK_S)


async def _learn(services: ApiServices) -> None:
    """Learn them now; where that fails, the first query that needs them tries again."""
    try:
        await services.store.read(services.rows.search.vocabulary)
    except Exception:
        log.exception("the words of the catalogue were not learnt ahead")
