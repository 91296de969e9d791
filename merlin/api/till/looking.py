"""Looking: a payment is read with our own credentials, and what it says becomes what the order is.

A notification only makes us look; nothing else that anybody sends counts.
"""

from __future__ import annotations

from datetime import timedelta

from merlin.api.services import ApiServices
from merlin.api.till.renewing import not_renewed, renewed
from merlin.api.till.returning import read_returns
from merlin.api.till.shop import payments_of
from merlin.billing.purchase import Purchase, PurchaseState, next_look
from merlin.billing.settling import Settled, expire, settle, tell_code_taken
from merlin.billing.till import Seen, Status, mismatch
from merlin.core.killpoint import reached

# Clocks differ, and a list is asked for by time.
_EARLIER = timedelta(hours=1)


async def look(services: ApiServices, purchase: Purchase) -> Settled:
    """Read the payment of an order and settle it. Raises TillError."""
    seen = await found(services, purchase)
    return Settled.NOTHING if seen is None else await take(services, purchase, seen)


async def found(services: ApiServices, purchase: Purchase) -> Seen | None:
    """Return the payment of an order, by the list where we never learnt its id. Raises TillError.

    None where YooKassa was never asked, or has none for it.
    """
    payments = payments_of(services)
    if purchase.outside_id:
        return await payments.find(purchase.outside_id)
    if purchase.asked_at is None:
        return None
    listed = await payments.between(purchase.created_at - _EARLIER, services.clock())
    return next((each for each in listed if mismatch(purchase, each) is None), None)


async def take(services: ApiServices, purchase: Purchase, seen: Seen) -> Settled:
    """Let what YooKassa says change the order; money that is held is taken. Raises TillError."""
    settled = await services.store.do(lambda: _settled(services, purchase.purchase_id, seen))
    if settled in {Settled.PAID, Settled.RETURNED}:
        reached("payment.after")
    if settled is Settled.RETURNED:
        await read_returns(services, purchase.purchase_id)
    if seen.status is Status.HELD and settled is not Settled.WRONG:
        return await _with_its_money(services, purchase.purchase_id)
    return settled


async def _with_its_money(services: ApiServices, purchase_id: str) -> Settled:
    """Take what is held; who has left pays nothing, nor whoever's code was used meanwhile."""
    payments = payments_of(services)
    purchase, is_wanted = await services.store.do(lambda: _judged(services, purchase_id))
    seen = await (payments.capture(purchase) if is_wanted else payments.cancel(purchase))
    # Still held: it is looked at again, as every order that is not settled.
    return Settled.HELD if seen.status is Status.HELD else await take(services, purchase, seen)


def _judged(services: ApiServices, purchase_id: str) -> tuple[Purchase, bool]:
    """Return an order, and whether the money that is held for it is to be taken."""
    books = services.rows.books
    purchase = books.purchases.get(purchase_id)
    if not purchase.user_id:
        return purchase, False
    if purchase.state.is_paid or books.promos.may_take(purchase):
        return purchase, True
    tell_code_taken(services.rows.notices, purchase, purchase.outside_id)
    return purchase, False


def _settled(services: ApiServices, purchase_id: str, seen: Seen) -> Settled:
    books, notices = services.rows.books, services.rows.notices
    purchase = books.purchases.get(purchase_id)
    if not purchase.outside_id and mismatch(purchase, seen) is None:
        look_at = services.clock() + next_look(0)
        books.asking.pending(purchase_id, seen.outside_id, seen.pay_url, look_at)
    settled = settle(books, notices, purchase, seen)
    if settled is Settled.PAID:
        renewed(services, purchase, seen)
    if settled is Settled.CANCELED:
        not_renewed(services, purchase, seen.reason)
    return settled


def end(services: ApiServices, purchase_id: str) -> None:
    """End an order that nobody paid in time; money that is held was paid. Within the store."""
    books = services.rows.books
    purchase = books.purchases.get(purchase_id)
    if purchase.state is PurchaseState.HELD:
        return
    if expire(books, purchase, services.clock()):
        not_renewed(services, purchase, "expired_on_confirmation")
