"""Leaving: who deletes everything is not to pay on for what they cannot use any more."""

from __future__ import annotations

from merlin.billing.purchase import Till
from merlin.billing.renewal import Renewal, RenewalState
from merlin.bot.kit import Kit
from merlin.bot.stars.sending import Said, StarsDesk
from merlin.core.notice import ADMINS

_RUNS = (RenewalState.ON, RenewalState.STOPPING)


async def end_subscriptions(kit: Kit, user_id: int) -> None:
    """Tell Telegram to take nothing for them again; admins hear of what was not confirmed."""
    for renewal in await kit.store.read(lambda: _running(kit, user_id)):
        if await StarsDesk(kit.calls).stop(renewal) is Said.DOUBT:
            told = {"charge": renewal.method}
            once = f"runs-on:{renewal.method}"
            notices = kit.rows.notices
            await kit.store.do(lambda: notices.tell(ADMINS, "notice-stars-run-on", told, once))  # noqa: B023 - done at once


def _running(kit: Kit, user_id: int) -> list[Renewal]:
    mine = kit.rows.books.renewals.of(user_id)
    return [each for each in mine if each.till is Till.STARS and each.state in _RUNS]
