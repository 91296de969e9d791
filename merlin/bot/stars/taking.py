"""Taking: a payment in Stars that Telegram tells of becomes what it bought; once, however told.

Telegram's message and the nightly comparison come here. To be called within the store's work.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from merlin.billing import settling
from merlin.billing.ledger import EntryKind, Paid, Returned
from merlin.billing.purchase import Purchase, Till
from merlin.billing.refund import Refund, RefundState
from merlin.billing.renewal import Renewal, RenewalState
from merlin.billing.selling import STARS_PERIOD_DAYS
from merlin.billing.till import Mismatch
from merlin.bot.services import Rows
from merlin.bot.stars.told import Told
from merlin.core.errors import NotFound, Refused
from merlin.core.log import get_logger
from merlin.core.notice import ADMINS

log = get_logger(__name__)

PERIOD = timedelta(days=STARS_PERIOD_DAYS)
# Who sent Stars back that we did not.
BY_HAND = "telegram"
_UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)


class Taken(StrEnum):
    """What came of it; ODD: nothing was granted, and admins were told."""

    NEW = "new"
    KNOWN = "known"
    ODD = "odd"


def take(rows: Rows, told: Told) -> Taken:
    """Store a payment with what it grants."""
    purchase = _purchase(rows, told)
    if purchase is None:
        return Taken.ODD
    paid = Paid(told.charge, told.amount, told.at)
    grant = settling.pay(rows.books, rows.notices, purchase, paid)
    if grant is None:
        return Taken.KNOWN
    if told.until is not None and purchase.user_id and not grant.is_empty:
        _renewed(rows, purchase, told)
    return Taken.NEW


def _purchase(rows: Rows, told: Told) -> Purchase | None:
    """Return the purchase that was paid; tell admins and the payer where it is none of ours."""
    try:
        purchase = rows.books.purchases.get(told.payload)
    except NotFound:
        _tell_unknown(rows, told)
        return None
    wrong = _mismatch(purchase, told)
    if wrong is not None:
        settling.tell_wrong(rows.notices, purchase, told.charge, wrong)
        _tell_payer(rows, told)
        return None
    return purchase


def _mismatch(purchase: Purchase, told: Told) -> Mismatch | None:
    order = purchase.order
    # Somebody who left paid all the same: their subscription ran on.
    if order.user_id not in {0, told.user_id}:
        return Mismatch.USER
    if order.till is not Till.STARS:
        return Mismatch.CURRENCY
    return Mismatch.AMOUNT if order.amount != told.amount else None


def _tell_unknown(rows: Rows, told: Told) -> None:
    log.error("stars came for no order", user=told.user_id)
    said = {
        "user": str(told.user_id),
        "charge": told.charge,
        "stars": told.amount.minor,
        "payload": told.payload[:64],
    }
    rows.notices.tell(ADMINS, "notice-stars-unknown", said, f"unknown:{told.charge}")
    _tell_payer(rows, told)


def _tell_payer(rows: Rows, told: Told) -> None:
    said = {"stars": told.amount.minor}
    rows.notices.tell(str(told.user_id), "notice-stars-odd", said, f"odd:{told.charge}")


def _renewed(rows: Rows, purchase: Purchase, told: Told) -> None:
    """Note that a plan renews itself from now on, or does so still."""
    renewals, until = rows.books.renewals, told.until or told.at + PERIOD
    plan, user_id = purchase.order.promise.plan, purchase.user_id
    mine = [each for each in renewals.of(user_id) if each.plan == plan]
    known = next((each for each in mine if each.till is Till.STARS and each.method), None)
    first = _first_charge(rows, purchase) or told.charge
    if known is None or known.method != first:
        on = RenewalState.ON
        renewals.begin(Renewal(0, user_id, plan, Till.STARS, first, on, told.at, until))
    elif known.state is RenewalState.ON:
        renewals.paid(known.renewal_id, until)
    elif known.state is RenewalState.OFF:
        # They let it run on in Telegram's own settings.
        renewals.begin(replace(known, state=RenewalState.ON, consented_at=told.at, next_at=until))


def _first_charge(rows: Rows, purchase: Purchase) -> str:
    """Return the first payment of a subscription, by which Telegram knows it."""
    entries = rows.books.ledger.entries(purchase.purchase_id)
    paid = (each.outside_id for each in entries if each.kind is EntryKind.PAYMENT)
    return next(paid, "")


def take_back(rows: Rows, told: Told) -> Taken:
    """Store that the Stars of a payment went back, whoever sent them."""
    returned = Returned(told.charge, told.charge, told.amount, told.at, BY_HAND)
    try:
        purchase_id = _settled_back(rows, returned, told.payload)
    except (NotFound, Refused):
        log.warning("stars went back for no payment of ours", user=told.user_id)
        said = {"user": str(told.user_id), "charge": told.charge, "stars": told.amount.minor}
        rows.notices.tell(ADMINS, "notice-stars-left", said, f"left:{told.charge}")
        return Taken.ODD
    if not purchase_id:
        return Taken.KNOWN
    end_renewal(rows, rows.books.purchases.get(purchase_id))
    return Taken.NEW


def _settled_back(rows: Rows, returned: Returned, payload: str) -> str:
    """Return the purchase whose money went back, "" where that is known."""
    books = rows.books
    for refund in books.refunds.of(payload):
        if refund.state in _UNDER_WAY and refund.payment_id == returned.payment_id:
            # Ours: it knows who wished for it, and why.
            return payload if sent_back(rows, refund, returned) else ""
    entry = settling.give_back(books, rows.notices, Till.STARS, returned)
    return "" if entry is None else entry.purchase_id


def sent_back(rows: Rows, refund: Refund, returned: Returned) -> bool:
    """Store that a refund we wished for went through; False where that is known."""
    told = replace(returned, by=refund.by, reason=refund.reason)
    is_new = rows.books.refunds.done(refund.refund_id, told) is not None
    if is_new:
        purchase = rows.books.purchases.get(refund.purchase_id)
        settling.tell_returned(rows.notices, purchase, told)
        end_renewal(rows, purchase)
    return is_new


def end_renewal(rows: Rows, purchase: Purchase) -> None:
    """Let a plan whose money went back not be paid again."""
    for each in rows.books.renewals.of(purchase.user_id) if purchase.user_id else ():
        is_this = each.plan == purchase.order.promise.plan and each.till is Till.STARS
        if is_this and each.state is RenewalState.ON:
            rows.books.renewals.stop(each.renewal_id, purchase.user_id)
