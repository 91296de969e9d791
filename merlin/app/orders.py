"""What people do with orders: place one, pay it, look what became of it, cancel it.

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
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from merlin.app import settlement
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.plans import record_failed_renewal
from merlin.app.settlement import Outcome, mismatch
from merlin.billing.ledger import Entry, EntryKind, Ledger
from merlin.billing.promo_codes import Promos
from merlin.billing.purchases import Purchase, Purchases, PurchaseState, next_poll_delay
from merlin.billing.refunds import UNDER_WAY, Refund, Refunds
from merlin.billing.subscriptions import Term, Terms
from merlin.core.errors import (
    GatewayUnavailable,
    NotFound,
    PaymentError,
    PaymentUnknown,
    Refused,
)
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.core.money import Amount
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    PaymentRequest,
    Status,
)

if TYPE_CHECKING:
    from merlin.providers.yookassa import YooKassaGateway

log = get_logger(__name__)
T = TypeVar("T")

# So long YooKassa knows by its key that a call comes again; an hour less than the day it says.
KEY_LIVES = timedelta(hours=23)
MAX_WORDS = 128
# Why an order was canceled that its buyer gave up; YooKassa has no such word.
BY_BUYER = "given_up"
# Nobody waits longer; what was asked goes on beside them, and is written down when it comes.
WAIT_S = 9.5
# Longer than a call takes: then who asked was killed, and another asks in their place.
PATIENCE = timedelta(seconds=15)
_AGAIN_S = 0.05
_MISMATCH = "mismatch"
# Clocks differ, and a list is asked for by time.
_EARLIER = timedelta(hours=1)
# YooKassa's words for credentials that are none, or not for this.
_WRONG_KEY = frozenset({"invalid_credentials", "forbidden"})


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """An order with what it brought and what went back; `terms` are its person's."""

    purchase: Purchase
    entries: Sequence[Entry]
    refunds: Sequence[Refund]
    terms: Sequence[Term] = ()

    @property
    def grants(self) -> list[Entry]:
        """Return what was granted, oldest first."""
        return [entry for entry in self.entries if entry.kind is EntryKind.GRANT]

    @property
    def is_empty(self) -> bool:
        """Return whether all that was paid grants nothing, because its code was used before."""
        return bool(self.grants) and all(grant.is_empty for grant in self.grants)

    @property
    def returned(self) -> list[Entry]:
        """Return the money that went back."""
        return [entry for entry in self.entries if entry.kind is EntryKind.REFUND]

    @property
    def returning(self) -> list[Refund]:
        """Return the refunds under way."""
        return [refund for refund in self.refunds if refund.state in UNDER_WAY]

    @property
    def rests(self) -> dict[int, Amount]:
        """Return what has not gone back of each grant, by its row."""
        back = Counter[int | None]()
        for each in self.returned:
            back[each.refers] += each.amount.minor
        return {
            grant.entry_id: Amount(grant.amount.minor - back[grant.entry_id], grant.amount.currency)
            for grant in self.grants
        }

    @property
    def refundable(self) -> dict[int, Amount]:
        """Return what may go back now of each grant, by its row."""
        moving = {each.grant_id for each in self.returning}
        return {
            number: rest
            for number, rest in self.rests.items()
            if rest.minor > 0 and number not in moving
        }


def list_orders(ctx: Context, actor: Actor, limit: int) -> list[Purchase]:
    """Return the actor's orders, newest first."""
    return Purchases(ctx.db, ctx.clock).of(actor.user_id, limit) if actor.user_id else []


def show_order(ctx: Context, actor: Actor, purchase_id: str) -> Purchase:
    """Return one of the actor's orders. Raises NotFound, for another's as for none."""
    found = Purchases(ctx.db, ctx.clock).get(purchase_id)
    if not actor.user_id or found.user_id != actor.user_id:
        raise NotFound("another's order", "billing-no-purchase")
    return found


def show_order_details(ctx: Context, actor: Actor, purchase_id: str) -> OrderDetails:
    """Return one of the actor's orders with all that became of it. Raises NotFound."""
    return details_of(ctx, show_order(ctx, actor, purchase_id))


def details_of(ctx: Context, purchase: Purchase) -> OrderDetails:
    """Return an order with all that became of it."""
    return OrderDetails(
        purchase=purchase,
        entries=Ledger(ctx.db, ctx.clock).entries(purchase.purchase_id),
        refunds=Refunds(ctx.db, ctx.clock).of(purchase.purchase_id),
        terms=Terms(ctx.db, ctx.clock).of(purchase.user_id),
    )


def cancel_order(ctx: Context, actor: Actor, purchase_id: str) -> bool:
    """End an open order as its buyer wishes; False for one that is not open. Raises NotFound.

    One whose payment was begun is looked at for a while longer: it may be paid all the same. What
    is held is paid already.
    """
    before, purchases = show_order(ctx, actor, purchase_id), Purchases(ctx.db, ctx.clock)
    # What renews a plan is stopped with the renewal; its money may be on its way already.
    if not before.state.is_unpaid or before.order.renewal_id is not None:
        return False
    purchases.give_up(before.purchase_id, PurchaseState.CANCELED, BY_BUYER)
    if before.asked_at is not None:
        purchases.look(before.purchase_id, ctx.clock() + next_poll_delay(0))
    return True


async def pay_order(ctx: Context, actor: Actor, purchase_id: str) -> Purchase:
    """Return an order with the page on which it is paid (`pay_url`), asked for where needed.

    An order that is paid already is returned as it is. Takes 10 s at most. Raises NotFound,
    Refused for an order that is over, PaymentError where YooKassa refuses, GatewayUnavailable and
    PaymentUnknown where it is silent: then the order stands, and may be asked for again.
    """
    await ctx.read(show_order, actor, purchase_id)
    polled_gateway(ctx)
    clock = asyncio.get_running_loop().time
    ends = clock() + WAIT_S
    while True:
        purchase = await _read(ctx, purchase_id)
        if _is_asked_for(ctx, purchase):
            return purchase
        if await claim_payment(ctx, purchase):
            try:
                return await _wait(create_payment(ctx, purchase_id), ends - clock())
            except TimeoutError:
                raise PaymentUnknown("no answer yet") from None
        if clock() > ends:
            raise PaymentUnknown("somebody else asks still")
        await asyncio.sleep(_AGAIN_S)


async def poll_order(ctx: Context, actor: Actor, purchase_id: str, wait_s: float) -> Purchase:
    """Read the payment again now, and return the order as it is then.

    Raises NotFound, and TimeoutError after `wait_s`; it is looked at all the same then. Where
    YooKassa is silent, the order is as it was.
    """
    purchase = await ctx.read(show_order, actor, purchase_id)
    # Of what is settled, nobody expects anything new: then nobody looks of themselves either.
    if purchase.outside_id and purchase.look_at is not None and ctx.polled is not None:
        try:
            await _wait(sync_status(ctx, purchase), wait_s)
        except PaymentError as error:
            log.warning("a payment could not be read", reason=redact(str(error)))
    return await _read(ctx, purchase_id)


async def mark_order_due(ctx: Context, event: str, payment_id: str, purchase_id: str) -> bool:
    """Let an order be looked at now of whose payment, or else of which, there may be news.

    False, and nothing is written, where there is none to look at.
    """
    found = await ctx.read(_named_order, payment_id, purchase_id)
    is_settled = found is not None and found.state.is_paid and event.startswith("payment.")
    if found is None or is_settled:
        return False
    look, now = Purchases(ctx.db, ctx.clock).look, ctx.clock()
    return await ctx.store.do(lambda: look(found.purchase_id, now))


def _named_order(ctx: Context, payment_id: str, purchase_id: str) -> Purchase | None:
    """Return the order of a payment, or one that was asked for with an answer we never learnt."""
    purchases = Purchases(ctx.db, ctx.clock)
    known = purchases.by_outside(Gateway.YOOKASSA, payment_id)
    if known is not None or not purchase_id:
        return known
    try:
        found = purchases.get(purchase_id)
    except NotFound:
        return None
    was_asked = found.asked_at is not None and not found.outside_id
    return found if was_asked and found.state is not PurchaseState.PENDING else None


def polled_gateway(ctx: Context) -> YooKassaGateway:
    """Return the shop at YooKassa. Raises Refused where there is none."""
    if ctx.polled is None:
        raise Refused("no shop", "pay-no-shop")
    return ctx.polled


def payment_request(ctx: Context, purchase: Purchase, method_id: str = "") -> PaymentRequest:
    """Return the payment to ask for; with a saved method nobody comes back from anywhere.

    It is the same however often it is made: under one key YooKassa wants to be told one thing.
    """
    order = purchase.order
    title = order.promise.titled(ctx.config.language)
    address = f"{ctx.config.api.public_url.rstrip('/')}/orders/{purchase.purchase_id}"
    return PaymentRequest(
        purchase_id=purchase.purchase_id,
        user_id=purchase.user_id,
        amount=order.amount,
        title=title,
        description=text(ctx.config.language, "pay-words", title=title)[:MAX_WORDS],
        contact=order.contact,
        return_url="" if method_id else address,
        saves_method=order.keeps_method,
        method_id=method_id,
    )


def _is_asked_for(ctx: Context, purchase: Purchase) -> bool:
    """Return whether nobody needs to ask any more. Raises Refused for an order that is over."""
    if purchase.order.gateway is not Gateway.YOOKASSA:
        raise Refused("paid in Stars", "pay-in-stars")
    if purchase.state.is_paid or purchase.state is PurchaseState.HELD:
        return True
    if purchase.order.renewal_id is not None:
        raise Refused("paid by a saved method", "pay-by-itself")
    if not purchase.may_be_paid(ctx.clock()):
        raise Refused("the order is over", "pay-order-over")
    return purchase.state is PurchaseState.PENDING


async def claim_payment(ctx: Context, purchase: Purchase) -> bool:
    """Return whether this process may ask now: then nobody else does for `PATIENCE`."""
    now, claim = ctx.clock(), Purchases(ctx.db, ctx.clock).claim_call
    if purchase.asked_at is not None and abs(now - purchase.asked_at) < PATIENCE:
        return False
    return await ctx.store.do(lambda: claim(purchase.purchase_id, now, PATIENCE))


async def _wait(work: Coroutine[Any, Any, T], wait_s: float) -> T:
    """Return what comes of some work. Raises TimeoutError after `wait_s`; it goes on beside us."""
    task = asyncio.create_task(work)
    _under_way.add(task)
    task.add_done_callback(_let_end)
    done, _ = await asyncio.wait({task}, timeout=wait_s)
    if not done:
        raise TimeoutError
    return task.result()


# Tasks that nobody waits for would be forgotten half way.
_under_way: set[asyncio.Task[Any]] = set()


def _let_end(task: asyncio.Task[Any]) -> None:
    _under_way.discard(task)
    if not task.cancelled():
        task.exception()  # It was written down where it happened.


async def create_payment(ctx: Context, purchase_id: str, method_id: str = "") -> Purchase:
    """Ask for a payment that was claimed, and return the order as it is then.

    Raises PaymentError.
    """
    kill_point("pay.intended")
    purchase = await _read(ctx, purchase_id)
    try:
        payment = await _created(ctx, purchase, method_id)
    except PaymentError as error:
        await note_failure(ctx, error, purchase=purchase_id)
        await ctx.write(_failed, purchase, error)
        raise
    kill_point("pay.sent")
    try:
        outcome = await _apply(ctx, purchase, payment)
    except PaymentError as error:  # The payment is there; what follows is done at the next look.
        await note_failure(ctx, error, purchase=purchase_id)
        outcome = Outcome.NOTHING
    if outcome is Outcome.WRONG:
        refusal = PaymentError("the payment is not the order's", code=_MISMATCH)
        await ctx.write(_failed, purchase, refusal)
        raise refusal
    kill_point("pay.recorded")
    return await _read(ctx, purchase_id)


async def _created(ctx: Context, purchase: Purchase, method_id: str) -> GatewayPayment:
    """Return the payment, made now or by whoever asked before. Raises PaymentError."""
    is_old = ctx.clock() - purchase.created_at > KEY_LIVES
    known = await _find_payment(ctx, purchase) if is_old else None
    if known is not None:
        return known
    try:
        return await polled_gateway(ctx).create(payment_request(ctx, purchase, method_id))
    except PaymentError as error:
        # What was asked for before in other words is refused, and is there all the same.
        known = await _find_payment(ctx, purchase) if is_final(error) else None
        if known is None:
            raise
        return known


def _failed(ctx: Context, purchase: Purchase, error: PaymentError) -> None:
    """End an order that is refused for good; let any other be asked for again at once."""
    purchases, purchase_id = Purchases(ctx.db, ctx.clock), purchase.purchase_id
    if is_final(error):
        reason = error.code or "refused"
        # Not one for which somebody else who asked was given a page.
        is_unpaid = purchases.get(purchase_id).state is PurchaseState.ASKING
        state = PurchaseState.CANCELED
        if is_unpaid and purchases.give_up(purchase_id, state, reason, is_closed=True):
            record_failed_renewal(ctx, purchase, reason)
        return
    # As if it had been asked so long ago that nobody waits for the answer.
    purchases.claim_call(purchase_id, ctx.clock() - PATIENCE, -PATIENCE)


async def sync_status(ctx: Context, purchase: Purchase) -> Outcome:
    """Read the payment of an order and apply it. Raises PaymentError."""
    payment = await _find_payment(ctx, purchase)
    return Outcome.NOTHING if payment is None else await _apply(ctx, purchase, payment)


async def _find_payment(ctx: Context, purchase: Purchase) -> GatewayPayment | None:
    """Return the payment of an order, by the list where we never learnt its id.

    None where YooKassa was never asked, or has none for it. Raises PaymentError.
    """
    gateway = polled_gateway(ctx)
    if purchase.outside_id:
        return await gateway.find(purchase.outside_id)
    if purchase.asked_at is None:
        return None
    listed = await gateway.between(purchase.created_at - _EARLIER, ctx.clock())
    return next((each for each in listed if not mismatch(purchase, each)), None)


async def _apply(ctx: Context, purchase: Purchase, payment: GatewayPayment) -> Outcome:
    """Let what YooKassa says change the order; money that is held is taken."""
    outcome = await ctx.write(_applied, purchase.purchase_id, payment)
    if outcome in {Outcome.PAID, Outcome.RETURNED}:
        kill_point("payment.after")
    if outcome is Outcome.RETURNED:
        await read_refunds(ctx, purchase.purchase_id)
    if payment.status is not Status.HELD or outcome is Outcome.WRONG:
        return outcome
    # Who has left pays nothing, nor whoever's code was used meanwhile.
    gateway, is_wanted = polled_gateway(ctx), await ctx.write(_may_capture, purchase.purchase_id)
    now = await (gateway.capture(payment) if is_wanted else gateway.cancel(payment))
    # Still held: it is looked at again, as every order that is not settled.
    return Outcome.HELD if now.status is Status.HELD else await _apply(ctx, purchase, now)


def _applied(ctx: Context, purchase_id: str, payment: GatewayPayment) -> Outcome:
    purchases = Purchases(ctx.db, ctx.clock)
    purchase = purchases.get(purchase_id)
    if not (purchase.outside_id or mismatch(purchase, payment)):
        look_at = ctx.clock() + next_poll_delay(0)
        purchases.pending(purchase_id, payment.outside_id, payment.pay_url, look_at)
    outcome = settlement.apply_payment(ctx, purchase, payment)
    if outcome is Outcome.CANCELED:
        record_failed_renewal(ctx, purchase, payment.reason)
    return outcome


def _may_capture(ctx: Context, purchase_id: str) -> bool:
    """Return whether the money that is held for an order is to be taken."""
    purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    if not purchase.user_id:
        return False
    if purchase.state.is_paid or Promos(ctx.db, ctx.clock).may_take(purchase):
        return True
    settlement.notify_code_taken(ctx, purchase, purchase.outside_id)
    return False


async def read_refunds(ctx: Context, purchase_id: str) -> None:
    """Write down what went back of a payment without us. Raises PaymentError.

    While we send a refund ourselves, that comes first: it knows who asked for it, and why.
    """
    purchase = await _read(ctx, purchase_id)
    mine = await ctx.store.read(lambda: Refunds(ctx.db, ctx.clock).of(purchase_id))
    if any(each.state in UNDER_WAY for each in mine):
        later = ctx.clock() + next_poll_delay(0)
        await ctx.store.do(lambda: Purchases(ctx.db, ctx.clock).look(purchase_id, later))
        return
    listed = await polled_gateway(ctx).refunds(purchase.outside_id)

    def apply() -> None:
        for sent in listed:
            if sent.is_done:
                settlement.apply_refund(ctx, Gateway.YOOKASSA, sent)

    await ctx.store.do(apply)


def end_overdue(ctx: Context, purchase_id: str) -> None:
    """End an order that nobody paid in time; money that is held was paid. Within the store."""
    purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    if purchase.state is PurchaseState.HELD:
        return
    if settlement.expire(ctx, purchase):
        record_failed_renewal(ctx, purchase, "expired_on_confirmation")


def is_final(error: PaymentError) -> bool:
    """Return whether asking again for the same changes nothing: it is our request that is wrong."""
    return not isinstance(error, GatewayUnavailable) and error.code not in _WRONG_KEY


async def note_failure(ctx: Context, error: PaymentError, **about: object) -> None:
    """Write down that a call failed; tell admins where the credentials are no good."""
    log.warning("a payment gateway failed", code=error.code, reason=redact(str(error)), **about)
    if error.code not in _WRONG_KEY:
        return
    once = f"till-key:{ctx.clock():%Y-%m-%dT%H}"
    arguments = {"reason": error.code}
    tell = Notices(ctx.db, ctx.clock).tell
    await ctx.store.do(lambda: tell(ADMINS, "notice-till-key", arguments, once))


async def _read(ctx: Context, purchase_id: str) -> Purchase:
    return await ctx.store.read(lambda: Purchases(ctx.db, ctx.clock).get(purchase_id))
