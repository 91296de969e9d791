"""What routes and pages do with an order: place it, have it paid, look, give it up.

Nothing but what YooKassa itself says of a payment changes an order: a payment is read with our own
credentials. A notification only makes us look.

YooKassa is asked for the payment of an order once, however many ask and how often.

    pay.intended: the intent is committed -> pay.sent: YooKassa answered -> pay.recorded

Of two who ask at once one does, and the other waits for what comes of it. Where nobody knows what
became of a call, the order stays as it is and is asked for again: under the same key that is the
same payment, and once YooKassa has forgotten the key, its list says whether there is one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from merlin.api.payments.gateway import (
    KEY_LIVES,
    is_final,
    is_ours,
    note,
    payments_of,
    shop_of,
    wish_of,
)
from merlin.api.payments.refunds import read_returns
from merlin.api.payments.renewals import record_failed_renewal, record_renewal
from merlin.api.services import ApiServices
from merlin.billing import orders
from merlin.billing.orders import Wanted
from merlin.billing.payments import Settled, expire, settle, tell_code_taken
from merlin.billing.purchases import Purchase, PurchaseState, next_look
from merlin.core.errors import PaymentError, PaymentUnknown, Refused
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.providers.payments import Seen, Status, mismatch

# Clocks differ, and a list is asked for by time.
_EARLIER = timedelta(hours=1)


async def sync_status(services: ApiServices, purchase: Purchase) -> Settled:
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
        kill_point("payment.after")
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
        record_renewal(services, purchase, seen)
    if settled is Settled.CANCELED:
        record_failed_renewal(services, purchase, seen.reason)
    return settled


def end(services: ApiServices, purchase_id: str) -> None:
    """End an order that nobody paid in time; money that is held was paid. Within the store."""
    books = services.rows.books
    purchase = books.purchases.get(purchase_id)
    if purchase.state is PurchaseState.HELD:
        return
    if expire(books, purchase, services.clock()):
        record_failed_renewal(services, purchase, "expired_on_confirmation")


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
            raise PaymentUnknown("somebody else asks still")
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
    task = asyncio.create_task(create_payment(services, purchase_id))
    _UNDER_WAY.add(task)
    task.add_done_callback(_let_end)
    done, _ = await asyncio.wait({task}, timeout=wait_s)
    if not done:
        raise PaymentUnknown("no answer yet")
    return task.result()


# Tasks that nobody waits for would be forgotten half way.
_UNDER_WAY: set[asyncio.Task[Purchase]] = set()


def _let_end(task: asyncio.Task[Purchase]) -> None:
    _UNDER_WAY.discard(task)
    if not task.cancelled():
        task.exception()  # It was written down where it happened.


async def create_payment(services: ApiServices, purchase_id: str, method_id: str = "") -> Purchase:
    """Ask for a payment that `is_mine`, and return the order as it is then. Raises TillError."""
    kill_point("pay.intended")
    purchase = await _read(services, purchase_id)
    try:
        seen = await _seen(services, purchase, method_id)
    except PaymentError as error:
        await note(services, error, purchase=purchase_id)
        await services.store.do(partial(_failed, services, purchase, error))
        raise
    kill_point("pay.sent")
    await _recorded(services, purchase, seen)
    kill_point("pay.recorded")
    return await _read(services, purchase_id)


async def _seen(services: ApiServices, purchase: Purchase, method_id: str) -> Seen:
    """Return the payment, made now or by whoever asked before. Raises TillError."""
    is_old = services.clock() - purchase.created_at > KEY_LIVES
    known = await found(services, purchase) if is_old else None
    if known is not None:
        return known
    try:
        return await payments_of(services).create(wish_of(services, purchase, method_id))
    except PaymentError as error:
        # What was asked for before in other words is refused, and is there all the same.
        known = await found(services, purchase) if is_final(error) else None
        if known is None:
            raise
        return known


async def _recorded(services: ApiServices, purchase: Purchase, seen: Seen) -> None:
    try:
        settled = await take(services, purchase, seen)
    except PaymentError as error:  # The payment is there; what follows is done at the next look.
        await note(services, error, purchase=purchase.purchase_id)
        return
    if settled is Settled.WRONG:
        refusal = PaymentError("the payment is not the order's", code=WRONG)
        await services.store.do(lambda: _failed(services, purchase, refusal))
        raise refusal


def _failed(services: ApiServices, purchase: Purchase, error: PaymentError) -> None:
    """End an order that is refused for good; let any other be asked for again at once."""
    books, purchase_id = services.rows.books, purchase.purchase_id
    if is_final(error):
        reason = error.code or "refused"
        # Not one for which somebody else who asked was given a page.
        is_unpaid = books.purchases.get(purchase_id).state is PurchaseState.ASKING
        give_up, state = books.purchases.give_up, PurchaseState.CANCELED
        if is_unpaid and give_up(purchase_id, state, reason, is_closed=True):
            record_failed_renewal(services, purchase, reason)
        return
    # As if it had been asked so long ago that nobody waits for the answer.
    books.asking.asking(purchase_id, services.clock() - PATIENCE, -PATIENCE)


async def _read(services: ApiServices, purchase_id: str) -> Purchase:
    return await services.store.read(lambda: services.rows.books.purchases.get(purchase_id))


log = get_logger(__name__)

# Why an order was canceled that its buyer gave up; YooKassa has no such word.
BY_BUYER = "given_up"


async def placed(services: ApiServices, wanted: Wanted) -> Purchase:
    """Store what somebody wants to buy; the same wish again is the same order.

    Raises NotFound and Refused as `buying.order` does.
    """
    books, shop = services.rows.books, shop_of(services)
    return await services.store.do(lambda: orders.order(books, shop, wanted, services.clock))


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
            await sync_status(services, purchase)
        except PaymentError as error:
            log.warning("a payment could not be read", reason=redact(str(error)))
    return await services.store.read(lambda: books.purchases.get(purchase_id))


async def give_up(services: ApiServices, purchase_id: str) -> bool:
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
