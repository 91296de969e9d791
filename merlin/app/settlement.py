"""What a payment does: the one place that grants, cancels, expires and takes back.

Everything here is called within the store's work, so that what belongs together is stored
together, what the person is told included. Anything may come twice, late, or in any order, and
from either gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from merlin.app.context import Context
from merlin.billing.ledger import Entry, EntryKind, Ledger, money_back
from merlin.billing.purchases import Purchase, Purchases, PurchaseState, order_number
from merlin.billing.refunds import UNDER_WAY, Refund, Refunds
from merlin.billing.subscriptions import Renewal, Renewals, RenewalState, Terms
from merlin.config.shop import STARS_PERIOD_DAYS
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import LANGUAGES, keys
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.money import Amount
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import Gateway, GatewayPayment, GatewayRefund, Status

log = get_logger(__name__)

# Who asks for a refund that no person asked for, and why; the gateway is told it too.
BY = "billing"
WHY_CODE_TAKEN = "the code was used before"
# Who sent money back that we did not, by gateway.
BY_HAND = {Gateway.YOOKASSA: "yookassa", Gateway.STARS: "telegram"}
_STARS_PERIOD = timedelta(days=STARS_PERIOD_DAYS)


class Outcome(StrEnum):
    """What came of a payment; SENT_BACK: it grants nothing, because its code was used by then.

    RETURNED: money went back of which the ledger does not know; read the refunds.
    """

    NOTHING = "nothing"
    PAID = "paid"
    SENT_BACK = "sent-back"
    HELD = "held"
    CANCELED = "canceled"
    WRONG = "wrong"
    RETURNED = "returned"


def mismatch(purchase: Purchase, payment: GatewayPayment) -> str:
    """Return in what the payment is not this purchase's, for logs and admins; "" for nothing."""
    order = purchase.order
    # Each payment of a subscription in Stars has an id of its own.
    is_known = order.gateway is Gateway.STARS or purchase.outside_id in {"", payment.outside_id}
    agreements = {
        "id": is_known,
        "currency": payment.amount.currency is order.amount.currency,
        "amount": payment.amount.minor == order.amount.minor,
        "order": payment.purchase_id == purchase.purchase_id,
        # Somebody who left paid all the same; nobody else can have.
        "user": payment.user_id == str(order.user_id) or order.user_id == 0,
        "test": payment.is_test == order.is_test,
    }
    return next((what for what, agrees in agreements.items() if not agrees), "")


def apply_payment(ctx: Context, purchase: Purchase, payment: GatewayPayment) -> Outcome:
    """Let a payment, read with our own credentials, change its purchase, and grant what it buys."""
    purchase = Purchases(ctx.db, ctx.clock).get(purchase.purchase_id)
    wrong = mismatch(purchase, payment)
    if wrong:
        number, outside_id = purchase.purchase_id, payment.outside_id
        log.error("a payment is not its order's", purchase=number, differs=wrong)
        # Admins hear of it; nothing is granted for it.
        values = {"purchase": purchase.number, "payment": outside_id, "differs": wrong}
        _tell(ctx, ADMINS, "notice-payment-wrong", values, f"wrong:{number}:{outside_id}")
        return Outcome.WRONG
    if payment.status is Status.SUCCEEDED and payment.is_paid:
        return _apply_paid(ctx, purchase, payment)
    if payment.status is Status.HELD and Purchases(ctx.db, ctx.clock).held(purchase.purchase_id):
        return Outcome.HELD
    if payment.status is Status.CANCELED and cancel(ctx, purchase, payment.reason):
        return Outcome.CANCELED
    return Outcome.NOTHING


def _apply_paid(ctx: Context, purchase: Purchase, payment: GatewayPayment) -> Outcome:
    grant = grant_paid(ctx, purchase, payment)
    entries = Ledger(ctx.db, ctx.clock).entries(purchase.purchase_id)
    if payment.refunded > money_back(entries):
        return Outcome.RETURNED
    if grant is None:
        return Outcome.NOTHING
    if grant.is_empty:
        return Outcome.SENT_BACK
    if purchase.user_id:
        _record_renewal(ctx, purchase, payment)
    return Outcome.PAID


def grant_paid(ctx: Context, purchase: Purchase, paid: GatewayPayment) -> Entry | None:
    """Store a payment with what it grants, and tell the person; None for one that is known.

    One that comes when another payment has used its code up grants nothing (`Entry.is_empty`), and
    goes back.
    """
    kill_point("payment.before")
    grant = Ledger(ctx.db, ctx.clock).paid(purchase.purchase_id, paid)
    if grant is None:
        return None
    once = f"paid:{purchase.order.gateway.value}:{paid.outside_id}"
    if grant.is_empty:
        # The same key as the payment's: however often this is told, it goes back once.
        Refunds(ctx.db, ctx.clock).want(grant.entry_id, None, WHY_CODE_TAKEN, BY, f"refund:{once}")
        notify_code_taken(ctx, purchase, paid.outside_id)
        return grant
    if purchase.order.promo:
        # The use is this order's now: what else waits to be paid with it would only go back.
        purchases = Purchases(ctx.db, ctx.clock)
        for each in purchases.with_code(purchase.user_id, purchase.order.promo):
            purchases.give_up(each.purchase_id, PurchaseState.CANCELED)
    if purchase.user_id:
        _tell(ctx, purchase.user_id, "notice-paid", _bought(purchase, paid.amount), once)
    else:
        # There is nobody to grant anything to: it is for an admin to send it back.
        values = {"purchase": purchase.number, "amount": money_text(paid.amount)}
        _tell(ctx, ADMINS, "notice-paid-nobody", values, once)
    log.info("paid", purchase=purchase.purchase_id, gateway=purchase.order.gateway.value)
    return grant


def receive_payment(ctx: Context, payment: GatewayPayment) -> Outcome:
    """Apply a payment in Stars, whose purchase is named by nothing but what it carries.

    Admins and the payer hear of one that is for no order of ours, or not what was ordered.
    """
    try:
        purchase = Purchases(ctx.db, ctx.clock).get(payment.purchase_id)
    except NotFound:
        log.warning("stars came for no order", user=payment.user_id)
        values = {
            "user": payment.user_id,
            "charge": payment.outside_id,
            "stars": payment.amount.minor,
            "payload": payment.purchase_id[:64],
        }
        _tell(ctx, ADMINS, "notice-stars-unknown", values, f"unknown:{payment.outside_id}")
        outcome = Outcome.WRONG
    else:
        outcome = apply_payment(ctx, purchase, payment)
    if outcome is Outcome.WRONG:
        odd, once = {"stars": payment.amount.minor}, f"odd:{payment.outside_id}"
        _tell(ctx, payment.user_id, "notice-stars-odd", odd, once)
    return outcome


def plan_ends(ctx: Context, user_id: int, plan: str) -> datetime | None:
    """Return when the last of somebody's terms of a plan ends, None for no term."""
    terms = [each for each in Terms(ctx.db, ctx.clock).of(user_id) if each.plan == plan]
    return max((term.ends_at for term in terms), default=None)


def _record_renewal(ctx: Context, purchase: Purchase, payment: GatewayPayment) -> None:
    """Let a payment that was just made begin a renewal, or move the one that runs on."""
    plan, user_id = purchase.order.promise.plan, purchase.user_id
    mine = [each for each in Renewals(ctx.db).of(user_id) if each.plan == plan]
    if purchase.order.gateway is Gateway.STARS:
        if payment.paid_until is not None:
            _renewed_by_telegram(ctx, purchase, payment, mine)
        return
    ends = plan_ends(ctx, user_id, plan)
    if ends is None:
        return
    if purchase.order.keeps_method and payment.method_id:
        # What Telegram renews by itself is not paid twice; until it has heard of its end, it does.
        if not any(each.gateway is Gateway.STARS and each.state in RUNNING for each in mine):
            new = Renewal(
                renewal_id=0,
                user_id=user_id,
                plan=plan,
                gateway=Gateway.YOOKASSA,
                method=payment.method_id,
                state=RenewalState.ON,
                consented_at=purchase.created_at,
                next_at=ends,
                method_title=payment.method_title,
                contact=purchase.order.contact,
            )
            Renewals(ctx.db).begin(new)
        return
    for each in mine:
        if each.gateway is Gateway.YOOKASSA and each.state is RenewalState.ON:
            Renewals(ctx.db).paid(each.renewal_id, ends)


# STOPPING: Telegram renews it until it has heard that it ends.
RUNNING = (RenewalState.ON, RenewalState.STOPPING)


def _renewed_by_telegram(
    ctx: Context, purchase: Purchase, payment: GatewayPayment, renewals: list[Renewal]
) -> None:
    at = payment.at or purchase.created_at
    until = payment.paid_until or at + _STARS_PERIOD
    known = next(
        (renewal for renewal in renewals if renewal.gateway is Gateway.STARS and renewal.method),
        None,
    )
    # Telegram knows a subscription by its first payment.
    entries = Ledger(ctx.db, ctx.clock).entries(purchase.purchase_id)
    paid = (entry.outside_id for entry in entries if entry.kind is EntryKind.PAYMENT)
    first = next(paid, "") or payment.outside_id
    if known is None or known.method != first:
        plan, on = purchase.order.promise.plan, RenewalState.ON
        Renewals(ctx.db).begin(
            Renewal(0, purchase.user_id, plan, Gateway.STARS, first, on, at, until)
        )
    elif known.state is RenewalState.ON:
        Renewals(ctx.db).paid(known.renewal_id, until)
    elif known.state is RenewalState.OFF:
        # They let it run on in Telegram's own settings.
        on_again = replace(known, state=RenewalState.ON, consented_at=at, next_at=until)
        Renewals(ctx.db).begin(on_again)


def cancel(ctx: Context, purchase: Purchase, reason: str) -> bool:
    """End a purchase that cannot be paid, and tell the person why; False for an ended one."""
    give_up, state = Purchases(ctx.db, ctx.clock).give_up, PurchaseState.CANCELED
    if not give_up(purchase.purchase_id, state, reason, is_closed=True):
        return False
    # Who pays nothing for an hour is not told that nothing was paid; of a plan that was not renewed
    # more is told than this.
    is_by_hand = purchase.user_id and purchase.order.renewal_id is None
    if is_by_hand and reason != "expired_on_confirmation":
        why = {"reason": {"key": reason_key(reason), "arguments": {}}}
        values = {**_bought(purchase, purchase.order.amount), **why}
        once = f"canceled:{purchase.purchase_id}"
        _tell(ctx, purchase.user_id, "notice-payment-canceled", values, once)
    return True


def expire(ctx: Context, purchase: Purchase) -> bool:
    """End an order that nobody paid in time; False for one that is not that old, or not open."""
    if ctx.clock() < purchase.expires_at:
        return False
    return Purchases(ctx.db, ctx.clock).give_up(purchase.purchase_id, PurchaseState.EXPIRED)


def apply_refund(ctx: Context, gateway: Gateway, gateway_refund: GatewayRefund) -> Entry | None:
    """Store money that went back, whoever sent it, and tell the person; None for a known one.

    Raises NotFound for an unknown payment, Refused for more than was paid.
    """
    for refund in (
        Refunds(ctx.db, ctx.clock).of(gateway_refund.purchase_id)
        if gateway_refund.purchase_id
        else ()
    ):
        if refund.state in UNDER_WAY and refund.payment_id == gateway_refund.payment_id:
            # Ours: it knows who asked for it, and why.
            return finish_refund(ctx, refund, gateway_refund)
    entry = Ledger(ctx.db, ctx.clock).returned(
        gateway, gateway_refund, BY_HAND[gateway], gateway_refund.reason
    )
    if entry is not None:
        _notify_returned(ctx, entry.purchase_id, gateway_refund)
    return entry


def finish_refund(ctx: Context, refund: Refund, gateway_refund: GatewayRefund) -> Entry | None:
    """Store that a refund we asked for went through; None where that is known."""
    entry = Refunds(ctx.db, ctx.clock).done(refund.refund_id, gateway_refund)
    if entry is not None:
        _notify_returned(ctx, refund.purchase_id, gateway_refund)
    return entry


def refuse_refund(ctx: Context, refund: Refund, reason: str) -> None:
    """Store that a gateway refused a refund for good, and tell admins."""
    if not Refunds(ctx.db, ctx.clock).refused(refund.refund_id, reason):
        return
    log.error("a refund was refused", refund=refund.refund_id, reason=reason)
    is_stars = refund.gateway is Gateway.STARS
    key = "notice-stars-refused" if is_stars else "notice-refund-refused"
    amount = money_text(refund.amount)
    values = {"purchase": order_number(refund.purchase_id), "amount": amount, "reason": reason}
    _tell(ctx, ADMINS, key, values, f"refund-refused:{refund.refund_id}")


def receive_refund(ctx: Context, gateway_refund: GatewayRefund) -> Outcome:
    """Store that the Stars of a payment went back, whoever sent them; WRONG: for none of ours."""
    try:
        entry = apply_refund(ctx, Gateway.STARS, gateway_refund)
    except (NotFound, Refused):
        log.warning("stars went back for no payment of ours", user=gateway_refund.user_id)
        charge = gateway_refund.outside_id
        values = {
            "user": gateway_refund.user_id,
            "charge": charge,
            "stars": gateway_refund.amount.minor,
        }
        _tell(ctx, ADMINS, "notice-stars-left", values, f"left:{charge}")
        return Outcome.WRONG
    return Outcome.NOTHING if entry is None else Outcome.RETURNED


def _notify_returned(ctx: Context, purchase_id: str, gateway_refund: GatewayRefund) -> None:
    """Tell the person that money is on its way back; what Telegram renews of it ends."""
    purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    if not purchase.user_id:
        return
    gateway = purchase.order.gateway
    once = f"refunded:{gateway.value}:{gateway_refund.outside_id}"
    _tell(ctx, purchase.user_id, "notice-refunded", _bought(purchase, gateway_refund.amount), once)
    for each in Renewals(ctx.db).of(purchase.user_id) if gateway is Gateway.STARS else ():
        is_this = each.plan == purchase.order.promise.plan and each.gateway is Gateway.STARS
        if is_this and each.state is RenewalState.ON:
            Renewals(ctx.db).stop(each.renewal_id, purchase.user_id)


def notify_code_taken(ctx: Context, purchase: Purchase, outside_id: str) -> None:
    """Tell the person and admins of a payment that goes back, as its code was used by then."""
    log.warning("a payment came after its code was used", purchase=purchase.purchase_id)
    values = {**_bought(purchase, purchase.order.amount), "code": purchase.order.promo}
    once = f"code-taken:{purchase.order.gateway.value}:{outside_id}"
    _tell(ctx, purchase.user_id, "notice-code-taken", values, once)
    _tell(ctx, ADMINS, "notice-code-taken-admins", values, f"{once}:admins")


def _tell(
    ctx: Context, to: int | str, key: str, arguments: Mapping[str, object], once: str
) -> None:
    Notices(ctx.db, ctx.clock).tell(str(to), key, arguments, once)


def reason_key(reason: str) -> str:
    """Return the Fluent key of why a payment was canceled; not every word has a text of its own."""
    key = f"payment-reason-{reason.replace('_', '-')}"
    return key if key in keys(LANGUAGES[0]) else "payment-reason"


def money_text(amount: Amount) -> str:
    """Return an amount as notices say it: "299.00 RUB"."""
    return f"{amount.decimal} {amount.currency.value}"


def _bought(purchase: Purchase, amount: Amount) -> Mapping[str, object]:
    """Return what notices say of a purchase; the bot puts title and money in its language."""
    title, plan = purchase.order.promise.title, purchase.order.promise.plan
    return {
        "purchase": purchase.number,
        "ru": title.get("ru", plan),
        "en": title.get("en", plan),
        "amount": money_text(amount),
    }
