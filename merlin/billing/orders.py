"""Buying: what somebody wants becomes a purchase; the first step of both tills.

Everything here is called within the store's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from merlin.billing.books import Books
from merlin.billing.plan import Plan, plan_named
from merlin.billing.promo_codes import priced
from merlin.billing.purchases import Order, Purchase, PurchaseState, Till, promise_of
from merlin.billing.selling import Selling
from merlin.billing.subscriptions import Source
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody chose; fields as in `purchase.Order`."""

    user_id: int
    plan: str
    till: Till
    promo: str = ""
    contact: str = ""
    keeps_method: bool = False


@dataclass(frozen=True, slots=True)
class Shop:
    """What is sold, and how."""

    plans: Sequence[Plan]
    selling: Selling

    def plan(self, name: str) -> Plan:
        """Return what is sold under this name. Raises NotFound."""
        found = plan_named(self.plans, name)
        if found is None or not found.offer.is_sold:
            raise NotFound(f"{name} is not sold", "billing-not-sold", plan=name)
        return found

    def price(self, plan: Plan, till: Till, amounts: tuple[Amount | None, Amount | None]) -> Amount:
        """Return what a till takes of the prices in roubles and Stars. Raises Refused for none."""
        rub, xtr = amounts
        is_open = till is Till.STARS or self.selling.yookassa is not None
        price = xtr if till is Till.STARS else rub
        if price is None or not is_open:
            raise Refused(f"{plan.name} is not sold by {till.value}", "billing-not-sold-so")
        return price


def order(books: Books, shop: Shop, wanted: Wanted, clock: Clock = utc_now) -> Purchase:
    """Store what somebody wants to buy; the same wish again is the same purchase.

    An open order that holds the same code and is another (another till, another address for the
    receipt) is given up for it. Raises NotFound for what is not sold, Refused for a till that does
    not take it, a code that is no good, and a receipt without an address.
    """
    plan = shop.plan(wanted.plan)
    if not wanted.promo:
        price = shop.price(plan, wanted.till, priced(plan, None))
        return books.purchases.order(_order(shop, plan, wanted, price), _lasts(shop))
    promo = books.promos.find(wanted.user_id, wanted.promo, plan.name)
    if not promo.percent:
        raise Refused("a code that gives days", "promo-is-days", code=promo.code)
    price = shop.price(plan, wanted.till, priced(plan, promo))
    new = _order(shop, plan, wanted, price)
    for each in holding(books, wanted.user_id, promo.code):
        if each.order == new and each.may_be_paid(clock()):
            return each
        state = PurchaseState.CANCELED if clock() < each.expires_at else PurchaseState.EXPIRED
        books.purchases.give_up(each.purchase_id, state)
    purchase = books.purchases.order(new, _lasts(shop))
    books.promos.hold(wanted.user_id, promo.code, purchase.purchase_id)
    return purchase


def holding(books: Books, user_id: int, code: str) -> list[Purchase]:
    """Return somebody's unpaid orders that hold a code."""
    mine = books.purchases.of(user_id)
    return [each for each in mine if each.order.promo == code and each.state.is_unpaid]


def _order(shop: Shop, plan: Plan, wanted: Wanted, price: Amount) -> Order:
    yookassa = shop.selling.yookassa
    by_card = yookassa if wanted.till is Till.YOOKASSA else None
    if by_card is not None and by_card.receipt is not None and not wanted.contact:
        raise Refused("a receipt goes nowhere", "billing-no-contact")
    may_keep = by_card is not None and by_card.saves_methods and plan.offer.is_renewed
    return Order(
        user_id=wanted.user_id,
        till=wanted.till,
        promise=promise_of(plan),
        amount=price,
        is_test=by_card is not None and by_card.is_test,
        contact=wanted.contact,
        promo=wanted.promo.strip().upper(),
        keeps_method=wanted.keeps_method and may_keep,
    )


def _lasts(shop: Shop) -> timedelta:
    return timedelta(hours=shop.selling.order_hours)


def renewing(
    books: Books, shop: Shop, plan: Plan, wanted: Wanted, renewal: tuple[int, int]
) -> Purchase:
    """Store the order by which a plan is paid again; `renewal` is its id and which try this is.

    The same try is the same purchase, and while one try is open there is no other. Raises Refused
    where the plan is not sold so any more, NotFound where the person has no such renewal.
    """
    renewal_id, number = renewal
    for each in books.purchases.of(wanted.user_id):
        if each.order.renewal_id == renewal_id and each.state.is_open:
            return each
    due = next((x for x in books.renewals.of(wanted.user_id) if x.renewal_id == renewal_id), None)
    if due is None:
        raise NotFound(f"no renewal {renewal_id}", "billing-no-purchase")
    price = shop.price(plan, wanted.till, priced(plan, None))
    order_ = Order(
        user_id=wanted.user_id,
        till=wanted.till,
        promise=promise_of(plan),
        amount=price,
        is_test=shop.selling.yookassa is not None and shop.selling.yookassa.is_test,
        contact=wanted.contact,
        renewal_id=renewal_id,
    )
    # The number begins anew with each payment; the day does not.
    key = f"renewal:{renewal_id}:{number}:{iso(due.next_at)}"
    return books.purchases.order(order_, _lasts(shop), key)


def begin_trial(books: Books, shop: Shop, user_id: int, name: str, by: str) -> int:
    """Give somebody the trial of a plan; return its days. Raises Refused where it was had."""
    plan = plan_named(shop.plans, name)
    if plan is None or not plan.offer.trial_days:
        raise NotFound(f"no trial of {name}", "billing-no-trial")
    terms, days = books.terms, plan.offer.trial_days
    has_it = any(each.plan == name for each in terms.of(user_id))
    key = f"trial:{name}"
    if has_it or terms.had_trial(user_id, name):
        raise Refused(f"{name} was tried", "billing-trial-had")
    if not terms.add(user_id, name, days, Source.TRIAL, key, by):
        raise Refused(f"{name} was tried", "billing-trial-had")
    return days
