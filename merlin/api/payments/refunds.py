"""Money that goes back is sent by us, or was sent by hand in the shop's own cabinet.

    refund.intended: it is claimed -> refund.sent: YooKassa answered -> refund.recorded

A refund's id is its key, so asking again sends nothing twice; once YooKassa has forgotten the key,
its list says whether there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from merlin.api.payments.gateway import KEY_LIVES, is_final, note, returns_of
from merlin.api.services import ApiServices
from merlin.billing.ledger import Returned
from merlin.billing.payments import give_back, tell_returned
from merlin.billing.purchases import Till, next_look
from merlin.billing.refunds import Refund, RefundState
from merlin.core.errors import PaymentError
from merlin.core.killpoint import kill_point
from merlin.core.money import Amount
from merlin.db.notices import ADMINS
from merlin.providers.payments import SeenRefund

_UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)
BY_HAND = "yookassa"


async def send_refund(services: ApiServices, refund: Refund) -> None:
    """Send a refund that is claimed, or ask what became of it. Raises TillError to come again."""
    kill_point("refund.intended")
    try:
        seen = await _seen(services, refund)
    except PaymentError as error:
        await note(services, error, refund=refund.refund_id)
        raise
    kill_point("refund.sent")
    await services.store.do(lambda: _record(services, refund, seen))
    kill_point("refund.recorded")


async def _seen(services: ApiServices, refund: Refund) -> SeenRefund | None:
    """Return the refund, sent now or before; None where it is refused for good."""
    is_old = services.clock() - refund.at > KEY_LIVES
    known = await _listed(services, refund) if is_old else None
    if known is not None:
        return known
    returns, books = returns_of(services), services.rows.books
    bought = await services.store.read(lambda: books.purchases.get(refund.purchase_id))
    said = (refund.refund_id, refund.payment_id, refund.amount, refund.reason)
    try:
        seen = await returns.refund(*said, bought)
    except PaymentError as error:
        if not is_final(error):
            raise
        # What was sent before in other words is refused, and is there all the same.
        known = await _listed(services, refund)
        if known is None:
            word = error.code or str(error)
            await services.store.do(partial(_refused, services, refund, word))
        return known
    # Under the same key YooKassa says again what it said first.
    return await returns.find_refund(seen.outside_id) if seen.is_done is None else seen


async def _listed(services: ApiServices, refund: Refund) -> SeenRefund | None:
    """Return a refund of this payment and amount of which the ledger does not know."""
    listed = [*await returns_of(services).refunds(refund.payment_id)]
    return await services.store.read(lambda: _unknown(services, refund, listed))


def _unknown(
    services: ApiServices, refund: Refund, listed: Iterable[SeenRefund]
) -> SeenRefund | None:
    entries = services.rows.books.ledger.entries(refund.purchase_id)
    known = {each.outside_id for each in entries}
    fresh = (each for each in listed if each.outside_id not in known and each.is_done is not False)
    return next((each for each in fresh if each.amount == refund.amount), None)


def _record(services: ApiServices, refund: Refund, seen: SeenRefund | None) -> None:
    books, notices = services.rows.books, services.rows.notices
    if seen is not None and seen.is_done is False:
        _refused(services, refund, seen.reason)
    if seen is None or not seen.is_done:
        return
    returned = _returned(seen, refund.by, refund.reason)
    books.refunds.done(refund.refund_id, returned)
    purchase = books.purchases.get(refund.purchase_id)
    tell_returned(notices, purchase, returned)


def _refused(services: ApiServices, refund: Refund, trouble: str) -> None:
    books, notices = services.rows.books, services.rows.notices
    if books.refunds.refused(refund.refund_id, trouble):
        told = {"purchase": refund.purchase_id, "amount": money(refund.amount), "reason": trouble}
        notices.tell(ADMINS, "notice-refund-refused", told, f"refund-refused:{refund.refund_id}")


async def read_returns(services: ApiServices, purchase_id: str) -> None:
    """Write down what went back of a payment without us. Raises TillError.

    While we send a refund ourselves, that comes first: it knows who wished for it, and why.
    """
    books = services.rows.books
    purchase = await services.store.read(lambda: books.purchases.get(purchase_id))
    sent = await services.store.read(lambda: books.refunds.of(purchase_id))
    if any(each.state in _UNDER_WAY for each in sent):
        later = services.clock() + next_look(0)
        await services.store.do(lambda: books.asking.look(purchase_id, later))
        return
    listed = [*await returns_of(services).refunds(purchase.outside_id)]
    await services.store.do(lambda: _give_back(services, listed))


def _give_back(services: ApiServices, listed: Iterable[SeenRefund]) -> None:
    books, notices = services.rows.books, services.rows.notices
    for seen in listed:
        if seen.is_done:
            returned = _returned(seen, BY_HAND, seen.reason)
            give_back(books, notices, Till.YOOKASSA, returned)


def _returned(seen: SeenRefund, by: str, reason: str) -> Returned:
    return Returned(seen.outside_id, seen.payment_id, seen.amount, seen.at, by, reason)


def money(amount: Amount) -> str:
    """Return an amount as notices say it: "299.00 RUB"."""
    return f"{amount.decimal} {amount.currency.value}"
