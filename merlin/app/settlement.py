"""The effects of payments: the one place that grants, cancels, expires and refunds.

Every function here is called inside a transaction, so that related rows are stored together,
including the notices to people. Anything may arrive twice, late, in any order, and from either
gateway.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from merlin.account.users import Users
from merlin.app.context import Context
from merlin.app.shop import gives_something
from merlin.billing.ledger import Ledger, LedgerEntry, sum_refunds
from merlin.billing.purchases import Purchase, Purchases, PurchaseState, order_number
from merlin.billing.refunds import MAX_REASON_LENGTH, UNDER_WAY, Refund, Refunds
from merlin.billing.subscriptions import (
    Subscription,
    Subscriptions,
    SubscriptionState,
)
from merlin.billing.terms import Terms, term_end
from merlin.core.clock import in_zone, iso, zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import LANGUAGES, keys, moment_argument
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.money import Amount
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentStatus,
)

log = get_logger(__name__)

# Who sent money back that we did not, by gateway.
BY_HAND = {Gateway.YOOKASSA: "yookassa", Gateway.STARS: "telegram"}


class PaymentOutcome(StrEnum):
    """The result of a payment.

    RETURNED: money was returned that is not in the ledger; read the refunds.
    """

    NOTHING = "nothing"
    PAID = "paid"
    CANCELED = "canceled"
    WRONG = "wrong"
    RETURNED = "returned"


def find_mismatch(purchase: Purchase, payment: GatewayPayment) -> str:
    """Return how the payment differs from this purchase, for logs and admins; "" if it does not."""
    order = purchase.order
    # An invoice in Stars that was paid twice has two payments, each with its own id.
    is_known = order.gateway is Gateway.STARS or purchase.outside_id in {
        "",
        payment.outside_id,
    }
    agreements = {
        "id": is_known,
        "currency": not payment.foreign
        and payment.amount.currency is order.amount.currency,
        "amount": payment.amount.minor == order.amount.minor,
        "order": payment.purchase_id == purchase.purchase_id,
        # A person whose data was deleted has paid all the same.
        "user": payment.user_id == str(order.user_id) or order.user_id == 0,
        "test": payment.is_test == order.is_test,
    }
    return next((what for what, agrees in agreements.items() if not agrees), "")


def notify_mismatch(
    ctx: Context, purchase: Purchase, payment: GatewayPayment, differs: str
) -> None:
    """Notify admins of a payment that is not its order's; nothing is granted for it."""
    number = purchase.purchase_id
    outside_id = payment.outside_id
    log.error("a payment is not its order's", purchase=number, differs=differs)
    values = {"purchase": purchase.number, "payment": outside_id, "differs": differs}
    is_stars = purchase.order.gateway is Gateway.STARS
    key = "notice-stars-wrong" if is_stars else "notice-payment-wrong"
    notify(ctx, ADMINS, key, values, f"wrong:{number}:{outside_id}")


def apply_payment(
    ctx: Context, purchase: Purchase, payment: GatewayPayment
) -> PaymentOutcome:
    """Apply a payment, read with our own credentials, to its purchase, and grant what it buys."""
    purchase = Ledger(ctx.db, ctx.clock).lock_purchase(purchase.purchase_id)
    wrong = find_mismatch(purchase, payment)
    if wrong:
        notify_mismatch(ctx, purchase, payment, wrong)
        return PaymentOutcome.WRONG
    if payment.status is PaymentStatus.SUCCEEDED and payment.is_paid:
        grant = grant_paid(ctx, purchase, payment)
        if payment.refunded > sum_refunds(
            Ledger(ctx.db, ctx.clock).entries(purchase.purchase_id)
        ):
            return PaymentOutcome.RETURNED
        return PaymentOutcome.NOTHING if grant is None else PaymentOutcome.PAID
    if payment.status is PaymentStatus.CANCELED:
        if purchase.state.is_paid:
            _notify_undone(ctx, purchase, payment)
        elif cancel(ctx, purchase, payment.reason):
            return PaymentOutcome.CANCELED
    return PaymentOutcome.NOTHING


def _notify_undone(ctx: Context, purchase: Purchase, payment: GatewayPayment) -> None:
    """Notify admins of a payment that was granted, and that the gateway calls canceled now."""
    outside_id = payment.outside_id
    log.error("a granted payment is canceled", purchase=purchase.purchase_id)
    values = {"purchase": purchase.number, "payment": outside_id}
    notify(ctx, ADMINS, "notice-payment-undone", values, f"undone:{outside_id}")


def grant_paid(
    ctx: Context, purchase: Purchase, paid: GatewayPayment
) -> LedgerEntry | None:
    """Store a payment with its grant, and notify the person; None for a known payment."""
    kill_point("payment.before")
    # Two invoices of one order can both be confirmed before either is paid.
    is_again = purchase.state in {PurchaseState.PAID, PurchaseState.REFUNDED_IN_PART}
    grant = Ledger(ctx.db, ctx.clock).record_payment(purchase.purchase_id, paid)
    if grant is None:
        return None
    purchase = Purchases(ctx.db, ctx.clock).get(purchase.purchase_id)
    if paid.until is not None and not gives_something(ctx, purchase.order):
        _end_renewal_of_nothing(ctx, purchase, paid)
    else:
        _notify_paid(ctx, purchase, paid, is_again=is_again)
    log.info(
        "paid", purchase=purchase.purchase_id, gateway=purchase.order.gateway.value
    )
    return grant


def _end_renewal_of_nothing(
    ctx: Context, purchase: Purchase, paid: GatewayPayment
) -> None:
    """End a subscription whose plan is gone: Telegram asks nobody before it charges a month."""
    end = SubscriptionState.CANCELED
    Subscriptions(ctx.db, ctx.clock).want(purchase.purchase_id, end)
    values = _bought(purchase, paid.amount)
    once = f"gone:{paid.outside_id}"
    notify(ctx, ADMINS, "notice-renewal-gone", values, f"{once}:{ADMINS}")
    notify(ctx, purchase.user_id, "notice-renewal-nothing", values, once)


def _notify_paid(
    ctx: Context, purchase: Purchase, paid: GatewayPayment, *, is_again: bool
) -> None:
    """Notify whom a payment concerns: the person, or without one the admins."""
    once = f"paid:{purchase.order.gateway.value}:{paid.outside_id}"
    if not purchase.user_id:
        values = {"purchase": purchase.number, "amount": format_amount(paid.amount)}
        # There is no person to grant it to: an admin has to refund it.
        notify(ctx, ADMINS, "notice-paid-nobody", values, once)
    else:
        key = _paid_key(paid, is_again=is_again)
        terms = Terms(ctx.db, ctx.clock).list_of_user(purchase.user_id)
        plan_ends = term_end(terms, purchase.order.promise.plan, ctx.clock())
        # Of a subscription the day on which it is charged again.
        ends = paid.until or plan_ends
        at = told_moment(ctx, purchase.user_id, ends) if ends else "none"
        bought = {**_bought(purchase, paid.amount), "at": at}
        notify(ctx, purchase.user_id, key, bought, once)


def _paid_key(paid: GatewayPayment, *, is_again: bool) -> str:
    if paid.is_renewal:
        return "notice-renewed"
    if is_again:
        return "notice-paid-again"
    return "notice-subscribed" if paid.until else "notice-paid"


def receive_payment(ctx: Context, payment: GatewayPayment) -> PaymentOutcome:
    """Apply a Stars payment, which identifies its purchase by its payload alone.

    Admins and the payer are notified of one that belongs to no order, or differs from it.
    """
    try:
        purchase = Purchases(ctx.db, ctx.clock).get(payment.purchase_id)
    except NotFound:
        log.warning("a Stars payment has no order", user=payment.user_id)
        values = {
            "user": payment.user_id,
            "charge": payment.outside_id,
            "stars": payment.amount.minor,
            "payload": payment.purchase_id[:64],
        }
        notify(
            ctx, ADMINS, "notice-stars-unknown", values, f"unknown:{payment.outside_id}"
        )
        outcome = PaymentOutcome.WRONG
    else:
        outcome = apply_payment(ctx, purchase, payment)
    if outcome is PaymentOutcome.WRONG:
        odd = {"stars": payment.amount.minor}
        once = f"odd:{payment.outside_id}"
        notify(ctx, payment.user_id, "notice-stars-odd", odd, once)
    return outcome


def cancel(ctx: Context, purchase: Purchase, reason: str) -> bool:
    """End a purchase that cannot be paid, and notify the person; False for an ended one."""
    end_unpaid = Purchases(ctx.db, ctx.clock).end_unpaid
    state = PurchaseState.CANCELED
    if not end_unpaid(purchase.purchase_id, state, reason, is_closed=True):
        return False
    # A person who did not pay within an hour is not notified.
    if purchase.user_id and reason != "expired_on_confirmation":
        why = {"reason": {"key": reason_key(reason), "arguments": {}}}
        values = {**_bought(purchase, purchase.order.amount), **why}
        once = f"canceled:{purchase.purchase_id}"
        notify(ctx, purchase.user_id, "notice-payment-canceled", values, once)
    return True


def expire(ctx: Context, purchase: Purchase) -> bool:
    """End an order that was not paid in time; False for one that has not expired or is not open."""
    if ctx.clock() < purchase.expires_at:
        return False
    return Purchases(ctx.db, ctx.clock).end_unpaid(
        purchase.purchase_id, PurchaseState.EXPIRED
    )


def apply_refund(
    ctx: Context, gateway: Gateway, gateway_refund: GatewayRefund
) -> LedgerEntry | None:
    """Store a refund from any source, and notify the person; None for a known one.

    Raises NotFound for an unknown payment, Refused for more than was paid.
    """
    for refund in Refunds(ctx.db, ctx.clock).list_of_purchase(
        gateway_refund.purchase_id
    ):
        if refund.state in UNDER_WAY and refund.payment_id == gateway_refund.payment_id:
            # Our own refund: it stores the person and the reason.
            return finish_refund(ctx, refund, gateway_refund)
    entry = Ledger(ctx.db, ctx.clock).record_refund(
        gateway, gateway_refund, BY_HAND[gateway], gateway_refund.reason
    )
    if entry is not None:
        _notify_returned(ctx, entry.purchase_id, gateway_refund)
    return entry


def finish_refund(
    ctx: Context, refund: Refund, gateway_refund: GatewayRefund
) -> LedgerEntry | None:
    """Store that our refund succeeded; None if that is known."""
    entry = Refunds(ctx.db, ctx.clock).mark_done(refund.refund_id, gateway_refund)
    if entry is not None:
        _notify_returned(ctx, refund.purchase_id, gateway_refund)
    return entry


def refuse_refund(ctx: Context, refund: Refund, reason: str) -> None:
    """Store that a gateway finally refused a refund, and notify admins."""
    if not Refunds(ctx.db, ctx.clock).mark_refused(refund.refund_id, reason):
        return
    log.error("a refund was refused", refund=refund.refund_id, reason=reason)
    is_stars = refund.gateway is Gateway.STARS
    key = "notice-stars-refused" if is_stars else "notice-refund-refused"
    amount = format_amount(refund.amount)
    values = {
        "purchase": order_number(refund.purchase_id),
        "amount": amount,
        "reason": reason,
    }
    notify(ctx, ADMINS, key, values, f"refund-refused:{refund.refund_id}")


def receive_refund(ctx: Context, gateway_refund: GatewayRefund) -> None:
    """Store that a payment's Stars were returned, by anybody; one of no payment is logged."""
    try:
        apply_refund(ctx, Gateway.STARS, gateway_refund)
    except (NotFound, Refused) as error:
        charge = gateway_refund.outside_id
        reason = str(error)
        log.warning("a Stars refund fits no payment", charge=charge, reason=reason)


# What people are told of a subscription in a state of Telegram's.
_RENEWAL_NOTICES = {
    SubscriptionState.ACTIVE: "notice-renewal-on",
    SubscriptionState.CANCELED: "notice-renewal-off",
    SubscriptionState.FAILED: "notice-renewal-failed",
}


def receive_subscription(
    ctx: Context, purchase_id: str, user_id: int, state: str, update_id: int
) -> None:
    """Store what Telegram reports of a subscription, and notify the person once.

    Of one whose first payment is still to come nothing is stored; what cannot be read is told to
    the admins.
    """
    words = {each.value: each for each in _RENEWAL_NOTICES}
    try:
        purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    except NotFound:
        purchase = None
    is_theirs = purchase is not None and purchase.user_id in {0, user_id}
    if not is_theirs or state not in words:
        log.error("a subscription cannot be read", update=update_id, state=state)
        values = {"user": str(user_id), "state": state[:64]}
        values["payload"] = purchase_id[:64]
        once = f"renewal-unread:{update_id}"
        notify(ctx, ADMINS, "notice-renewal-unread", values, once)
        return
    known = words[state]
    if Subscriptions(ctx.db, ctx.clock).advance(purchase_id, known):
        _notify_renewal(ctx, purchase_id, _RENEWAL_NOTICES[known], f"{update_id}")


def finish_renewal(ctx: Context, subscription: Subscription) -> None:
    """Store that Telegram was told what was wanted of a subscription, and notify the person."""
    subscriptions = Subscriptions(ctx.db, ctx.clock)
    told = subscription.wanted
    if told is None or not subscriptions.mark_told(subscription):
        return
    key = "notice-renewal-off"
    if told is SubscriptionState.ALLOWED:
        key = "notice-renewal-allowed"
    if subscriptions.advance(subscription.purchase_id, told):
        _notify_renewal(ctx, subscription.purchase_id, key, iso(ctx.clock()))


def refuse_renewal(ctx: Context, subscription: Subscription, reason: str) -> None:
    """Store that Telegram finally refused to change a subscription; notify person and admins."""
    reason = reason[:MAX_REASON_LENGTH]
    if not Subscriptions(ctx.db, ctx.clock).mark_told(subscription, reason):
        return
    log.error("a renewal was not changed", reason=reason)
    number = subscription.purchase_id
    mark = iso(ctx.clock())
    _notify_renewal(ctx, number, "notice-renewal-refused", mark)
    values = {"purchase": order_number(number), "reason": reason}
    once = f"renewal-stays:{number}:{mark}"
    notify(ctx, ADMINS, "notice-renewal-stays", values, once)


def _notify_renewal(ctx: Context, purchase_id: str, key: str, mark: str) -> None:
    """Notify the person of their subscription, once for `mark`."""
    subscription = Subscriptions(ctx.db, ctx.clock).find(purchase_id)
    if subscription is None or not subscription.user_id:
        return
    purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    at = told_moment(ctx, subscription.user_id, subscription.ends_at)
    values = {**_bought(purchase, subscription.amount), "at": at}
    notify(ctx, subscription.user_id, key, values, f"{key}:{purchase_id}:{mark}")


def _notify_returned(
    ctx: Context, purchase_id: str, gateway_refund: GatewayRefund
) -> None:
    """Notify the person of a refund."""
    purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    if not purchase.user_id:
        return
    is_whole = purchase.state is PurchaseState.REFUNDED
    key = "notice-refunded" if is_whole else "notice-refunded-part"
    once = f"refunded:{purchase.order.gateway.value}:{gateway_refund.outside_id}"
    notify(ctx, purchase.user_id, key, _bought(purchase, gateway_refund.amount), once)


def notify(
    ctx: Context, to: int | str, key: str, arguments: Mapping[str, object], once: str
) -> None:
    """Store a notice to a person or to ADMINS, once for `once`."""
    Notices(ctx.db, ctx.clock).notify(str(to), key, arguments, once)


def told_moment(ctx: Context, user_id: int, at: datetime) -> dict[str, object]:
    """Return a moment in a person's time zone, as a nested text; another zone is named."""
    user = Users(ctx.db).get(user_id)
    chosen = user.zone if user else None
    here = in_zone(at, zone_of(chosen or ctx.config.timezone))
    return moment_argument(here, is_named=not chosen)


def reason_key(reason: str) -> str:
    """Return the Fluent key of why a payment was canceled; some reasons share a text."""
    key = f"payment-reason-{reason.replace('_', '-')}"
    return key if key in keys(LANGUAGES[0]) else "payment-reason"


def format_amount(amount: Amount) -> str:
    """Return an amount for notices: "299.00 RUB"."""
    return f"{amount.decimal} {amount.currency.value}"


def _bought(purchase: Purchase, amount: Amount) -> Mapping[str, object]:
    """Return a purchase's arguments for notices; the bot formats title and money by language."""
    title = purchase.order.promise.title
    plan = purchase.order.promise.plan
    return {
        "purchase": purchase.number,
        "ru": title.get("ru", plan),
        "en": title.get("en", plan),
        "amount": format_amount(amount),
    }
