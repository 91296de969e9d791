"""Stars as a payment gateway: what Telegram is asked of them, and what its JSON tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from telegram.error import BadRequest, Forbidden, TelegramError

from merlin.app.inbox import Update, json_object
from merlin.app.outbox import Target
from merlin.app.reconciliation import (
    STARS_PAGE_SIZE,
    StarsPage,
    is_due,
    last_comparison,
    reconcile_stars,
    sells_for_stars,
)
from merlin.app.texts import Settings
from merlin.billing.purchases import Purchase
from merlin.bot.bot_api import BotApi, ChatUnreachable, spotted
from merlin.bot.rendering import promise_text
from merlin.bot.services import BotServices
from merlin.bot.transport import pause
from merlin.bot.updates import PAID, RETURNED
from merlin.chat.sessions import ChatPlace
from merlin.core.clock import utc_now, zone_of
from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.core.log import get_logger, redact
from merlin.core.money import MAX_MINOR, Amount, Currency
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
    RefundRequest,
    Status,
)

log = get_logger(__name__)

# One second behind the last that a datetime holds would break whoever reads it.
_LAST_S = 253_402_300_799
_MAX_DURATION_S = 366 * 24 * 3600
PERIOD_S = 2_592_000
# Telegram's own sizes of an invoice.
_TITLE, _DESCRIPTION = 32, 255
_REFUNDED = "CHARGE_ALREADY_REFUNDED"
LOOK_S = 60.0


class StarsGateway:
    """The calls about Stars, as a PaymentGateway; each is tried once."""

    def __init__(self, calls: BotApi) -> None:
        self._calls = calls

    @property
    def name(self) -> Gateway:
        """Return that these are Stars."""
        return Gateway.STARS

    async def send_invoice(self, place: ChatPlace, request: PaymentRequest) -> None:
        """Send an invoice into a private chat. Raises PaymentError, ChatUnreachable."""
        # A copy that is forwarded leads to the bot: nobody pays for somebody else's order.
        fields = {"start_parameter": "go_plan", **_invoice(request), "chat_id": place.chat_id}
        await self._ask("sendInvoice", {**fields, **spotted(Target(place.thread_id))})

    async def create(self, request: PaymentRequest) -> GatewayPayment:
        """Return a subscription with the address where it is paid."""
        fields = {"subscription_period": PERIOD_S, **_invoice(request)}
        found = await self._ask("createInvoiceLink", fields)
        if not isinstance(found, str) or not found:
            raise PaymentUnknown("Telegram told no link", code="unreadable")
        who, order = str(request.user_id), request.purchase_id
        return GatewayPayment("", Status.PENDING, False, request.amount, False, order, who, found)  # noqa: FBT003

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        """Send the Stars of a payment back; they go back once, however often this is asked."""
        charge = request.payment_id
        fields = {"user_id": request.user_id, "telegram_payment_charge_id": charge}
        try:
            await self._ask("refundStarPayment", fields)
        except PaymentError as error:
            if _REFUNDED not in str(error):
                raise
        return GatewayRefund(charge, charge, request.amount, is_done=True, at=utc_now())

    async def refunds(self, payment_id: str) -> tuple[GatewayRefund, ...]:  # noqa: ARG002
        """Return none: Telegram tells of refunds by itself, and sends nothing back twice."""
        return ()

    async def end_subscription(self, user_id: int, payment_id: str) -> None:
        """Let a subscription not be paid again."""
        fields = {"user_id": user_id, "telegram_payment_charge_id": payment_id}
        await self._ask("editUserStarSubscription", {**fields, "is_canceled": True})

    async def movements(self, offset: int) -> StarsPage:
        """Return up to STARS_PAGE_SIZE movements, oldest first. Raises PaymentError."""
        fields = {"offset": offset, "limit": STARS_PAGE_SIZE}
        found = await self._ask("getStarTransactions", fields)
        listed = found.get("transactions") if isinstance(found, Mapping) else None
        if not isinstance(listed, list):
            raise GatewayUnavailable("Telegram told no movements", code="unreadable")
        return read_page([each for each in listed if isinstance(each, Mapping)])

    async def _ask(self, method: str, fields: Mapping[str, Any]) -> Any:
        try:
            return await self._calls.once(method, fields)
        except ChatUnreachable:
            if "chat_id" in fields:
                raise
            raise PaymentError("user not found") from None
        except TelegramError as error:
            reason = redact(str(error))
            log.info("a call about stars was not taken", method=method, reason=reason)
            is_final = isinstance(error, BadRequest | Forbidden)
            raise (PaymentError if is_final else PaymentUnknown)(reason) from None


def _invoice(request: PaymentRequest) -> dict[str, Any]:
    """Return the fields that every invoice has."""
    title = request.title[:_TITLE]
    return {
        "title": title,
        "description": request.description[:_DESCRIPTION],
        "payload": request.purchase_id,
        "provider_token": "",
        "currency": request.amount.currency.value,
        "prices": [{"label": title, "amount": request.amount.minor}],
    }


def stars_request(purchase: Purchase, language: str) -> PaymentRequest:
    """Return the payment in Stars to ask for, in the payer's language."""
    order = purchase.order
    return PaymentRequest(
        purchase_id=purchase.purchase_id,
        user_id=purchase.user_id,
        amount=order.amount,
        title=order.promise.titled(language),
        description=promise_text(order.promise, language),
    )


def with_stars(services: BotServices, calls: BotApi) -> BotServices:
    """Return the services with the gateway that only a bot which calls Telegram has."""
    return replace(services, gateway=StarsGateway(calls))


async def compare_stars(services: BotServices, gateway: StarsGateway) -> None:
    """Hold Telegram's list against the ledger at the start and every night, until cancelled."""
    store, settings = services.store, Settings(services.db)
    if not await store.read(lambda: sells_for_stars(services)):
        # What is sold is said by the config: it changes with the next start.
        await asyncio.Event().wait()

    def is_night() -> bool:
        zone = zone_of(services.config.timezone)
        return is_due(last_comparison(settings).at, services.clock(), zone)

    async def compared() -> bool:
        try:
            await reconcile_stars(services, gateway.movements)
        except PaymentError:
            return False
        return True

    attempt = 0
    while not await compared():
        await pause(attempt, services.pace.longest_pause_s)
        attempt += 1
    while True:
        await asyncio.sleep(LOOK_S)
        if await store.read(is_night):
            await compared()


def _paid(charge: str, user_id: int, payload: object, count: int, at: datetime) -> GatewayPayment:
    """Return so many Stars of a person as a payment for the purchase that the payload names."""
    return GatewayPayment(
        outside_id=charge,
        status=Status.SUCCEEDED,
        is_paid=True,
        amount=Amount(count, Currency.XTR),
        is_test=False,
        purchase_id=str(payload),
        user_id=str(user_id),
        at=at,
    )


def _returned(payment: GatewayPayment | None) -> GatewayRefund | None:
    """Return Stars that were told as a payment as what went back; the charge stays the same."""
    if payment is None or payment.at is None:
        return None
    charge, at = payment.outside_id, payment.at
    whose = {"purchase_id": payment.purchase_id, "user_id": payment.user_id}
    return GatewayRefund(charge, charge, payment.amount, is_done=True, at=at, **whose)


def read_refund(update: Update) -> GatewayRefund | None:
    """Return the refund that a message tells of; None where that cannot be read."""
    return _returned(read_payment(update, RETURNED))


def read_payment(update: Update, name: str = PAID) -> GatewayPayment | None:
    """Return the payment that a message tells of; None where that cannot be read."""
    message = json_object(update.body, "message")
    payment = json_object(message, name)
    charge = payment.get("telegram_payment_charge_id")
    is_stars = payment.get("currency") == Currency.XTR.value
    count = _whole(payment.get("total_amount"))
    if not isinstance(charge, str) or not charge or not is_stars or count is None:
        return None
    at = _time(message.get("date")) or datetime.fromtimestamp(0, UTC)
    paid = _paid(charge, update.user_id, payment.get("invoice_payload", ""), count, at)
    return replace(paid, paid_until=_time(payment.get("subscription_expiration_date")))


def read_page(listed: list[Mapping[str, Any]]) -> StarsPage:
    """Return what Telegram's list of movements tells of payments and refunds of ours."""
    moved: list[GatewayPayment | GatewayRefund] = []
    for each in listed:
        found = (_moved(each, "source"), _returned(_moved(each, "receiver")))
        moved += [one for one in found if one is not None]
    return [str(each.get("id")) for each in listed], moved


def _moved(values: Mapping[str, Any], side: str) -> GatewayPayment | None:
    """Return what a StarTransaction tells of the person on one `side`, "source" or "receiver".

    None for what is no payment of an invoice: gifts, advertising, what the owner takes out.
    """
    partner, count = json_object(values, side), _whole(values.get("amount"))
    if partner.get("type") != "user":
        return None
    user_id = _whole(json_object(partner, "user").get("id"))
    charge, at = values.get("id"), _time(values.get("date"))
    if not isinstance(charge, str) or user_id is None or count is None or at is None:
        return None
    # Only a subscription has a period.
    period = _whole(partner.get("subscription_period"))
    until = at + timedelta(seconds=period) if period and period < _MAX_DURATION_S else None
    paid = _paid(charge, user_id, partner.get("invoice_payload", ""), count, at)
    return replace(paid, paid_until=until)


def _whole(value: object) -> int | None:
    """Return a number above 0 that every database holds."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= MAX_MINOR else None


def _time(value: object) -> datetime | None:
    seconds = _whole(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds <= _LAST_S else None
