"""Attending: one order that is due is asked for, looked at, or ended; what the cashier does."""

from __future__ import annotations

from merlin.api.services import ApiServices
from merlin.api.till.asking import carry_out, is_mine
from merlin.api.till.looking import end, look
from merlin.api.till.renewing import renewal_of
from merlin.api.till.shop import is_ours
from merlin.api.till.trouble import is_final, note
from merlin.billing.purchase import Purchase, PurchaseState
from merlin.billing.renewal import RenewalState
from merlin.core.errors import TillError

_UNASKED = (PurchaseState.CREATED, PurchaseState.ASKING)


async def attend(services: ApiServices, purchase: Purchase) -> None:
    """Do what an order waits for. Raises TillError where YooKassa is to be asked again later."""
    if is_ours(purchase) and services.payments is not None:
        await _by_till(services, purchase)
    await services.store.do(lambda: end(services, purchase.purchase_id))


async def _by_till(services: ApiServices, purchase: Purchase) -> None:
    is_renewing = purchase.order.renewal_id is not None
    method_id = await services.store.read(lambda: _method(services, purchase))
    may_ask = purchase.state in _UNASKED and purchase.may_be_paid(services.clock())
    was_asked = purchase.asked_at is not None
    if may_ask and (method_id if is_renewing else was_asked):
        if await is_mine(services, purchase):
            await carry_out(services, purchase.purchase_id, method_id)
    elif was_asked:
        await _looked(services, purchase)
    elif is_renewing:
        # Its owner said no before anybody was asked.
        give_up = services.rows.books.purchases.give_up
        await services.store.do(lambda: give_up(purchase.purchase_id, PurchaseState.CANCELED))


async def _looked(services: ApiServices, purchase: Purchase) -> None:
    try:
        await look(services, purchase)
    except TillError as error:
        await note(services, error, purchase=purchase.purchase_id)
        if not is_final(error):
            raise


def _method(services: ApiServices, purchase: Purchase) -> str:
    """Return the saved method that pays an order, "" where a person pays it, or said no."""
    renewal = renewal_of(services.rows.books, purchase)
    return renewal.method if renewal and renewal.state is RenewalState.ON else ""
