"""Checkout: Telegram asks whether a payment may be made; answered within a moment, and by one read.

Nothing is stored before the answer: Telegram waits ten seconds, and the payer all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.billing.purchase import Till
from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.core.errors import NotFound
from merlin.core.log import get_logger
from merlin.core.text import text
from merlin.inbox.update import UpdateState

log = get_logger(__name__)

_METHOD = "answerPreCheckoutQuery"


async def checkout(kit: Kit, event: Event) -> None:
    """Answer whether the order may be paid now, then end the update."""
    try:
        reason = await kit.store.read(lambda: why_not(kit, event))
    except Exception:
        # The payer is not to wait for what may be broken longer than they do.
        log.exception("an order could not be read", update=event.update_id)
        reason = "pay-refused-broken"
    answer: dict[str, Any] = {"pre_checkout_query_id": event.query_id, "ok": not reason}
    if reason:
        answer["error_message"] = text(event.language, reason)
    await kit.calls.answer(_METHOD, answer)
    if reason:
        await kit.end(event, UpdateState.REFUSED, reason)
    else:
        await kit.end(event, UpdateState.ANSWERED)


def why_not(kit: Kit, event: Event) -> str:
    """Return the key of why the payment may not be made, "" where it may."""
    asked = event.update.body.get("pre_checkout_query")
    said: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
    try:
        purchase = kit.rows.books.purchases.get(str(said.get("invoice_payload", "")))
    except NotFound:
        return "pay-refused-unknown"
    order = purchase.order
    price = (said.get("total_amount"), said.get("currency"))
    reasons = {
        "pay-refused-unknown": order.till is not Till.STARS,
        "pay-refused-not-yours": purchase.user_id != event.user_id,
        "pay-refused-blocked": event.user.is_blocked,
        "pay-refused-paid": purchase.state.is_paid,
        "pay-refused-old": not purchase.may_be_paid(kit.services.clock())
        or not kit.rows.books.promos.may_take(purchase),
        "pay-refused-price": price != (order.amount.minor, order.amount.currency.value),
    }
    return next((key for key, is_so in reasons.items() if is_so), "")
