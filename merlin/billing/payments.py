"""Settling: what a till says of a payment becomes what the purchase is; the last step of both.

Everything here is called within the store's work, so that what belongs together is stored
together, what the person is told included. Anything may come twice, late, or in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from merlin.billing import orders
from merlin.billing.books import Books
from merlin.billing.ledger import Entry, EntryKind, Paid, Returned
from merlin.billing.purchases import Purchase, PurchaseState, Till
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.money import Amount
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import Mismatch, Seen, Status, mismatch

log = get_logger(__name__)

# Who wishes for a refund that no person wished for, and why; the till is told it too.
BY = "billing"
WHY_CODE_TAKEN = "the code was used before"
# Words of YooKassa for why a payment was canceled that have a text of their own.
REASONS = frozenset(
    {
        "3d_secure_failed",
        "call_issuer",
        "canceled_by_merchant",
        "card_expired",
        "country_forbidden",
        "deal_expired",
        "expired_on_capture",
        "expired_on_confirmation",
        "fraud_suspected",
        "general_decline",
        "identification_required",
        "insufficient_funds",
        "internal_timeout",
        "invalid_card_number",
        "invalid_csc",
        "issuer_unavailable",
        "payment_method_limit_exceeded",
        "payment_method_restricted",
        "permission_revoked",
        "unsupported_mobile_operator",
    }
)


class Settled(StrEnum):
    """What came of a look at a payment."""

    NOTHING = "nothing"
    PAID = "paid"
    HELD = "held"
    CANCELED = "canceled"
    WRONG = "wrong"
    RETURNED = "returned"


def settle(books: Books, notices: Notices, purchase: Purchase, seen: Seen) -> Settled:
    """Let a payment at YooKassa, read with our own credentials, change its purchase.

    RETURNED: money went back of which the ledger does not know; read the refunds.
    """
    purchase = books.purchases.get(purchase.purchase_id)
    wrong = mismatch(purchase, seen)
    if wrong is not None:
        tell_wrong(notices, purchase, seen.outside_id, wrong)
        return Settled.WRONG
    if seen.status is Status.SUCCEEDED and seen.is_paid:
        return _paid(books, notices, purchase, seen)
    if seen.status is Status.HELD and books.asking.held(purchase.purchase_id):
        return Settled.HELD
    if seen.status is Status.CANCELED and cancel(books, notices, purchase, seen.reason):
        return Settled.CANCELED
    return Settled.NOTHING


def _paid(books: Books, notices: Notices, purchase: Purchase, seen: Seen) -> Settled:
    at = seen.at or purchase.created_at
    grant = pay(books, notices, purchase, Paid(seen.outside_id, seen.amount, at))
    if seen.refunded > _returned(books, purchase):
        return Settled.RETURNED
    return Settled.PAID if grant is not None and not grant.is_empty else Settled.NOTHING


def pay(books: Books, notices: Notices, purchase: Purchase, paid: Paid) -> Entry | None:
    """Store a payment with what it grants, and tell the person; None for one that is known.

    One that comes when another payment has used its code up grants nothing (`Entry.is_empty`), and
    goes back.
    """
    kill_point("payment.before")
    grant = books.ledger.paid(purchase.purchase_id, paid)
    if grant is None:
        return None
    once = f"paid:{purchase.order.till.value}:{paid.outside_id}"
    if grant.is_empty:
        # The same key as the payment's: however often this is told, it goes back once.
        books.refunds.want(grant.entry_id, None, WHY_CODE_TAKEN, BY, f"refund:{once}")
        tell_code_taken(notices, purchase, paid.outside_id)
        return grant
    if purchase.order.promo:
        # The use is this order's now: what else waits to be paid with it would only go back.
        for each in orders.holding(books, purchase.user_id, purchase.order.promo):
            books.purchases.give_up(each.purchase_id, PurchaseState.CANCELED)
    if purchase.user_id:
        notices.tell(str(purchase.user_id), "notice-paid", _bought(purchase, paid.amount), once)
    else:
        # There is nobody to grant anything to: it is for an admin to send it back.
        told = {"purchase": purchase.purchase_id, "amount": _money(paid.amount)}
        notices.tell(ADMINS, "notice-paid-nobody", told, once)
    log.info("paid", purchase=purchase.purchase_id, till=purchase.order.till.value)
    return grant


def cancel(books: Books, notices: Notices, purchase: Purchase, reason: str) -> bool:
    """End a purchase that cannot be paid, and tell the person why; False for an ended one."""
    give_up, state = books.purchases.give_up, PurchaseState.CANCELED
    if not give_up(purchase.purchase_id, state, reason, is_closed=True):
        return False
    # Who pays nothing for an hour is not told that nothing was paid; of a plan that was not renewed
    # more is told than this.
    is_by_hand = purchase.user_id and purchase.order.renewal_id is None
    if is_by_hand and reason != "expired_on_confirmation":
        key = reason_key(reason)
        reason_told = {"reason": {"key": key, "arguments": {}}}
        told = {**_bought(purchase, purchase.order.amount), **reason_told}
        once = f"canceled:{purchase.purchase_id}"
        notices.tell(str(purchase.user_id), "notice-payment-canceled", told, once)
    return True


def give_back(books: Books, notices: Notices, till: Till, returned: Returned) -> Entry | None:
    """Store a refund that nobody here asked for, and tell the person; None for a known one."""
    entry = books.ledger.returned(till, returned)
    if entry is not None:
        tell_returned(notices, books.purchases.get(entry.purchase_id), returned)
    return entry


def tell_returned(notices: Notices, purchase: Purchase, returned: Returned) -> None:
    """Tell the person that money is on its way back."""
    if purchase.user_id:
        told = _bought(purchase, returned.amount)
        once = f"refunded:{purchase.order.till.value}:{returned.outside_id}"
        notices.tell(str(purchase.user_id), "notice-refunded", told, once)


def tell_code_taken(notices: Notices, purchase: Purchase, outside_id: str) -> None:
    """Tell the person and admins of a payment that goes back, as its code was used by then."""
    log.warning("a payment came after its code was used", purchase=purchase.purchase_id)
    told = {**_bought(purchase, purchase.order.amount), "code": purchase.order.promo}
    once = f"code-taken:{purchase.order.till.value}:{outside_id}"
    notices.tell(str(purchase.user_id), "notice-code-taken", told, once)
    notices.tell(ADMINS, "notice-code-taken-admins", told, f"{once}:admins")


def tell_wrong(notices: Notices, purchase: Purchase, outside_id: str, wrong: Mismatch) -> None:
    """Tell admins of a payment that is not what was ordered; nothing is granted for it."""
    log.error("a payment is not its order's", purchase=purchase.purchase_id, differs=wrong.value)
    told = {"purchase": purchase.purchase_id, "payment": outside_id, "differs": wrong.value}
    notices.tell(ADMINS, "notice-payment-wrong", told, f"wrong:{purchase.purchase_id}:{outside_id}")


def reason_key(reason: str) -> str:
    """Return the Fluent key of why a payment was canceled."""
    return f"payment-reason-{reason.replace('_', '-')}" if reason in REASONS else "payment-reason"


def _returned(books: Books, purchase: Purchase) -> int:
    entries = books.ledger.entries(purchase.purchase_id)
    return sum(each.amount.minor for each in entries if each.kind is EntryKind.REFUND)


def _bought(purchase: Purchase, amount: Amount) -> Mapping[str, object]:
    """Return what notices say of a purchase; the bot puts title and money in its language."""
    return {
        "purchase": purchase.purchase_id,
        "ru": purchase.order.promise.title.get("ru", purchase.order.promise.plan),
        "en": purchase.order.promise.title.get("en", purchase.order.promise.plan),
        "amount": _money(amount),
    }


def _money(amount: Amount) -> str:
    return f"{amount.decimal} {amount.currency.value}"


def expire(books: Books, purchase: Purchase, now: datetime) -> bool:
    """End an order that nobody paid in time; False for one that is not that old, or not open."""
    if now < purchase.expires_at:
        return False
    return books.purchases.give_up(purchase.purchase_id, PurchaseState.EXPIRED)
