"""Trouble: what admins are told when YooKassa turns us away; at most once an hour."""

from __future__ import annotations

from merlin.api.services import ApiServices
from merlin.core.errors import TillAway, TillError
from merlin.core.log import get_logger, redact
from merlin.core.notice import ADMINS

log = get_logger(__name__)

# YooKassa's words for credentials that are none, or not for this.
_WRONG_KEY = frozenset({"invalid_credentials", "forbidden"})


def is_final(error: TillError) -> bool:
    """Return whether asking again for the same changes nothing: it is our wish that is wrong."""
    return not isinstance(error, TillAway) and error.code not in _WRONG_KEY


async def note(services: ApiServices, error: TillError, **about: object) -> None:
    """Write down that a call failed; tell admins where the credentials are no good."""
    log.warning("YooKassa did not do it", code=error.code, reason=redact(str(error)), **about)
    if error.code not in _WRONG_KEY:
        return
    once = f"till-key:{services.clock():%Y-%m-%dT%H}"
    told = {"reason": error.code}
    tell = services.rows.notices.tell
    await services.store.do(lambda: tell(ADMINS, "notice-till-key", told, once))
