"""Desk: what routes and pages do with an order: place it, have it paid, look, give it up.

Nothing but what YooKassa itself says of a payment changes an order here (`till.looking`).
"""

from __future__ import annotations

from merlin.api.services import ApiServices
from merlin.api.till.asking import ask
from merlin.api.till.looking import look
from merlin.api.till.shop import shop_of
from merlin.billing import buying
from merlin.billing.buying import Wanted
from merlin.billing.purchase import Purchase, PurchaseState, next_look
from merlin.core.errors import TillError
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

# Why an order was canceled that its buyer gave up; YooKassa has no such word.
BY_BUYER = "given_up"


async def placed(services: ApiServices, wanted: Wanted) -> Purchase:
    """Store what somebody wants to buy; the same wish again is the same order.

    Raises NotFound and Refused as `buying.order` does.
    """
    books, shop = services.rows.books, shop_of(services)
    return await services.store.do(lambda: buying.order(books, shop, wanted, services.clock))


async def asked(services: ApiServices, purchase_id: str) -> Purchase:
    """Return an order with the page on which it is paid (`pay_url`), asked for where needed.

    An order that is paid already is returned as it is. Takes 10 s at most. Raises NotFound,
    Refused for an order that is over, TillError where YooKassa refuses, TillAway and TillDoubt
    where it is silent: then the order stands, and may be asked for again.
    """
    return await ask(services, purchase_id)


async def looked(services: ApiServices, purchase_id: str) -> Purchase:
    """Read the payment again now, and return the order as it is then.

    Raises NotFound alone: where YooKassa is silent, the order is as it was.
    """
    books = services.rows.books
    purchase = await services.store.read(lambda: books.purchases.get(purchase_id))
    # Of what is settled, nobody expects anything new: then nobody looks of themselves either.
    if purchase.outside_id and purchase.look_at is not None and services.payments is not None:
        try:
            await look(services, purchase)
        except TillError as error:
            log.warning("a payment could not be read", reason=redact(str(error)))
    return await services.store.read(lambda: books.purchases.get(purchase_id))


async def given_up(services: ApiServices, purchase_id: str) -> bool:
    """End an open order as its buyer wishes; False for one that is not open.

    One whose payment was begun is looked at for a while longer: it may be paid all the same. What
    is held is paid already. Raises NotFound.
    """
    books, later = services.rows.books, services.clock() + next_look(0)

    def give_up() -> bool:
        before = books.purchases.get(purchase_id)
        # What renews a plan is stopped with the renewal; its money may be on its way already.
        if not before.state.is_unpaid or before.order.renewal_id is not None:
            return False
        books.purchases.give_up(purchase_id, PurchaseState.CANCELED, BY_BUYER)
        if before.asked_at is not None:
            books.asking.look(purchase_id, later)
        return True

    return await services.store.do(give_up)
