"""Asking: YooKassa is asked for the payment of an order, once, however many ask and how often.

    pay.intended: the intent is committed -> pay.sent: YooKassa answered -> pay.recorded

Of two who ask at once one does, and the other waits for what comes of it. Where nobody knows what
became of a call, the order stays as it is and is asked for again: under the same key that is the
same payment, and once YooKassa has forgotten the key, its list says whether there is one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from merlin.api.services import ApiServices
from merlin.api.till.looking import found, take
from merlin.api.till.renewing import not_renewed
from merlin.api.till.shop import KEY_LIVES, is_ours, payments_of, wish_of
from merlin.api.till.trouble import is_final, note
from merlin.billing.purchase import Purchase, PurchaseState
from merlin.billing.settling import Settled
from merlin.billing.till import Seen
from merlin.core.errors import Refused, TillDoubt, TillError
from merlin.core.killpoint import reached

# Nobody waits longer; what was asked goes on beside them, and is written down when it comes.
WAIT_S = 9.5
# Longer than a call takes: then who asked was killed, and another asks in their place.
PATIENCE = timedelta(seconds=15)
_AGAIN_S = 0.05
WRONG = "mismatch"


async def ask(services: ApiServices, purchase_id: str) -> Purchase:
    """Return an order that can be paid on its page, or that was paid; errors as `desk.asked`."""
    payments_of(services)
    clock = asyncio.get_running_loop().time
    ends = clock() + WAIT_S
    while True:
        purchase = await _read(services, purchase_id)
        if _is_asked_for(services, purchase):
            return purchase
        if await is_mine(services, purchase):
            return await _answered(services, purchase_id, ends - clock())
        if clock() > ends:
            raise TillDoubt("somebody else asks still")
        await asyncio.sleep(_AGAIN_S)


def _is_asked_for(services: ApiServices, purchase: Purchase) -> bool:
    """Return whether nobody needs to ask any more. Raises Refused for an order that is over."""
    if not is_ours(purchase):
        raise Refused("paid in Stars", "pay-in-stars")
    if purchase.state.is_paid or purchase.state is PurchaseState.HELD:
        return True
    if purchase.order.renewal_id is not None:
        raise Refused("paid by a saved method", "pay-by-itself")
    if not purchase.may_be_paid(services.clock()):
        raise Refused("the order is over", "pay-order-over")
    return purchase.state is PurchaseState.PENDING


async def is_mine(services: ApiServices, purchase: Purchase) -> bool:
    """Return whether this process may ask now: then nobody else does for `PATIENCE`."""
    now, asking = services.clock(), services.rows.books.asking
    if purchase.asked_at is not None and abs(now - purchase.asked_at) < PATIENCE:
        return False
    return await services.store.do(lambda: asking.asking(purchase.purchase_id, now, PATIENCE))


async def _answered(services: ApiServices, purchase_id: str, wait_s: float) -> Purchase:
    """Return what came of asking. Raises TillDoubt where that takes too long."""
    task = asyncio.create_task(carry_out(services, purchase_id))
    _UNDER_WAY.add(task)
    task.add_done_callback(_let_end)
    done, _ = await asyncio.wait({task}, timeout=wait_s)
    if not done:
        raise TillDoubt("no answer yet")
    return task.result()


# Tasks that nobody waits for would be forgotten half way.
_UNDER_WAY: set[asyncio.Task[Purchase]] = set()


def _let_end(task: asyncio.Task[Purchase]) -> None:
    _UNDER_WAY.discard(task)
    if not task.cancelled():
        task.exception()  # It was written down where it happened.


async def carry_out(services: ApiServices, purchase_id: str, method_id: str = "") -> Purchase:
    """Ask for a payment that `is_mine`, and return the order as it is then. Raises TillError."""
    reached("pay.intended")
    purchase = await _read(services, purchase_id)
    try:
        seen = await _seen(services, purchase, method_id)
    except TillError as error:
        await note(services, error, purchase=purchase_id)
        await services.store.do(partial(_failed, services, purchase, error))
        raise
    reached("pay.sent")
    await _recorded(services, purchase, seen)
    reached("pay.recorded")
    return await _read(services, purchase_id)


async def _seen(services: ApiServices, purchase: Purchase, method_id: str) -> Seen:
    """Return the payment, made now or by whoever asked before. Raises TillError."""
    is_old = services.clock() - purchase.created_at > KEY_LIVES
    known = await found(services, purchase) if is_old else None
    if known is not None:
        return known
    try:
        return await payments_of(services).create(wish_of(services, purchase, method_id))
    except TillError as error:
        # What was asked for before in other words is refused, and is there all the same.
        known = await found(services, purchase) if is_final(error) else None
        if known is None:
            raise
        return known


async def _recorded(services: ApiServices, purchase: Purchase, seen: Seen) -> None:
    try:
        settled = await take(services, purchase, seen)
    except TillError as error:  # The payment is there; what follows is done at the next look.
        await note(services, error, purchase=purchase.purchase_id)
        return
    if settled is Settled.WRONG:
        refusal = TillError("the payment is not the order's", code=WRONG)
        await services.store.do(lambda: _failed(services, purchase, refusal))
        raise refusal


def _failed(services: ApiServices, purchase: Purchase, error: TillError) -> None:
    """End an order that is refused for good; let any other be asked for again at once."""
    books, purchase_id = services.rows.books, purchase.purchase_id
    if is_final(error):
        reason = error.code or "refused"
        # Not one for which somebody else who asked was given a page.
        is_unpaid = books.purchases.get(purchase_id).state is PurchaseState.ASKING
        give_up, state = books.purchases.give_up, PurchaseState.CANCELED
        if is_unpaid and give_up(purchase_id, state, reason, is_closed=True):
            not_renewed(services, purchase, reason)
        return
    # As if it had been asked so long ago that nobody waits for the answer.
    books.asking.asking(purchase_id, services.clock() - PATIENCE, -PATIENCE)


async def _read(services: ApiServices, purchase_id: str) -> Purchase:
    return await services.store.read(lambda: services.rows.books.purchases.get(purchase_id))
