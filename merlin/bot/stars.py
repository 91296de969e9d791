"""Telegram Stars as a payment gateway: calls of the Bot API, and payments in its messages."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import telegram
from telegram import RefundedPayment, SuccessfulPayment
from telegram.error import BadRequest, Forbidden, TelegramError

from merlin.app.outbox import Target
from merlin.billing.purchases import Purchase
from merlin.billing.subscriptions import Subscription, SubscriptionState
from merlin.bot.bot_api import BotApi, ChatUnreachable, target_fields
from merlin.bot.rendering import promise_text
from merlin.bot.services import BotServices
from merlin.chat.sessions import ChatPlace
from merlin.config.shop import RENEWAL_DAYS
from merlin.core.clock import utc_now
from merlin.core.errors import PaymentError, PaymentUnknown
from merlin.core.log import get_logger, redact
from merlin.core.money import MAX_MINOR, Amount, Currency
from merlin.providers import payments

log = get_logger(__name__)

# Telegram's limits for an invoice.
_TITLE_LENGTH = 32
_DESCRIPTION_LENGTH = 255
_REFUNDED = "CHARGE_ALREADY_REFUNDED"


class StarsGateway:
    """The Bot API calls for Stars, as a PaymentGateway; each is tried once."""

    def __init__(self, bot_api: BotApi) -> None:
        self._bot_api = bot_api

    @property
    def name(self) -> payments.Gateway:
        """Return the gateway's name."""
        return payments.Gateway.STARS

    async def send_invoice(
        self, place: ChatPlace, request: payments.PaymentRequest
    ) -> None:
        """Send an invoice into a private chat. Raises PaymentError, ChatUnreachable."""
        # A forwarded copy opens the bot, so that no one pays for another user's order.
        fields = {
            "start_parameter": "go_plan",
            **_invoice(request),
            "chat_id": place.chat_id,
        }
        await self._call(
            "sendInvoice", {**fields, **target_fields(Target(place.thread_id))}
        )

    async def create_link(self, request: payments.PaymentRequest) -> str:
        """Return the link of an invoice that renews every month. Raises PaymentError."""
        period = {"subscription_period": RENEWAL_DAYS * 24 * 3600}
        return str(
            await self._call("createInvoiceLink", {**period, **_invoice(request)})
        )

    async def change_renewal(self, subscription: Subscription) -> None:
        """Tell Telegram what is wanted of a subscription; telling it again changes nothing more.

        Raises PaymentError.
        """
        fields = {
            "user_id": subscription.user_id,
            "telegram_payment_charge_id": subscription.charge_id,
            "is_canceled": subscription.wanted is SubscriptionState.CANCELED,
        }
        await self._call("editUserStarSubscription", fields)

    async def refund(self, request: payments.RefundRequest) -> payments.GatewayRefund:
        """Refund the Stars of a payment; calling it again refunds nothing more."""
        charge = request.payment_id
        fields = {"user_id": request.user_id, "telegram_payment_charge_id": charge}
        try:
            await self._call("refundStarPayment", fields)
        except PaymentError as error:
            # The library capitalises Telegram's words.
            if _REFUNDED not in str(error).upper():
                raise
        return payments.GatewayRefund(
            charge, charge, request.amount, is_done=True, at=utc_now()
        )

    async def refunds(self, payment_id: str) -> tuple[payments.GatewayRefund, ...]:  # noqa: ARG002
        """Return none: Telegram reports refunds by updates and never refunds twice."""
        return ()

    async def _call(self, method: str, fields: Mapping[str, Any]) -> Any:
        try:
            return await self._bot_api.call_once(method, fields)
        except ChatUnreachable:
            if "chat_id" in fields:
                raise
            raise PaymentError("user not found") from None
        except TelegramError as error:
            reason = redact(str(error))
            log.info("a Telegram call about Stars failed", method=method, reason=reason)
            is_final = isinstance(error, BadRequest | Forbidden)
            raise (PaymentError if is_final else PaymentUnknown)(reason) from None


def _invoice(request: payments.PaymentRequest) -> dict[str, Any]:
    """Return the fields common to all invoices."""
    title = request.title[:_TITLE_LENGTH]
    return {
        "title": title,
        "description": request.description[:_DESCRIPTION_LENGTH],
        "payload": request.purchase_id,
        "provider_token": "",
        "currency": request.amount.currency.value,
        "prices": [{"label": title, "amount": request.amount.minor}],
    }


def stars_request(purchase: Purchase, language: str) -> payments.PaymentRequest:
    """Return the payment request for a purchase in Stars, in the payer's language."""
    order = purchase.order
    return payments.PaymentRequest(
        purchase_id=purchase.purchase_id,
        user_id=purchase.user_id,
        amount=order.amount,
        title=order.promise.title_in(language),
        description=promise_text(order.promise, language),
    )


def with_stars(services: BotServices, bot_api: BotApi) -> BotServices:
    """Return the services with the Stars gateway, which needs the Bot API."""
    return replace(services, gateway=StarsGateway(bot_api))


def read_refund(update: telegram.Update) -> payments.GatewayRefund | None:
    """Return the refund of a service message, None if there is none in Stars."""
    payment = _read(update, update.message.refunded_payment if update.message else None)
    if payment is None or payment.at is None:
        return None
    # A refund has the charge id of its payment.
    charge = payment.outside_id
    at = payment.at
    owner = {"purchase_id": payment.purchase_id, "user_id": payment.user_id}
    return payments.GatewayRefund(
        charge, charge, payment.amount, is_done=True, at=at, **owner
    )


def read_payment(update: telegram.Update) -> payments.GatewayPayment | None:
    """Return the payment of a service message, None if there is none in Stars."""
    paid = update.message.successful_payment if update.message else None
    payment = _read(update, paid)
    if payment is None or paid is None:
        return None
    is_renewal = bool(paid.is_recurring and not paid.is_first_recurring)
    until = paid.subscription_expiration_date
    return replace(payment, until=until, is_renewal=is_renewal)


def _read(
    update: telegram.Update, payment: SuccessfulPayment | RefundedPayment | None
) -> payments.GatewayPayment | None:
    message = update.message
    if payment is None or message is None or payment.currency != Currency.XTR.value:
        return None
    if not (
        payment.telegram_payment_charge_id and 0 < payment.total_amount <= MAX_MINOR
    ):
        return None
    return payments.GatewayPayment(
        outside_id=payment.telegram_payment_charge_id,
        status=payments.PaymentStatus.SUCCEEDED,
        is_paid=True,
        amount=Amount(payment.total_amount, Currency.XTR),
        is_test=False,
        purchase_id=payment.invoice_payload,
        user_id=str(message.from_user.id if message.from_user else 0),
        at=message.date,
    )
