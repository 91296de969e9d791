"""Payment: Telegram says that Stars were paid, or went back; stored with the update's end.

The thanks are a notice of the same transaction: they are said once, whatever comes twice.
"""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.bot.stars.taking import take, take_back
from merlin.bot.stars.told import PAID, RETURNED, told_of
from merlin.bot.surely import surely
from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.core.notice import ADMINS
from merlin.inbox.update import UpdateState

log = get_logger(__name__)


async def money_moved(kit: Kit, event: Event) -> None:
    """Store what was paid or went back, however often that must be tried."""
    await surely(kit.services, lambda: _store(kit, event), "a payment could not be stored")
    reached("payment.after")


def _store(kit: Kit, event: Event) -> None:
    paid, returned = (told_of(event.update, name) for name in (PAID, RETURNED))
    if paid is not None:
        take(kit.rows, paid)
    elif returned is not None:
        take_back(kit.rows, returned)
    else:
        # No Stars: nothing that we sell is paid for so.
        log.error("a payment could not be read", update=event.update_id)
        said = {"user": str(event.user_id), "update": str(event.update_id)}
        once = f"unread:{event.update_id}"
        kit.rows.notices.tell(ADMINS, "notice-payment-unread", said, once)
    kit.finish(event, UpdateState.ANSWERED, "payment")
