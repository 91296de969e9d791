"""Sending: what Telegram is asked about Stars: invoices, refunds, subscriptions, movements."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from telegram.error import BadRequest, Forbidden, TelegramError

from merlin.billing.purchase import Purchase
from merlin.billing.renewal import Renewal
from merlin.bot.calls import Calls, Unreachable
from merlin.bot.stars.words import bought
from merlin.bot.wire import spotted
from merlin.chat.session import Place
from merlin.core.log import get_logger, redact
from merlin.core.text import language_of
from merlin.inbox.outgoing import Spot

log = get_logger(__name__)

PERIOD_S = 2_592_000
# Telegram's own sizes of an invoice.
_TITLE, _DESCRIPTION = 32, 255
MOST_MOVED = 100
_REFUNDED = "CHARGE_ALREADY_REFUNDED"


class Said(Enum):
    """What came of a call: done, refused for good, or nobody knows: to be tried again."""

    DONE = auto()
    REFUSED = auto()
    DOUBT = auto()


class StarsDesk:
    """The calls about Stars; each is tried once."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def invoice(self, place: Place, purchase: Purchase, language: str) -> Said:
        """Send the invoice of a purchase into a private chat. Raises Unreachable."""
        # A copy that is forwarded leads to the bot: nobody pays for somebody else's order.
        fields = {"start_parameter": "go_plan", **worded(purchase, language)}
        fields |= {"chat_id": place.chat_id, **spotted(Spot(place.thread_id))}
        said, _, _ = await self._asked("sendInvoice", fields)
        return said

    async def link(self, purchase: Purchase, language: str) -> str:
        """Return the address where a subscription is paid, "" where Telegram makes none now."""
        fields = {"subscription_period": PERIOD_S, **worded(purchase, language)}
        _, found, _ = await self._asked("createInvoiceLink", fields)
        return found if isinstance(found, str) else ""

    async def refund(self, user_id: int, charge: str) -> tuple[Said, str]:
        """Send the Stars of a payment back; return what came of it, and Telegram's words."""
        fields = {"user_id": user_id, "telegram_payment_charge_id": charge}
        said, _, words = await self._asked("refundStarPayment", fields)
        return (Said.DONE, "") if _REFUNDED in words else (said, words)

    async def stop(self, renewal: Renewal) -> Said:
        """Let a subscription not be paid again."""
        fields = {
            "user_id": renewal.user_id,
            "telegram_payment_charge_id": renewal.method,
            "is_canceled": True,
        }
        said, _, _ = await self._asked("editUserStarSubscription", fields)
        return said

    async def moved(self, offset: int) -> list[Mapping[str, Any]] | None:
        """Return up to MOST_MOVED movements behind so many, oldest first; None for no answer."""
        fields = {"offset": offset, "limit": MOST_MOVED}
        _, found, _ = await self._asked("getStarTransactions", fields)
        listed = found.get("transactions") if isinstance(found, Mapping) else None
        if not isinstance(listed, list):
            return None
        return [each for each in listed if isinstance(each, Mapping)]

    async def _asked(self, method: str, fields: Mapping[str, Any]) -> tuple[Said, Any, str]:
        try:
            return Said.DONE, await self._calls.once(method, fields), ""
        except Unreachable:
            if "chat_id" in fields:
                raise
            return Said.REFUSED, None, "user not found"
        except TelegramError as error:
            words = redact(str(error))
            log.info("a call about stars was not taken", method=method, reason=words)
            is_final = isinstance(error, BadRequest | Forbidden)
            return (Said.REFUSED if is_final else Said.DOUBT), None, words


def worded(purchase: Purchase, language: str) -> dict[str, Any]:
    """Return the fields that every invoice of a purchase has."""
    order = purchase.order
    title = order.promise.title.get(language_of(language), order.promise.plan)
    return {
        "title": title[:_TITLE],
        "description": bought(purchase.order.promise, language)[:_DESCRIPTION],
        "payload": purchase.purchase_id,
        "provider_token": "",
        "currency": order.amount.currency.value,
        "prices": [{"label": title[:_TITLE], "amount": order.amount.minor}],
    }
